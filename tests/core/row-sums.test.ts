import { describe, expect, it } from 'vitest'
import { RowSums } from '#src/core/row-sums.js'
import { dot, squaredDistance } from '#src/core/vectors.js'
import { drawn } from '../support/detection-rows.js'

const PLAIN = { products: dot, squares: squaredDistance } as const

describe.each(['products', 'squares'] as const)('RowSums of %s', (sum) => {
  it.each([
    [1, 1, 1],
    [5, 7, 9],
    [64, 33, 16],
    [3, 4, 130],
  ])('are those of plain loops, for %d rows against %d of %d columns', (n, kept, dim) => {
    const [rows, bank] = [drawn(n * dim, 1), drawn(kept * dim, 2)]
    const sums = new RowSums(sum, bank, { dim })
    let seen = 0
    sums.with(rows, (row, found) => {
      expect(row).toBe(seen++)
      expect(found).toHaveLength(kept)
      for (let j = 0; j < kept; j++) {
        const expected = PLAIN[sum](
          rows.subarray(row * dim, (row + 1) * dim),
          bank.subarray(j * dim, (j + 1) * dim),
        )
        expect(found[j]).toBeCloseTo(expected, 3)
      }
    })
    expect(seen).toBe(n)
  })

  it('do not remember the rows before', () => {
    const sums = new RowSums(sum, drawn(40, 3), { dim: 8 })
    const read = (rows: Float32Array): number[] => {
      const all: number[] = []
      sums.with(rows, (_, found) => all.push(...found))
      return all
    }
    const rows = drawn(24, 4)
    const first = read(rows)
    read(drawn(64, 5))
    expect(read(rows)).toEqual(first)
  })
})

it('a row is at distance 0 from itself', () => {
  const rows = drawn(5 * 300, 6)
  const sums = new RowSums('squares', rows, { dim: 300 })
  sums.with(rows, (row, found) => expect(found[row]).toBe(0))
})
