import type { DetectionRows } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'

/** Rows and which of them are strangers (1). */
export interface LabelledRows {
  rows: DetectionRows
  strange: Uint8Array
}

/**
 * Two round groups of normal rows, 6 apart in each column, and strangers 12 standard deviations off in a random direction.
 * The strangers come last.
 */
export function groupedRows({
  count,
  dim,
  strangers,
  seed = 1,
}: {
  count: number
  dim: number
  strangers: number
  seed?: number
}): LabelledRows {
  const random = seededRandom(seed)
  const values = new Float32Array(count * dim)
  const strange = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const centre = i % 2 === 0 ? 3 : -3
    const row = values.subarray(i * dim, (i + 1) * dim)
    for (let j = 0; j < dim; j++) row[j] = centre + random.normal()
    if (i < count - strangers) continue
    strange[i] = 1
    for (let j = 0; j < dim; j++) row[j] = (row[j] ?? 0) + (random.uniform() < 0.5 ? -1 : 1) * 12
  }
  return { rows: { values, count, dim, columns: {} }, strange }
}

/** Normally distributed numbers, or what `at` says of a row and a column. */
export function plainRows(
  count: number,
  dim: number,
  at: (row: number, column: number) => number | undefined = () => undefined,
): DetectionRows {
  const random = seededRandom(count + dim)
  const values = Float32Array.from(
    { length: count * dim },
    (_, i) => at(Math.floor(i / dim), i % dim) ?? random.normal(),
  )
  return { values, count, dim, columns: {} }
}

/** Normally distributed numbers. */
export function drawn(length: number, seed: number): Float32Array {
  const random = seededRandom(seed)
  return Float32Array.from({ length }, () => random.normal())
}
