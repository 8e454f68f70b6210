import { RowSums } from '../core/row-sums.js'

/** Covariance brought towards the identity by as much as its own sampling error asks for. */
export interface ShrunkCovariance {
  /** Symmetric, shape [dim, dim]. */
  matrix: Float64Array
  /** In 0..1: 0 takes the sample's covariance as it is, 1 the identity times its mean variance. */
  shrinkage: number
}

/** Part of the mean variance that is added to each, so that float32 sums of singular data stay positive definite. */
const RIDGE = 1e-5

/**
 * (1 - a) S + a m I, m being the mean variance and `a` the share of S's squared distance from m I that is its sampling
 * error: O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, J. Multivariate
 * Analysis 88 (2004). It can be inverted even with fewer rows than columns.
 *
 * @param rows centred, row-major, shape [count, dim]
 */
export function ledoitWolf(rows: Float32Array, dim: number): ShrunkCovariance {
  const count = rows.length / dim
  const columns = transposed(rows, dim)
  const sums = new RowSums('products', columns, { dim: count })
  const matrix = new Float64Array(dim * dim)
  for (let from = 0; from < dim; from += 64) {
    sums.with(columns.subarray(from * count, Math.min(dim, from + 64) * count), (row, products) => {
      for (let j = 0; j < dim; j++) matrix[(from + row) * dim + j] = (products[j] as number) / count
    })
  }
  let mean = 0
  for (let i = 0; i < dim; i++) mean += (matrix[i * dim + i] as number) / dim
  if (!(mean > 0)) return { matrix: identity(dim), shrinkage: 1 }
  const shrinkage = shrinkageOf(rows, { matrix, mean, dim })
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      // float32 sums are not quite symmetric
      const value =
        ((1 - shrinkage) * ((matrix[i * dim + j] as number) + (matrix[j * dim + i] as number))) / 2
      matrix[i * dim + j] = value + (i === j ? (shrinkage + RIDGE) * mean : 0)
      matrix[j * dim + i] = matrix[i * dim + j] as number
    }
  }
  return { matrix, shrinkage }
}

function shrinkageOf(
  rows: Float32Array,
  { matrix, mean, dim }: { matrix: Float64Array; mean: number; dim: number },
): number {
  const count = rows.length / dim
  let squares = 0
  for (let i = 0; i < matrix.length; i++) squares += (matrix[i] as number) ** 2
  let fourth = 0
  for (let i = 0; i < count; i++) {
    let length = 0
    for (let j = i * dim; j < (i + 1) * dim; j++) length += (rows[j] as number) ** 2
    fourth += length * length
  }
  const distance = squares - dim * mean * mean
  const error = fourth / (count * count) - squares / count
  return distance > 0 ? Math.min(1, Math.max(0, error / distance)) : 1
}

function transposed(rows: Float32Array, dim: number): Float32Array {
  const count = rows.length / dim
  const columns = new Float32Array(rows.length)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < dim; j++) columns[j * count + i] = rows[i * dim + j] as number
  }
  return columns
}

function identity(dim: number): Float64Array {
  const matrix = new Float64Array(dim * dim)
  for (let i = 0; i < dim; i++) matrix[i * dim + i] = 1
  return matrix
}
