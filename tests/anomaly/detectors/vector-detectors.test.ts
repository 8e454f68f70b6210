import { expect, it } from 'vitest'
import { fitMahalanobis } from '#src/anomaly/detectors/mahalanobis.js'
import { DETECTOR_KINDS } from '#src/anomaly/detectors/vector-detectors.js'
import { type DetectionRows, VECTOR_DETECTORS } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'
import { describeDetector } from '../../contracts/detector.js'
import { drawn, plainRows } from '../../support/detection-rows.js'

for (const name of VECTOR_DETECTORS) describeDetector({ name, ...DETECTOR_KINDS[name] })

it("keeps the scale of columns in an encoder's space, and no other's", () => {
  const rows = plainRows(60, 40)
  const larger = { ...rows, values: rows.values.map((value, i) => (i % 40 === 0 ? 100 * value : value)) }
  const score = (of: DetectionRows): number =>
    fitMahalanobis(of, { random: seededRandom(1) }).detector.score(of)[0] ?? 0
  expect(score(larger)).toBeCloseTo(score(rows), 3)
  const nearest = drawn(600, 1)
  expect(Math.abs(score({ ...larger, nearest }) - score({ ...rows, nearest }))).toBeGreaterThan(0.5)
})
