import { describe, expect, it } from 'vitest'
import { neighbourCount, spareNeighbours } from '#src/anomaly/neighbour-count.js'

describe('neighbourCount', () => {
  it.each([
    [0, 10],
    [300, 10],
    [3_000, 60],
    [100_000, 64],
  ])('of %d items is %d', (items, count) => {
    expect(neighbourCount(items)).toBe(count)
  })

  it('has a spare for those that may be left out', () => {
    expect([spareNeighbours(10), spareNeighbours(64)]).toEqual([10, 16])
  })
})
