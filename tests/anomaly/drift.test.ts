import { describe, expect, it } from 'vitest'
import { conformalPValues } from '#src/anomaly/conformal.js'
import { DRIFT_WINDOW, findDrift, hasGrown } from '#src/anomaly/drift.js'
import { seededRandom } from '#src/core/random.js'

const CALIBRATED_ON = 500

/** p-values of new items whose scores are shifted by so much. */
function pValues(seed: number, shift: (i: number) => number, count = 600): Float64Array {
  const random = seededRandom(seed)
  const calibration = Float64Array.from({ length: CALIBRATED_ON }, () => random.normal()).sort()
  return conformalPValues(
    Float64Array.from({ length: count }, (_, i) => random.normal() + shift(i)),
    calibration,
  )
}

describe('drift', () => {
  it('is hardly ever found in items as those of the calibration', () => {
    const found = Array.from({ length: 300 }, (_, seed) =>
      findDrift(
        pValues(seed, () => 0),
        { calibratedOn: CALIBRATED_ON },
      ),
    )
    expect(found.filter((drift) => drift?.drifted).length).toBeLessThanOrEqual(1)
  })

  it('is found, with its direction, where new items score higher or lower', () => {
    const higher = findDrift(
      pValues(1, () => 0.7),
      { calibratedOn: CALIBRATED_ON },
    )
    const lower = findDrift(
      pValues(2, () => -0.7),
      { calibratedOn: CALIBRATED_ON },
    )
    expect(higher).toMatchObject({ drifted: true, direction: 'stranger' })
    expect(lower).toMatchObject({ drifted: true, direction: 'usual' })
  })

  it('is not a few strangers among many', () => {
    const few = findDrift(
      pValues(3, (i) => (i % 20 === 0 ? 6 : 0)),
      { calibratedOn: CALIBRATED_ON },
    )
    expect(few?.drifted).toBe(false)
  })

  it('is judged by the latest items alone', () => {
    const late = findDrift(
      pValues(4, (i) => (i >= 3_000 ? 1 : 0), 3_000 + DRIFT_WINDOW),
      {
        calibratedOn: CALIBRATED_ON,
      },
    )
    expect(late).toMatchObject({ drifted: true, items: DRIFT_WINDOW })
  })

  it('is not spoken of before there are fifty new items, or without calibration', () => {
    expect(
      findDrift(
        pValues(5, () => 9, 49),
        { calibratedOn: CALIBRATED_ON },
      ),
    ).toBeUndefined()
    expect(
      findDrift(
        pValues(5, () => 9),
        { calibratedOn: 0 },
      ),
    ).toBeUndefined()
  })
})

describe('growth', () => {
  it('counts from a half more, or a third less', () => {
    expect(hasGrown({ fittedTo: 100, items: 149 })).toBe(false)
    expect(hasGrown({ fittedTo: 100, items: 150 })).toBe(true)
    expect(hasGrown({ fittedTo: 150, items: 100 })).toBe(true)
    expect(hasGrown({ fittedTo: 0, items: 1 })).toBe(true)
  })
})
