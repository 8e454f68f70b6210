import { describe, expect, it } from 'vitest'
import { inverseRoot } from '#src/anomaly/inverse-root.js'
import { ledoitWolf } from '#src/anomaly/ledoit-wolf.js'
import { drawn } from '../support/detection-rows.js'

function centred(rows: Float32Array, dim: number): Float32Array {
  const count = rows.length / dim
  const means = new Float64Array(dim)
  for (let i = 0; i < rows.length; i++) means[i % dim] = (means[i % dim] ?? 0) + (rows[i] ?? 0) / count
  return rows.map((value, i) => value - (means[i % dim] ?? 0))
}

describe('ledoitWolf', () => {
  it("is scikit-learn's", () => {
    // sklearn.covariance.ledoit_wolf 1.x of the same rows, centred
    const rows = Float32Array.from({ length: 36 }, (_, at) => {
      const [i, j] = [Math.floor(at / 3), at % 3]
      return i + ((j * i * i) % 5) + ((i * 7 + j * 3) % 4)
    })
    const { matrix, shrinkage } = ledoitWolf(centred(rows, 3), 3)
    expect(shrinkage).toBeCloseTo(0.175564, 4)
    const expected = [13.66626, 8.03825, 9.48101, 8.03825, 11.75975, 10.06499, 9.48101, 10.06499, 15.56704]
    for (let i = 0; i < 9; i++) expect(matrix[i]).toBeCloseTo(expected[i] ?? 0, 2)
  })

  it('shrinks less with more rows, and wholly with one', () => {
    const stretched = (count: number): Float32Array =>
      drawn(count * 8, 1).map((value, i) => value * ((i % 8) + 1))
    const of = (count: number): number => ledoitWolf(centred(stretched(count), 8), 8).shrinkage
    expect(of(1_000)).toBeLessThan(of(50))
    expect(of(50)).toBeLessThan(1)
    expect(of(1)).toBe(1)
  })
})

describe('inverseRoot', () => {
  it.each([
    [40, 6],
    [5, 30],
  ])('whitens by the covariance of %d rows of %d columns', (count, dim) => {
    const { matrix } = ledoitWolf(centred(drawn(count * dim, 2), dim), dim)
    const root = inverseRoot(matrix, dim)
    // W A W' = I
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) {
        let sum = 0
        for (let k = 0; k < dim; k++) {
          for (let l = 0; l < dim; l++)
            sum += (root[i * dim + k] ?? 0) * (matrix[k * dim + l] ?? 0) * (root[j * dim + l] ?? 0)
        }
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 3)
      }
    }
  })
})
