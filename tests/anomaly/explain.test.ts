import { describe, expect, it } from 'vitest'
import { detectorReasons } from '#src/anomaly/detector-reasons.js'
import { explain, usualDistances } from '#src/anomaly/explain.js'
import { fitRanges } from '#src/anomaly/ranges.js'
import type { DetectionScores } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'

/** One row's p-values by detector; the scores do not matter. */
function scored(pValues: Record<string, number>): DetectionScores {
  const detectors = Object.fromEntries(
    Object.entries(pValues).map(([name, p]) => [
      name,
      { scores: Float64Array.of(Number.isNaN(p) ? p : 1 / p), pValues: Float64Array.of(p) },
    ]),
  )
  return { verdict: Float64Array.of(1), pValues: Float64Array.of(0.01), detectors }
}

describe('reasons of detectors', () => {
  it('are of those that object, by their share of what speaks against the item', () => {
    const scores = scored({ forest: 0.04, mahalanobis: 0.001, neighbours: 0.5, lof: 0.002 })
    const weights = { forest: 0.5, mahalanobis: 0.25, neighbours: 0.25 }
    const reasons = detectorReasons(scores, 0, { weights })
    expect(reasons.map(({ detector }) => detector)).toEqual(['mahalanobis', 'forest', 'lof'])
    const all = 0.5 * Math.log(0.04) + 0.25 * Math.log(0.001) + 0.25 * Math.log(0.5)
    expect(reasons[0]?.share).toBeCloseTo((0.25 * Math.log(0.001)) / all)
    expect(reasons[2]).toMatchObject({ share: 0, weight: 0, pValue: 0.002 })
    expect(reasons[0]?.text).toBe(
      'mahalanobis: its dimensions go together in an unusual way; 0.1 % of ordinary items are as strange (49 % of the verdict)',
    )
    expect(reasons[2]?.text).toContain('no part of the verdict')
  })

  it('are of the one that does most where none objects alone', () => {
    const reasons = detectorReasons(scored({ forest: 0.06, ecod: 0.3 }), 0, {
      weights: { forest: 0.5, ecod: 0.5 },
    })
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatchObject({ detector: 'forest' })
    expect(reasons[0]?.text).toContain('no detector objects alone')
  })

  it('leave out what a detector cannot judge, and are none for the most ordinary item', () => {
    const weights = { reconstruction: 0.5, neighbours: 0.5 }
    const [reason, ...more] = detectorReasons(scored({ reconstruction: Number.NaN, neighbours: 0.01 }), 0, {
      weights,
    })
    expect(reason).toMatchObject({ detector: 'neighbours', share: 1 })
    expect(more).toEqual([])
    expect(detectorReasons(scored({ neighbours: 1, reconstruction: 1 }), 0, { weights })).toEqual([])
    expect(detectorReasons(scored({ neighbours: 0, reconstruction: 1 }), 0, { weights })[0]?.share).toBe(1)
  })
})

describe('explain', () => {
  const random = seededRandom(3)
  const values = Float32Array.from({ length: 600 }, () => random.normal())
  const ranges = fitRanges({ values, count: 200, dim: 3 })

  it('tells everything that is known, detectors first, in words', () => {
    const nearest = Float32Array.from({ length: 500 }, () => 0.2 + 0.1 * random.uniform())
    const reasons = explain({
      region: { x: 4, y: 6, width: 9, height: 5, share: 0.625 },
      passage: { index: 2, passages: 4, distance: 0.91, others: 0.4, text: `Buy\n now ${'x'.repeat(100)}` },
      neighbours: {
        distances: [0.7, 0.9, Number.POSITIVE_INFINITY],
        nearestId: 'a "b"',
        usual: usualDistances(nearest, 100),
      },
      dimensions: { vector: Float32Array.of(0, 132, 0), ranges, names: ['height', 'age', 'weight'] },
      detectors: { scores: scored({ ecod: 0.01 }), row: 0, report: { weights: { ecod: 1 } } },
    })
    expect(reasons.map(({ kind }) => kind)).toEqual([
      'detector',
      'dimension',
      'neighbours',
      'passage',
      'region',
    ])
    const texts = reasons.map(({ text }) => text)
    expect(texts[1]).toMatch(/^"age" is 132, usually -[\d.]+ to [\d.]+, \d+ deviations above the median$/)
    expect(texts[2]).toMatch(
      /^its 2 nearest items are at the mean distance 0\.8, usually 0\.2\d* to 0\.2\d*; the nearest, "a \\"b\\"", is at 0\.7$/,
    )
    expect(texts[3]).toContain(
      'passage 3 of 4 is farthest from the other items, at 0.91 where its others are at 0.4: "Buy now xx',
    )
    expect(texts[4]).toBe("63 % of the reconstruction's error lies in 9 x 5 pixels at (4, 6)")
    expect(JSON.parse(JSON.stringify(reasons))).toEqual(reasons)
  })

  it('is silent about what is as usual', () => {
    const nearest = Float32Array.from({ length: 100 }, () => random.uniform())
    expect(
      explain({
        dimensions: { vector: Float32Array.of(0, 0, 0), ranges },
        neighbours: { distances: [0.5], usual: usualDistances(nearest, 100) },
        passage: { index: 0, passages: 2, distance: 0.4, others: 0.4 },
      }),
    ).toEqual([])
    expect(explain({})).toEqual([])
    expect(explain({ neighbours: { distances: [] } })).toEqual([])
  })

  it('numbers dimensions that have no names, and says where the reference has one value', () => {
    const constant = fitRanges({ values: new Float32Array(20).fill(2), count: 20, dim: 1 })
    const [reason] = explain({ dimensions: { vector: Float32Array.of(3), ranges: constant } })
    expect(reason?.text).toBe('dimension 0 is 3, everywhere else 2')
    expect(reason).not.toHaveProperty('name')
  })

  it('leaves items without neighbours and strangers out of what is usual', () => {
    const nearest = Float32Array.of(1, 2, 3, 5, 80, 90, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    const usual = usualDistances(nearest, 4, { leaveOut: Uint8Array.of(0, 0, 1, 0) })
    expect(usual.count).toBe(2)
    expect(usual.centre[0]).toBeCloseTo(2.75)
    const [reason] = explain({
      neighbours: { distances: [9], usual: usualDistances(nearest.subarray(6), 1) },
    })
    expect(reason?.text).toBe('its nearest item is at the distance 9')
  })
})

it("says what is usual of an item's ten nearest, though more were asked for", () => {
  const more = Float32Array.from({ length: 1_200 }, (_, i) => (i % 12 < 10 ? 0.5 : 9))
  const { low, high } = usualDistances(more, 100)
  expect([low[0], high[0]]).toEqual([0.5, 0.5])
})
