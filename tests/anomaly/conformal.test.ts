import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { betaQuantile, betaShare } from '#src/anomaly/beta-quantile.js'
import { conformalPValue, conformalPValues, rateThreshold } from '#src/anomaly/conformal.js'
import { normalQuantile, normalTail } from '#src/anomaly/normal.js'
import { seededRandom } from '#src/core/random.js'

const scoreLists = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 0, maxLength: 200 })

describe('conformal p-values', () => {
  it('lie in (0, 1] and fall as scores rise', () => {
    fc.assert(
      fc.property(scoreLists, scoreLists, (list, scores) => {
        const calibration = Float64Array.from(list).sort()
        const pValues = conformalPValues(Float64Array.from(scores).sort(), calibration)
        let last = 1
        for (const p of pValues) {
          expect(p).toBeGreaterThan(0)
          expect(p).toBeLessThanOrEqual(last)
          last = p
        }
      }),
    )
  })

  it('are at most p in a part p of new items of the same kind', () => {
    const random = seededRandom(2)
    const draw = (): number => Math.exp(random.normal())
    let flagged = 0
    for (let run = 0; run < 200; run++) {
      const calibration = Float64Array.from({ length: 199 }, draw).sort()
      const scores = Float64Array.from({ length: 100 }, draw)
      flagged += conformalPValues(scores, calibration).filter((p) => p <= 0.05).length
    }
    expect(flagged / 20_000).toBeGreaterThan(0.04)
    expect(flagged / 20_000).toBeLessThan(0.056)
  })

  it('are 1 without calibration, and for a score that is none', () => {
    expect(conformalPValue(3, [])).toBe(1)
    expect(conformalPValue(Number.NaN, [1, 2])).toBe(1)
  })
})

describe('a threshold at a rate', () => {
  it('flags exactly what has a p-value of at most the rate', () => {
    fc.assert(
      fc.property(
        scoreLists,
        scoreLists,
        fc.double({ noNaN: true, min: 0.001, max: 0.999 }),
        (list, scores, rate) => {
          const calibration = Float64Array.from(list).sort()
          const { threshold } = rateThreshold(calibration, rate)
          for (const score of scores) {
            expect(score > threshold).toBe(conformalPValue(score, calibration) <= rate + 1e-9)
          }
        },
      ),
    )
  })

  it('states the range of false alarms that calibrations of its size give', () => {
    const random = seededRandom(4)
    const { falseAlarms } = rateThreshold(
      Float64Array.from({ length: 999 }, () => random.uniform()).sort(),
      0.01,
    )
    const rates = Array.from({ length: 400 }, () => {
      const calibration = Float64Array.from({ length: 999 }, () => random.uniform()).sort()
      // uniform scores: the part above the threshold is known
      return 1 - rateThreshold(calibration, 0.01).threshold
    })
    const inside = rates.filter((rate) => rate >= falseAlarms.low && rate <= falseAlarms.high).length / 400
    expect(falseAlarms.expected).toBeCloseTo(0.01, 6)
    expect(inside).toBeGreaterThan(0.92)
    expect(inside).toBeLessThan(0.98)
  })

  it('flags nothing where the calibration is too small, and says which rate it can tell', () => {
    const { threshold, leastRate } = rateThreshold([1, 2, 3, 4], 0.01)
    expect(threshold).toBe(Number.POSITIVE_INFINITY)
    expect(leastRate).toBeCloseTo(0.2, 9)
  })

  it.each([0, 1, -1, Number.NaN])('refuses a rate of %s', (rate) => {
    expect(() => rateThreshold([1], rate)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }))
  })
})

describe('distributions', () => {
  it('have the quantiles of tables', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 4)
    expect(normalTail(2.326348)).toBeCloseTo(0.01, 6)
    expect(betaQuantile(1, 1, 0.3)).toBeCloseTo(0.3, 9)
    expect(betaQuantile(2, 1, 0.25)).toBeCloseTo(0.5, 9)
  })

  it('are undone by their quantiles', () => {
    const above0 = fc.double({ min: 0.5, max: 2_000, noNaN: true })
    const share = fc.double({ min: 0.01, max: 0.99, noNaN: true })
    fc.assert(
      fc.property(above0, above0, share, (a, b, part) => {
        expect(betaShare(a, b, betaQuantile(a, b, part))).toBeCloseTo(part, 6)
      }),
    )
    fc.assert(
      fc.property(share, (part) => {
        expect(normalTail(normalQuantile(part))).toBeCloseTo(1 - part, 6)
      }),
    )
  })
})
