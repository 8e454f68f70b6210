import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flagThreshold, judge } from '#src/anomaly/held-out-scores.js'
import { seededRandom } from '#src/core/random.js'

/** 101 quantiles of a list. */
function quantilesOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  return Array.from({ length: 101 }, (_, i) => sorted[Math.round((i / 100) * (sorted.length - 1))] ?? 0)
}

describe('held-out scores', () => {
  it('flag about one in a hundred of what is like the held-out items', () => {
    const random = seededRandom(3)
    const draw = (): number => Math.exp(random.normal())
    const held = { scores: quantilesOf(Array.from({ length: 1_000 }, draw)), count: 1_000 }
    const flagged = Array.from({ length: 20_000 }, draw).filter((score) => judge(score, held).flagged).length
    expect(flagged / 20_000).toBeGreaterThan(0.004)
    expect(flagged / 20_000).toBeLessThan(0.02)
  })

  it('flag only above the largest where there are too few to know what is rare', () => {
    const held = { scores: quantilesOf([1, 2, 3, 4, 5]), count: 5 }
    expect(flagThreshold(held)).toBe(5)
    expect(judge(5, held).flagged).toBe(false)
    expect(judge(5.1, held)).toEqual({ percentile: 100, flagged: true })
  })

  it('give percentiles that rise with the score, from 0 to 100', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 2, maxLength: 300 }),
        fc.double({ min: -1, max: 11, noNaN: true }),
        fc.double({ min: -1, max: 11, noNaN: true }),
        (values, a, b) => {
          const held = { scores: quantilesOf(values), count: values.length }
          const low = judge(Math.min(a, b), held)
          const high = judge(Math.max(a, b), held)
          expect(low.percentile).toBeGreaterThanOrEqual(0)
          expect(high.percentile).toBeLessThanOrEqual(100)
          expect(low.percentile).toBeLessThanOrEqual(high.percentile)
          expect(low.flagged && !high.flagged).toBe(false)
          expect(judge(Math.min(...values) - 1, held).percentile).toBe(0)
        },
      ),
    )
  })
})
