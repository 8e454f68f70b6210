import { dot, norm } from '../../../core/vectors.js'

const NEIGHBOURS = 5

/** Vectors with what their images are called. */
export interface Labelled {
  /** Shape [labels.length, dim]. */
  vectors: Float32Array
  labels: readonly (string | null)[]
}

/**
 * How often the majority of the 5 nearest by cosine has an image's own label.
 *
 * @returns in 0..1; undefined where too few have labels
 */
export function knnAccuracy(known: Labelled, asked: Labelled, dim: number): number | undefined {
  const base = unitRows(known, dim)
  const questions = unitRows(asked, dim)
  if (base.length < NEIGHBOURS || questions.length === 0) return undefined
  let right = 0
  for (const { label, vector } of questions) {
    const nearest: { label: string; cosine: number }[] = []
    for (const other of base) {
      const cosine = dot(vector, other.vector)
      if (nearest.length === NEIGHBOURS && cosine <= (nearest[NEIGHBOURS - 1]?.cosine ?? 1)) continue
      const place = nearest.findIndex((found) => found.cosine < cosine)
      nearest.splice(place < 0 ? nearest.length : place, 0, { label: other.label, cosine })
      nearest.length = Math.min(nearest.length, NEIGHBOURS)
    }
    if (majority(nearest.map((found) => found.label)) === label) right++
  }
  return right / questions.length
}

function unitRows({ vectors, labels }: Labelled, dim: number): { label: string; vector: Float32Array }[] {
  return labels.flatMap((label, i) => {
    const row = vectors.subarray(i * dim, (i + 1) * dim)
    const length = norm(row)
    return label === null || length === 0 ? [] : [{ label, vector: row.map((x) => x / length) }]
  })
}

/** The commonest; of equals the one that came first. */
function majority(labels: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0])[0]
}
