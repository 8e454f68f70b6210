import { dot, normalize } from '../core/vectors.js'

/** Something that was found. */
export interface DiverseCandidate {
  /** To the query; larger is better. */
  relevance: number
  /** Of shape [dim]; undefined where it has none, which is like nothing else. */
  vector: Float32Array | undefined
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): takes, one after the other, the candidate with the
 * largest
 *
 *     lambda * relevance - (1 - lambda) * max cosine to what was taken
 *
 * @param candidates the best first; ties go to the earlier
 * @param options.lambda 0 (as different as can be) to 1 (the order as it is)
 * @yields positions of at most k candidates, none twice, the first taken first; work of O(candidates * dim) lies
 * between two of them
 */
export function* diversify(
  candidates: readonly DiverseCandidate[],
  { k, lambda }: { k: number; lambda: number },
): Generator<number, void, undefined> {
  const units = candidates.map(({ vector }) => vector && normalize(vector))
  const nearest = candidates.map(() => 0)
  const left = new Set(candidates.keys())
  for (let taken = 0; taken < k && left.size > 0; taken++) {
    let best = -1
    let bestValue = Number.NEGATIVE_INFINITY
    for (const i of left) {
      const value = lambda * (candidates[i]?.relevance ?? 0) - (1 - lambda) * (nearest[i] ?? 0)
      if (best < 0 || value > bestValue) {
        best = i
        bestValue = value
      }
    }
    left.delete(best)
    yield best
    const unit = units[best]
    for (const i of left) {
      const other = units[i]
      const cosine = unit && other ? dot(unit, other) : 0
      nearest[i] = taken === 0 ? cosine : Math.max(nearest[i] ?? 0, cosine)
    }
  }
}

/** Scores stretched from 0 to 1, so that they can be weighed against cosines; 1 where all are the same. */
export function stretched(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const least = Math.min(...scores)
  return scores.map((score) => (most > least ? (score - least) / (most - least) : 1))
}
