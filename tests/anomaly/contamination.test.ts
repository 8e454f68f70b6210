import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bulkScores, judgeMix, mixFalseAlarms } from '#src/anomaly/contamination.js'
import { seededRandom } from '#src/core/random.js'

/** Skewed scores of `count` rows of which the last `strangers` are larger. */
function mix(count: number, strangers: number, seed: number): Float64Array {
  const random = seededRandom(seed)
  return Float64Array.from({ length: count }, (_, i) =>
    i < count - strangers ? Math.exp(0.4 * random.normal()) : 4 * Math.exp(0.3 * random.normal()),
  )
}

describe('a mix of unknown contamination', () => {
  it.each([0, 20, 100, 200])(
    'keeps the rate of false alarms near its target with %s strangers in 2,000',
    (strangers) => {
      let flagged = 0
      for (let seed = 1; seed <= 20; seed++) {
        const { pValues } = judgeMix(mix(2_000, strangers, seed))
        flagged += pValues.subarray(0, 2_000 - strangers).filter((p) => p <= 0.01).length
      }
      const rate = flagged / (20 * (2_000 - strangers))
      expect(rate).toBeGreaterThan(0.005)
      expect(rate).toBeLessThan(0.022)
    },
  )

  it('tells the part of strangers, in a range', () => {
    for (const strangers of [0, 100, 200]) {
      const { contamination } = judgeMix(mix(2_000, strangers, 7))
      expect(contamination.low).toBeLessThanOrEqual(strangers / 2_000)
      expect(contamination.high).toBeGreaterThanOrEqual(strangers / 2_000)
      expect(contamination.high - contamination.low).toBeLessThan(0.2)
    }
  })

  it('finds most strangers that stand out', () => {
    const { pValues } = judgeMix(mix(2_000, 100, 3))
    expect(pValues.subarray(1_900).filter((p) => p <= 0.01).length).toBeGreaterThan(65)
  })

  it('gives p-values in (0, 1] that fall as scores rise, whatever the scores', () => {
    const scores = fc.array(fc.oneof(fc.double({ min: -5, max: 5, noNaN: true }), fc.constant(1)), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(scores, (list) => {
        const ascending = Float64Array.from(list).sort()
        const { pValues, contamination } = judgeMix(ascending)
        let last = 1
        for (const p of pValues) {
          expect(p).toBeGreaterThan(0)
          expect(p).toBeLessThanOrEqual(last + 1e-12)
          last = p
        }
        expect(contamination.low).toBeLessThanOrEqual(contamination.estimate)
        expect(contamination.high).toBeGreaterThanOrEqual(contamination.estimate)
      }),
    )
  })

  it('says that nothing is known of few rows, or of equal ones', () => {
    for (const scores of [[], [1], [1, 2, 3], Array.from({ length: 100 }, () => 2)]) {
      const { pValues, contamination } = judgeMix(Float64Array.from(scores))
      expect(contamination).toEqual({ estimate: 0, low: 0, high: 1 })
      expect(pValues.every((p) => p > 0 && p <= 1)).toBe(true)
    }
  })

  it('passes over rows without a score', () => {
    const scores = mix(200, 5, 2)
    scores[3] = Number.NaN
    const { pValues } = judgeMix(scores)
    expect(pValues[3]).toBe(1)
    expect(pValues.every(Number.isFinite)).toBe(true)
    expect(bulkScores(scores)?.[3]).toBeNaN()
  })

  it('states a range of false alarms around the target', () => {
    const { expected, low, high } = mixFalseAlarms(0.01)
    expect(low).toBeLessThan(expected)
    expect(high).toBeGreaterThan(expected)
    expect(() => mixFalseAlarms(2)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }))
  })
})
