import type { DetectionRows } from '../core/detection.js'

/** Which kind of latent space the rows are of, as far as it changes what finds strangers. */
export type SpaceKind = 'encoder' | 'embedding' | 'table'

/** Columns from which on rows may be embeddings. */
const EMBEDDING_COLUMNS = 128
/** Part of a column's values other than 0 (a network's ReLU gives many) that differ from each other, in embeddings. */
const DISTINCT = 0.9
/** Rows that are looked at. */
const LOOKED_AT = 256

/** Tells them by facts that need no labels: who measured the distances, how many columns, and whether values recur. */
export function spaceKind(rows: DetectionRows): SpaceKind {
  if (rows.nearest !== undefined) return 'encoder'
  if (rows.dim < EMBEDDING_COLUMNS) return 'table'
  return distinctShare(rows) >= DISTINCT ? 'embedding' : 'table'
}

function distinctShare({ values, count, dim }: DetectionRows): number {
  const step = Math.max(1, Math.floor(count / LOOKED_AT))
  const looked = Math.min(count, LOOKED_AT)
  let distinct = 0
  let all = 0
  for (let j = 0; j < dim; j++) {
    const seen = new Set<number>()
    for (let i = 0; i < looked; i++) {
      const value = values[i * step * dim + j] as number
      if (value === 0) continue
      seen.add(value)
      all++
    }
    distinct += seen.size
  }
  return all === 0 ? 0 : distinct / all
}
