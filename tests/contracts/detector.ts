import { describe, expect, it } from 'vitest'
import type { DetectorKind } from '#src/anomaly/detectors/vector-detectors.js'
import type { Fitted } from '#src/anomaly/fitted.js'
import type { DetectionRows, DetectorName } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'
import { groupedRows, plainRows } from '../support/detection-rows.js'

export interface DetectorUnderTest extends DetectorKind {
  name: DetectorName
}

/** What every detector over vectors must do. */
export function describeDetector(subject: DetectorUnderTest): void {
  const fitted = (rows: DetectionRows, seed = 1): Fitted => subject.fit(rows, { random: seededRandom(seed) })
  const reload = ({ detector }: Fitted) =>
    subject.load({
      settings: JSON.parse(JSON.stringify(detector.settings())) as Record<string, unknown>,
      files: detector.files(),
    })

  describe(subject.name, () => {
    it('ranks strangers first that lie far from all groups', () => {
      const { rows, strange } = groupedRows({ count: 400, dim: 8, strangers: 8 })
      const { scores } = fitted(rows)
      const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
      expect(order.slice(0, 8).filter((row) => strange[row] === 1).length).toBeGreaterThanOrEqual(7)
    })

    it('scores new strangers above nearly all that it was fitted to', () => {
      const { detector, scores } = fitted(groupedRows({ count: 400, dim: 8, strangers: 0 }).rows)
      const { rows: fresh, strange } = groupedRows({ count: 100, dim: 8, strangers: 10, seed: 2 })
      const high = scores.toSorted()[380] ?? 0
      const found = detector.score(fresh)
      const caught = found.filter((score, row) => strange[row] === 1 && score > high)
      expect(caught.length).toBeGreaterThanOrEqual(9)
    })

    it('gives the same scores from the same seed', () => {
      const { rows } = groupedRows({ count: 2_500, dim: 5, strangers: 20 })
      expect(fitted(rows, 7).scores).toEqual(fitted(rows, 7).scores)
    })

    it('is named, and gives its scores again when it is loaded', () => {
      const { rows } = groupedRows({ count: 300, dim: 6, strangers: 5 })
      const made = fitted(rows)
      const loaded = reload(made)
      expect(loaded.name).toBe(subject.name)
      expect(loaded.score(rows)).toEqual(made.detector.score(rows))
      expect(loaded.settings()).toEqual(made.detector.settings())
    })

    it('refuses to be loaded from files that are missing or cut short', () => {
      const { detector } = fitted(groupedRows({ count: 50, dim: 3, strangers: 1 }).rows)
      const settings = detector.settings()
      expect(() => subject.load({ settings, files: {} })).toThrow(
        expect.objectContaining({ code: 'ENCODER_INVALID' }),
      )
      for (const [name, bytes] of Object.entries(detector.files())) {
        const files = { ...detector.files(), [name]: bytes.subarray(0, bytes.length - 1) }
        expect(() => subject.load({ settings, files })).toThrow(
          expect.objectContaining({ code: 'ENCODER_INVALID' }),
        )
      }
    })

    it.each([
      ['one row', plainRows(1, 4)],
      ['two rows', plainRows(2, 4)],
      ['twenty rows', plainRows(20, 4)],
      ['one column', plainRows(50, 1)],
      ['more columns than rows', plainRows(12, 200)],
      ['more columns than a covariance is made of', plainRows(15, 1_100)],
      ['constant columns', plainRows(50, 4, (_, column) => (column < 2 ? 5 : undefined))],
      ['rows that are all equal', plainRows(50, 4, () => 0.1)],
      ['columns that repeat each other', plainRows(50, 4, (row) => row % 7)],
      ['very large numbers', plainRows(50, 4, (row) => 1e15 * ((row * 13) % 11))],
    ])('gives finite scores for %s', (_, rows) => {
      const { detector, scores } = fitted(rows)
      expect(scores).toHaveLength(rows.count)
      expect(scores.every(Number.isFinite)).toBe(true)
      expect(detector.score(rows).every(Number.isFinite)).toBe(true)
      expect(detector.score(plainRows(3, rows.dim)).every(Number.isFinite)).toBe(true)
    })

    it('scores no rows as an empty list', () => {
      const { detector } = fitted(plainRows(20, 4))
      expect(detector.score(plainRows(0, 4))).toHaveLength(0)
    })

    it('keeps no more of many rows than of some', () => {
      const bytes = (count: number): number =>
        Object.values(fitted(plainRows(count, 6)).detector.files()).reduce(
          (sum, file) => sum + file.length,
          0,
        )
      expect(bytes(20_000)).toBeLessThan(1.2 * bytes(6_000))
    })
  })
}
