import type { Random } from '../core/random.js'
import { RowSums } from '../core/row-sums.js'
import { dot } from '../core/vectors.js'
import { ledoitWolf } from './ledoit-wolf.js'

/** Powers of the covariance: enough for the space of the leading components, though not for each of them. */
const POWERS = 8

/**
 * An orthonormal basis of the space in which rows vary most, by subspace iteration on their covariance (Halko, Martinsson,
 * Tropp, SIAM Review 2011, algorithm 4.4).
 *
 * @param rows centred, row-major, shape [n, dim]
 * @param count fewer than `dim`
 * @returns shape [count, dim]; rows of zeros where the rows vary no further
 */
export function leadingComponents(
  rows: Float32Array,
  { dim, count, random }: { dim: number; count: number; random: Random },
): Float32Array {
  // shrinking a covariance leaves its eigenvectors as they are
  const covariance = new RowSums('products', Float32Array.from(ledoitWolf(rows, dim).matrix), { dim })
  let basis = Float32Array.from({ length: count * dim }, () => random.normal())
  orthonormalise(basis, dim)
  for (let power = 0; power < POWERS; power++) {
    const next = new Float32Array(basis.length)
    for (let from = 0; from < count; from += 64) {
      const block = basis.subarray(from * dim, Math.min(count, from + 64) * dim)
      covariance.with(block, (row, products) => next.set(products, (from + row) * dim))
    }
    orthonormalise(next, dim)
    basis = next
  }
  return basis
}

/** Gram and Schmidt, in place and twice, since once leaves float32 rows askew. */
function orthonormalise(basis: Float32Array, dim: number): void {
  const count = basis.length / dim
  for (let i = 0; i < count; i++) {
    const row = basis.subarray(i * dim, (i + 1) * dim)
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) {
        const other = basis.subarray(k * dim, (k + 1) * dim)
        const part = dot(row, other)
        for (let j = 0; j < dim; j++) row[j] = (row[j] as number) - part * (other[j] as number)
      }
    }
    const length = Math.sqrt(dot(row, row))
    for (let j = 0; j < dim; j++) row[j] = length > 0 ? (row[j] as number) / length : 0
  }
}
