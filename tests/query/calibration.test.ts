import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import {
  condense,
  deviationsAbove,
  distributionOf,
  percentileOf,
  samplePairs,
  scoreOfRows,
} from '#src/query/calibration.js'

const number = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const numbers = fc.array(number, { minLength: 1, maxLength: 60 })

describe('a percentile', () => {
  it('is linear between the positions of neighbours', () => {
    const four = distributionOf([4, 1, 3, 2])
    expect(percentileOf(four, 1)).toBeCloseTo(12.5, 10)
    expect(percentileOf(four, 2.5)).toBeCloseTo(50, 10)
    expect(percentileOf(four, 4)).toBeCloseTo(87.5, 10)
    expect(percentileOf(four, 0.9)).toBe(0)
    expect(percentileOf(four, 4.1)).toBe(100)
  })

  it('of equal values is the middle of theirs', () => {
    expect(percentileOf(distributionOf([1, 1, 1, 1]), 1)).toBe(50)
    expect(percentileOf(distributionOf([0, 1, 1, 2]), 1)).toBe(50)
  })

  it('is from 0 to 100 and never falls as the value grows', () => {
    fc.assert(
      fc.property(numbers, number, number, (values, a, b) => {
        const distribution = distributionOf(values)
        const [low, high] = [
          percentileOf(distribution, Math.min(a, b)),
          percentileOf(distribution, Math.max(a, b)),
        ]
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(100)
        expect(low).toBeLessThanOrEqual(high + 1e-9)
      }),
    )
  })

  it('of a value that is there is the middle of the shares below it and up to it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }), (values) => {
        for (const value of values) {
          const below = values.filter((there) => there < value).length
          const upTo = values.filter((there) => there <= value).length
          const middle = (50 * (below + upTo)) / values.length
          expect(percentileOf(distributionOf(values), value)).toBeCloseTo(middle, 8)
        }
      }),
    )
  })

  it('does not depend on the order of the values', () => {
    fc.assert(
      fc.property(numbers, number, (values, value) => {
        expect(percentileOf(distributionOf(values), value)).toBe(
          percentileOf(distributionOf(values.toReversed()), value),
        )
      }),
    )
  })
})

describe('a condensed distribution', () => {
  it('keeps the extremes and nearly all percentiles', () => {
    const random = seededRandom(3)
    const whole = distributionOf(Array.from({ length: 20_000 }, () => random.normal()))
    const small = condense(whole, 2_001)
    expect(small.sorted).toHaveLength(2_001)
    expect([small.sorted[0], small.sorted.at(-1)]).toEqual([whole.sorted[0], whole.sorted.at(-1)])
    for (const value of [-3, -1, 0, 0.5, 2, 3.5]) {
      expect(Math.abs(percentileOf(small, value) - percentileOf(whole, value))).toBeLessThan(0.06)
    }
    expect(deviationsAbove(small, 2)).toBeCloseTo(2, 1)
    expect(condense(small, 5_000)).toBe(small)
  })
})

describe('pairs', () => {
  it('are all there are where there are few', () => {
    const pairs = [...samplePairs(5, 20, seededRandom(1))].map(
      ([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`,
    )
    expect(new Set(pairs).size).toBe(10)
    expect(pairs).toHaveLength(10)
  })

  it('are of different rows, as many as asked, the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 400 }), fc.nat(100), fc.nat(), (count, most, seed) => {
        const pairs = [...samplePairs(count, most, seededRandom(seed))]
        expect(pairs.length).toBeLessThanOrEqual(most)
        for (const [a, b] of pairs) {
          expect(a).not.toBe(b)
          expect(Math.max(a, b)).toBeLessThan(count)
        }
        expect(pairs).toEqual([...samplePairs(count, most, seededRandom(seed))])
      }),
    )
  })

  it('are compared by the metric', () => {
    const rows = { vectors: Float32Array.of(1, 0, 0, 1, 2, 0), count: 3, dim: 2 }
    expect(scoreOfRows(rows, 0, 1, 'cosine')).toBeCloseTo(0, 6)
    expect(scoreOfRows(rows, 0, 2, 'cosine')).toBeCloseTo(1, 6)
    expect(scoreOfRows(rows, 0, 2, 'euclidean')).toBeCloseTo(0.5, 6)
    expect(scoreOfRows(rows, 0, 2, 'dot')).toBeCloseTo(2, 6)
  })
})

it('where nothing varies nothing stands out', () => {
  expect(deviationsAbove(distributionOf([2, 2, 2]), 9)).toBe(0)
})
