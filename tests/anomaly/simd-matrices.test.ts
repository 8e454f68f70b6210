import { describe, expect, it } from 'vitest'
import { SimdMatrices, transpose } from '#src/anomaly/simd-matrices.js'
import { dot } from '#src/core/vectors.js'
import { drawn } from '../support/detection-rows.js'

describe('SimdMatrices', () => {
  it.each([
    [4, 4, 4],
    [64, 12, 8],
    [8, 132, 20],
  ])('multiplies as plain loops do: %d rows by %d rows of %d columns', (n, m, k) => {
    const matrices = new SimdMatrices(n * k + m * k + 2 * n * m)
    const [a, b, out, turned] = [
      matrices.take(n, k),
      matrices.take(m, k),
      matrices.take(n, m),
      matrices.take(m, n),
    ]
    a.values.set(drawn(n * k, 1))
    b.values.set(drawn(m * k, 2))
    matrices.multiply(a, b, out)
    transpose(out, turned)
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        const expected = dot(a.values.subarray(i * k, (i + 1) * k), b.values.subarray(j * k, (j + 1) * k))
        expect(out.values[i * m + j]).toBeCloseTo(expected, 3)
        expect(turned.values[j * n + i]).toBe(out.values[i * m + j])
      }
    }
  })
})
