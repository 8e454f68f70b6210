/** How two ranked lists become one. */
export type Fusion = 'rrf' | 'score'

export const FUSIONS: readonly Fusion[] = ['rrf', 'score']

/** An item of a ranked list; larger scores are better. */
export interface Ranked {
  id: string
  score: number
}

/** An item of either list. */
export interface Fused {
  id: string
  /** 0 to 1; 1 is the best of both lists. */
  score: number
  /** What each list gave it. */
  scores: { dense?: number; keyword?: number }
}

export interface FusionOptions {
  fusion: Fusion
  /** Weight of the dense list, 0 to 1; the keyword list has the rest. */
  alpha: number
  /** See {@link RANK_CONSTANT}. */
  constant?: number
}

/**
 * The constant of reciprocal rank fusion. Larger ones make the first ranks more alike, so that being in both lists
 * counts more than being first in one. Cormack, Clarke and Buettcher (SIGIR 2009) fused many lists of 1,000 with 60;
 * for two short lists a smaller one keeps what an excellent rank says.
 */
export const RANK_CONSTANT = 20

/** Of a list of k, how many candidates are taken from each part. */
export function candidateCount(k: number, most: number): number {
  return Math.min(most, Math.max(50, 3 * k))
}

/**
 * Fuses two lists, each the best first and no id twice.
 *
 * - `rrf`: `sum of weight / (constant + rank)`, times `constant + 1` so that first in both is 1.
 * - `score`: `sum of weight * (score - least) / (most - least)` of each list; where all scores of a list are the same
 *   each counts as 1.
 *
 * @returns the best first, ties in the order of the heavier list and then of the other; without those of score 0 where
 * their list has no weight
 */
export function fuse(
  dense: readonly Ranked[],
  keyword: readonly Ranked[],
  { fusion, alpha, constant = RANK_CONSTANT }: FusionOptions,
): Fused[] {
  const fused = new Map<string, Fused>()
  const parts = [
    { key: 'dense', list: dense, weight: alpha },
    { key: 'keyword', list: keyword, weight: 1 - alpha },
  ] as const
  // a Map keeps the order in which ids came, and sorting is stable
  for (const { key, list, weight } of parts.toSorted((a, b) => b.weight - a.weight)) {
    const shares = fusion === 'rrf' ? rankShares(list, constant) : scoreShares(list)
    for (const [i, { id, score }] of list.entries()) {
      const item = fused.get(id) ?? { id, score: 0, scores: {} }
      if (weight === 0 && !fused.has(id)) continue
      fused.set(id, item)
      item.score += weight * (shares[i] ?? 0)
      item.scores[key] = score
    }
  }
  return [...fused.values()].sort((a, b) => b.score - a.score)
}

/** A ranked list among several, and how much it counts. */
export interface WeightedList {
  /** The best first, no id twice. */
  list: readonly Ranked[]
  /** Above 0. */
  weight: number
}

/**
 * Fuses any number of lists by reciprocal ranks: `sum of weight / (constant + rank)` over the lists that have the item,
 * scaled so that first in all is 1.
 *
 * @returns the best first, ties in the order of the heavier list
 */
export function fuseRanks(lists: readonly WeightedList[], constant = RANK_CONSTANT): Ranked[] {
  const total = lists.reduce((sum, { weight }) => sum + weight, 0)
  const fused = new Map<string, Ranked>()
  for (const { list, weight } of lists.toSorted((a, b) => b.weight - a.weight)) {
    const shares = rankShares(list, constant)
    for (const [i, { id }] of list.entries()) {
      const item = fused.get(id) ?? { id, score: 0 }
      fused.set(id, item)
      item.score += (weight / total) * (shares[i] ?? 0)
    }
  }
  return [...fused.values()].sort((a, b) => b.score - a.score)
}

function rankShares(list: readonly Ranked[], constant: number): number[] {
  return list.map((_, i) => (constant + 1) / (constant + 1 + i))
}

function scoreShares(list: readonly Ranked[]): number[] {
  const scores = list.map(({ score }) => score)
  const most = Math.max(...scores)
  const least = Math.min(...scores)
  return scores.map((score) => (most > least ? (score - least) / (most - least) : 1))
}
