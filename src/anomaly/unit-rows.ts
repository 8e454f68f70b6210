import { norm } from '../core/vectors.js'

/** Brings rows of `dim` columns to length 1, in place; zero rows stay zero. */
export function toUnitRows(rows: Float32Array, dim: number): void {
  for (let at = 0; at < rows.length; at += dim) {
    const length = norm(rows.subarray(at, at + dim))
    if (length === 0) continue
    for (let j = at; j < at + dim; j++) rows[j] = (rows[j] as number) / length
  }
}
