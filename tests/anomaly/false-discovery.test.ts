import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { conformalPValues } from '#src/anomaly/conformal.js'
import { falseDiscoveries } from '#src/anomaly/false-discovery.js'
import { seededRandom } from '#src/core/random.js'

describe('false discoveries', () => {
  it('are a part fdr of what is flagged, on average over runs', () => {
    const random = seededRandom(6)
    let parts = 0
    let found = 0
    for (let run = 0; run < 200; run++) {
      const calibration = Float64Array.from({ length: 1_000 }, () => random.normal()).sort()
      const scores = Float64Array.from({ length: 1_000 }, (_, i) => random.normal() + (i < 50 ? 4 : 0))
      const { flagged, count } = falseDiscoveries(conformalPValues(scores, calibration), {
        fdr: 0.1,
        calibratedOn: 1_000,
      })
      const wrong = flagged.subarray(50).reduce((sum, flag) => sum + flag, 0)
      parts += count === 0 ? 0 : wrong / count / 200
      found += (count - wrong) / 50 / 200
    }
    expect(parts).toBeLessThan(0.11)
    expect(found).toBeGreaterThan(0.7)
  })

  it('are flagged down to a p-value, the smallest first, and more at a larger fdr', () => {
    const pValues = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { maxLength: 100 })
    fc.assert(
      fc.property(pValues, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (list, fdr) => {
        const values = Float64Array.from(list)
        const some = falseDiscoveries(values, { fdr, calibratedOn: 1e6 })
        const more = falseDiscoveries(values, { fdr: 2 * fdr > 0.9 ? 0.9 : 2 * fdr, calibratedOn: 1e6 })
        expect(more.count).toBeGreaterThanOrEqual(some.count)
        values.forEach((p, i) => {
          expect(some.flagged[i]).toBe(p <= some.threshold ? 1 : 0)
        })
        if (some.count > 0) expect(some.threshold).toBeLessThanOrEqual((some.count * fdr) / values.length)
      }),
    )
  })

  it('are none where the calibration is too small, which is said', () => {
    // the least p-value of 9 calibration items is .1: of 100 items ten had to have it at an fdr of 1
    const scores = Float64Array.from({ length: 100 }, (_, i) => i)
    const calibration = Float64Array.from({ length: 9 }, (_, i) => i)
    const found = falseDiscoveries(conformalPValues(scores.subarray(0, 10), calibration), {
      fdr: 0.05,
      calibratedOn: 9,
    })
    expect(found).toMatchObject({ count: 0, threshold: 0, limitedBy: 'calibration', calibrationNeeded: 199 })
  })

  it('are not laid on the calibration where nothing is strange', () => {
    const found = falseDiscoveries(Float64Array.of(0.4, 0.7, 0.9), { fdr: 0.1, calibratedOn: 1_000 })
    expect(found.count).toBe(0)
    expect(found.limitedBy).toBeUndefined()
  })

  it('do not count items that are not tested', () => {
    const found = falseDiscoveries(Float64Array.of(0.001, Number.NaN, 0.9), { fdr: 0.1, calibratedOn: 999 })
    expect([...found.flagged]).toEqual([1, 0, 0])
    expect(falseDiscoveries(new Float64Array(0), { fdr: 0.1, calibratedOn: 9 }).count).toBe(0)
  })
})
