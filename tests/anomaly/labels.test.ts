import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitDetection } from '#src/anomaly/fit-detection.js'
import { learnWeights } from '#src/anomaly/labels.js'
import { loadDetection } from '#src/anomaly/load-detection.js'
import type { DetectionRows } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'

const DIM = 8
const USUAL = 600
const ODD = 30
const STRANGE = 30

/**
 * Usual rows; then odd ones, which are fine, in a small group far away; then strange ones in a group that is nearer.
 */
function rowsOf(seed: number): DetectionRows {
  const random = seededRandom(seed)
  const count = USUAL + ODD + STRANGE
  const values = Float32Array.from({ length: count * DIM }, (_, at) => {
    const [row, column] = [Math.floor(at / DIM), at % DIM]
    if (row < USUAL) return random.normal()
    return (row < USUAL + ODD ? 6 * (column % 2) : 3 * ((column + 1) % 2)) + random.normal()
  })
  return { values, count, dim: DIM, columns: {} }
}

/** Corrections of the first so many of either group. */
function labelsOf(each: number): Int8Array {
  const labels = new Int8Array(USUAL + ODD + STRANGE)
  labels.fill(-1, USUAL, USUAL + each)
  labels.fill(1, USUAL + ODD, USUAL + ODD + each)
  return labels
}

/** How often a strange row that nobody spoke of is above a fine one that nobody spoke of. */
function area(verdict: Float64Array, each: number): number {
  const fine = [...verdict.subarray(0, USUAL), ...verdict.subarray(USUAL + each, USUAL + ODD)]
  const strange = [...verdict.subarray(USUAL + ODD + each)]
  let above = 0
  for (const a of strange) for (const b of fine) above += a > b ? 1 : a === b ? 0.5 : 0
  return above / (fine.length * strange.length)
}

describe.each(['clean', 'mixed'] as const)('corrections, in a %s reference', (reference) => {
  it('help to judge rows that they were not given for, and new ones', () => {
    for (const seed of [1, 2, 3]) {
      const rows = rowsOf(seed)
      const before = fitDetection(rows, { reference, seed: 1 })
      const after = fitDetection(rows, { reference, seed: 1, labels: labelsOf(5) })
      expect(area(after.scores.verdict, 5)).toBeGreaterThan(area(before.scores.verdict, 5))
      const other = rowsOf(100 + seed)
      const known = area(before.detection.score(other).verdict, 0)
      expect(area(after.detection.score(other).verdict, 0)).toBeGreaterThan(known)
    }
  })

  it('never flag what was called fine, now or when it comes again', () => {
    const rows = rowsOf(4)
    const labels = labelsOf(ODD)
    const { scores, detection } = fitDetection(rows, { reference, seed: 1, labels })
    const again = detection.score(rows)
    for (let i = USUAL; i < USUAL + ODD; i++) {
      expect(scores.pValues[i]).toBe(1)
      expect(again.pValues[i]).toBeGreaterThan(0.05)
    }
  })

  it('are kept with the detection', () => {
    const { detection } = fitDetection(rowsOf(5), { reference, seed: 1, labels: labelsOf(3) })
    const settings = JSON.parse(JSON.stringify(detection.settings()))
    const loaded = loadDetection({ settings, files: detection.files() })
    expect(loaded.score(rowsOf(6))).toEqual(detection.score(rowsOf(6)))
  })

  it('leave out of the fit what was called strange, and change nothing where there are none', () => {
    const rows = rowsOf(7)
    const { trimmed } = fitDetection(rows, { reference, seed: 1, labels: labelsOf(4) })
    expect([...trimmed.subarray(USUAL + ODD, USUAL + ODD + 4)]).toEqual([1, 1, 1, 1])
    const none = fitDetection(rows, { reference, seed: 1, labels: new Int8Array(rows.count) })
    expect(none.scores).toEqual(fitDetection(rows, { reference, seed: 1 }).scores)
  })
})

describe('weights after corrections', () => {
  const surprises = {
    neighbours: Float64Array.of(7, 6, 0.1, 0.2, 1),
    forest: Float64Array.of(0.3, 0.1, 5, 6, 1),
  }
  const defaults = { neighbours: 0.5, forest: 0.5 }

  it('move towards the detector that was right, the more the more corrections', () => {
    const few = learnWeights(surprises, defaults, Int8Array.of(1, 0, 0, 0, 0))
    const more = learnWeights(surprises, defaults, Int8Array.of(1, 1, -1, -1, 0))
    expect(few.neighbours).toBeGreaterThan(0.5)
    expect(more.neighbours).toBeGreaterThan(few.neighbours ?? 1)
  })

  it('sum to 1 and stay above 0, whatever is corrected', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 0, 1), { minLength: 5, maxLength: 5 }), (labels) => {
        const weights = learnWeights(surprises, { neighbours: 1 }, Int8Array.from(labels))
        const all = Object.values(weights)
        expect(all.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9)
        expect(all.every((weight) => weight > 0)).toBe(true)
      }),
    )
  })
})
