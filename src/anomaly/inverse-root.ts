/** Part of the largest variance below which a pivot is rounding. */
const ROUNDING = 1e-12

/**
 * W, lower triangular, with W A W' = I: |W x|^2 = x' A^-1 x. The inverse of A's Cholesky factor.
 *
 * @param matrix symmetric, positive definite, shape [dim, dim]
 */
export function inverseRoot(matrix: Float64Array, dim: number): Float32Array {
  const factor = cholesky(matrix, dim)
  const inverse = new Float64Array(dim * dim)
  const row = new Float64Array(dim)
  // row i of L^-1: (e_i - sum over k < i of L_ik W_k) / L_ii, with rows that lie together in memory
  for (let i = 0; i < dim; i++) {
    row.fill(0, 0, i + 1)
    row[i] = 1
    for (let k = 0; k < i; k++) {
      const weight = factor[i * dim + k] as number
      if (weight === 0) continue
      for (let j = 0; j <= k; j++) row[j] = (row[j] as number) - weight * (inverse[k * dim + j] as number)
    }
    const pivot = factor[i * dim + i] as number
    for (let j = 0; j <= i; j++) inverse[i * dim + j] = (row[j] as number) / pivot
  }
  return Float32Array.from(inverse)
}

/** L, lower triangular, with L L' = A. */
function cholesky(matrix: Float64Array, dim: number): Float64Array {
  const factor = new Float64Array(dim * dim)
  let largest = 0
  for (let i = 0; i < dim; i++) largest = Math.max(largest, matrix[i * dim + i] as number)
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * dim + j] as number
      for (let k = 0, a = i * dim, b = j * dim; k < j; k++)
        sum -= (factor[a + k] as number) * (factor[b + k] as number)
      factor[i * dim + j] =
        i === j ? Math.sqrt(Math.max(sum, ROUNDING * largest)) : sum / (factor[j * dim + j] as number)
    }
  }
  return factor
}
