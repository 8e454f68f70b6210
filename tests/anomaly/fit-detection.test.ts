import { describe, expect, it } from 'vitest'
import { Bank } from '#src/anomaly/bank.js'
import { fitDetection } from '#src/anomaly/fit-detection.js'
import { loadDetection } from '#src/anomaly/load-detection.js'
import { plainScaling } from '#src/anomaly/scaling.js'
import type { Detection, DetectionRows } from '#src/core/detection.js'
import { groupedRows, plainRows } from '../support/detection-rows.js'

const refused = (code: string) => expect.objectContaining({ code })

function strangest(verdict: Float64Array, count: number): number[] {
  return [...verdict.keys()].sort((a, b) => (verdict[b] ?? 0) - (verdict[a] ?? 0)).slice(0, count)
}

function reload(detection: Detection): Detection {
  const settings = JSON.parse(JSON.stringify(detection.settings())) as Record<string, unknown>
  return loadDetection({ settings, files: detection.files() })
}

describe.each(['mixed', 'clean'] as const)('fitDetection with a %s reference', (reference) => {
  const { rows, strange } = groupedRows({ count: 600, dim: 6, strangers: 12 })
  const options = { reference, seed: 1 }

  it('says of every row how strange it is, jointly and by detector', () => {
    const { scores, trimmed, detection } = fitDetection(rows, options)
    expect(trimmed).toHaveLength(600)
    for (const part of [scores, ...Object.values(scores.detectors)]) {
      expect(part.pValues).toHaveLength(600)
      expect(part.pValues.every((p) => p > 0 && p <= 1)).toBe(true)
    }
    expect(Object.keys(scores.detectors).sort()).toEqual(
      ['ecod', 'forest', 'lof', 'mahalanobis', 'neighbours'].sort(),
    )
    const weights = Object.values(detection.report.weights)
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1)
    expect(detection.report).toMatchObject({ items: 600, reference })
  })

  it('ranks planted strangers first', () => {
    const found = strangest(fitDetection(rows, options).scores.verdict, 12)
    expect(found.filter((row) => strange[row] === 1).length).toBeGreaterThanOrEqual(11)
  })

  it('gives rare strangers smaller p-values than any usual row in new rows', () => {
    const { detection } = fitDetection(groupedRows({ count: 600, dim: 6, strangers: 0 }).rows, options)
    const fresh = groupedRows({ count: 100, dim: 6, strangers: 5, seed: 9 })
    const { verdict, pValues } = detection.score(fresh.rows)
    expect(strangest(verdict, 5).every((row) => fresh.strange[row] === 1)).toBe(true)
    expect(pValues.subarray(95).every((p) => p < 0.01)).toBe(true)
  })

  it('never gives a stranger row a larger p-value', () => {
    const { scores } = fitDetection(groupedRows({ count: 300, dim: 4, strangers: 0 }).rows, {
      reference: 'mixed',
      seed: 2,
    })
    const order = strangest(scores.verdict, 300)
    for (let i = 1; i < 300; i++) {
      const [higher, lower] = [scores.pValues[order[i - 1] ?? 0] ?? 0, scores.pValues[order[i] ?? 0] ?? 0]
      expect(higher).toBeLessThanOrEqual(lower + 1e-9)
    }
  })

  it('repeats with a seed, and scores the same when it is loaded', () => {
    const { detection, scores } = fitDetection(rows, options)
    expect(fitDetection(rows, options).scores).toEqual(scores)
    const loaded = reload(detection)
    expect(loaded.report).toEqual(detection.report)
    expect(loaded.score(rows)).toEqual(detection.score(rows))
    const files = detection.files()
    for (const [name, bytes] of Object.entries(loaded.files())) {
      expect(Buffer.compare(bytes, files[name] ?? new Uint8Array())).toBe(0)
    }
  })

  it('takes scores of encoders in, and does without them where an item has none', () => {
    const calm = groupedRows({ count: 300, dim: 4, strangers: 0 }).rows
    const reconstruction = Float64Array.from({ length: 300 }, (_, i) => (i === 7 ? 50 : 1 + (i % 29) / 29))
    reconstruction[8] = Number.NaN
    const { scores, detection } = fitDetection({ ...calm, columns: { reconstruction } }, options)
    expect(strangest(scores.detectors.reconstruction?.pValues.map((p) => -p) ?? scores.verdict, 1)).toEqual([
      7,
    ])
    expect(Number.isFinite(scores.verdict[8])).toBe(true)
    expect(detection.report.weights.reconstruction).toBeGreaterThan(0)
    const without = detection.score(calm)
    expect(without.verdict.every(Number.isFinite)).toBe(true)
    const stranger = (verdict: Float64Array): number =>
      verdict.filter((value) => value > (verdict[7] as number)).length
    expect(stranger(scores.verdict)).toBeLessThan(stranger(without.verdict))
  })

  it("counts an encoder's error whole in the encoder's own space, whichever rows are fitted", () => {
    const calm = groupedRows({ count: 300, dim: 4, strangers: 0 }).rows
    const columns = { reconstruction: Float64Array.from({ length: 300 }, (_, i) => 1 + (i % 29) / 29) }
    for (const reference of ['clean', 'mixed'] as const) {
      const weight = (ownError: boolean): number => {
        const { detection } = fitDetection({ ...calm, columns, ownError }, { ...options, reference })
        return detection.report.weights.reconstruction ?? 0
      }
      expect(weight(true)).toBeCloseTo(reference === 'clean' ? 1 / 3 : 1 / 5)
      expect(weight(false)).toBeLessThan(0.6 * weight(true))
    }
  })

  it('has an autoencoder judge rows that are embeddings of texts, and no others', () => {
    const { scores, detection } = fitDetection({ ...rows, texts: true }, options)
    const found = strangest(scores.detectors.autoencoder?.scores ?? new Float64Array(0), 12)
    expect(found.filter((row) => strange[row] === 1).length).toBeGreaterThanOrEqual(11)
    expect(Object.keys(detection.report.weights)).toContain('autoencoder')
    expect(reload(detection).score(rows)).toEqual(detection.score(rows))
    expect(detection.score(rows).detectors.autoencoder?.scores).toHaveLength(600)
    const plain = fitDetection(rows, options)
    expect(plain.scores.detectors).not.toHaveProperty('autoencoder')
    expect(reload(plain.detection).score(rows).detectors).not.toHaveProperty('autoencoder')
    // it is only shown: what the others say stays as it is
    expect(scores.verdict).toEqual(plain.scores.verdict)
  })

  it('takes distances of an index in place of its own', () => {
    const { rows: calm } = groupedRows({ count: 300, dim: 4, strangers: 0 })
    const nearest = Float32Array.from({ length: 3_000 }, (_, i) => (i < 10 ? 0.9 : 0.1 + (i % 37) / 1_000))
    nearest.fill(Number.POSITIVE_INFINITY, 14, 20)
    const { scores, detection } = fitDetection({ ...calm, nearest }, options)
    expect(strangest(scores.detectors.neighbours?.scores ?? new Float64Array(0), 1)).toEqual([0])
    expect(reload(detection).score({ ...calm, nearest })).toEqual(detection.score({ ...calm, nearest }))
  })

  it.each([
    ['twenty rows', plainRows(20, 3)],
    ['rows that are all equal', plainRows(40, 3, () => 1)],
    ['constant columns', plainRows(40, 3, (_, column) => (column === 0 ? 1 : undefined))],
    ['more columns than rows', plainRows(20, 100)],
  ])('answers for %s', (_, few) => {
    const { scores, detection } = fitDetection(few, options)
    expect(scores.verdict.every(Number.isFinite)).toBe(true)
    expect(scores.pValues.every((p) => p > 0 && p <= 1)).toBe(true)
    expect(detection.score(few).pValues.every((p) => p > 0 && p <= 1)).toBe(true)
  })

  it('refuses no rows, rows of another width, and what is not a number', () => {
    expect(() => fitDetection(plainRows(0, 3), options)).toThrow(refused('INVALID_REQUEST'))
    expect(() => fitDetection({ ...plainRows(9, 3), dim: 4 }, options)).toThrow(refused('DIMENSION_MISMATCH'))
    const holed: DetectionRows = plainRows(9, 3, (row) => (row === 4 ? Number.NaN : undefined))
    expect(() => fitDetection(holed, options)).toThrow(refused('INVALID_VECTOR'))
    const { detection } = fitDetection(plainRows(30, 3), options)
    expect(() => detection.score(plainRows(2, 4))).toThrow(refused('DIMENSION_MISMATCH'))
  })
})

describe('a mixed reference', () => {
  it('answers for one and for two rows', () => {
    for (const count of [1, 2]) {
      const { scores } = fitDetection(plainRows(count, 3), { reference: 'mixed', seed: 1 })
      expect(scores.pValues.every((p) => p > 0 && p <= 1)).toBe(true)
    }
  })

  it('leaves the strangest tenth out, and sees a group of strangers that would hide each other', () => {
    const { rows, strange } = groupedRows({ count: 500, dim: 5, strangers: 0 })
    for (let i = 480; i < 500; i++) {
      strange[i] = 1
      for (let j = 0; j < 5; j++) rows.values[i * 5 + j] = (j % 2 === 0 ? 20 : -20) + (i % 7) / 50
    }
    const { trimmed, scores } = fitDetection(rows, { reference: 'mixed', seed: 1 })
    expect(trimmed.reduce((sum, one) => sum + one, 0)).toBe(50)
    expect(strangest(scores.verdict, 20).every((row) => strange[row] === 1)).toBe(true)
  })

  it('leaves out what people called strange, and keeps what they called fine', () => {
    const { rows } = groupedRows({ count: 200, dim: 4, strangers: 4 })
    const labels = new Int8Array(200)
    labels[0] = 1
    labels[199] = -1
    const { trimmed } = fitDetection(rows, { reference: 'mixed', seed: 1, labels })
    expect([trimmed[0], trimmed[199], trimmed[198]]).toEqual([1, 0, 1])
  })
})

/** Rows as an index tells of them: with all distances to the nearest others, and which these are. */
function indexed(rows: DetectionRows, neighbours: number): DetectionRows {
  const own = Int32Array.from({ length: rows.count }, (_, i) => i)
  const { distances, places } = new Bank(rows, plainScaling(rows.dim)).nearest(rows, neighbours, own)
  return { ...rows, nearest: distances, nearestRows: places }
}

describe("a mixed reference of an encoder's space", () => {
  it('leaves out a tenth, and ranks strangers above all others', () => {
    const { rows, strange } = groupedRows({ count: 600, dim: 8, strangers: 30 })
    const { trimmed, scores } = fitDetection(indexed(rows, 22), { reference: 'mixed', seed: 1 })
    expect(trimmed.reduce((sum, one) => sum + one, 0)).toBe(60)
    expect(strangest(scores.verdict, 30).every((row) => strange[row] === 1)).toBe(true)
  })

  it('sees a group of strangers that are nearer to each other than normal rows are', () => {
    const { rows } = groupedRows({ count: 1_000, dim: 8, strangers: 0 })
    for (let i = 985; i < 1_000; i++) {
      for (let j = 0; j < 8; j++) rows.values[i * 8 + j] = (j % 2 === 0 ? 7 : -7) + ((i * 7 + j) % 13) / 100
    }
    const { scores, trimmed } = fitDetection(indexed(rows, 30), { reference: 'mixed', seed: 1 })
    expect(trimmed.subarray(985).reduce((sum, one) => sum + one, 0)).toBeGreaterThan(7)
    const { neighbours } = scores.detectors
    expect(strangest(neighbours?.scores ?? new Float64Array(0), 15).every((row) => row >= 985)).toBe(true)
  })

  it('never leaves out what people called fine, always what they called strange', () => {
    const { rows } = groupedRows({ count: 300, dim: 4, strangers: 6 })
    const labels = new Int8Array(300)
    labels[0] = 1
    labels[299] = -1
    const { trimmed } = fitDetection(indexed(rows, 20), { reference: 'mixed', seed: 1, labels })
    expect([trimmed[0], trimmed[299], trimmed[298]]).toEqual([1, 0, 1])
  })

  it('loads a detection that was stored when all looked at ten neighbours', () => {
    const rows = indexed(groupedRows({ count: 1_000, dim: 4, strangers: 5 }).rows, 30)
    const { detection } = fitDetection(rows, { reference: 'mixed', seed: 1 })
    const settings = structuredClone(detection.settings()) as { detectors: Record<string, unknown> }
    settings.detectors.neighbours = { bank: 0 }
    const { neighbours } = loadDetection({ settings: { ...settings }, files: detection.files() }).score(
      rows,
    ).detectors
    const ten = rows.nearest?.subarray(0, 10).reduce((sum, distance) => sum + distance / 10, 0)
    expect(neighbours?.scores[0]).toBeCloseTo(ten ?? 0, 4)
  })
})

describe('a clean reference', () => {
  it('gives p-values that are uniform on new rows of the same kind', () => {
    const { detection } = fitDetection(groupedRows({ count: 1_500, dim: 4, strangers: 0 }).rows, {
      reference: 'clean',
      seed: 1,
    })
    const { pValues } = detection.score(groupedRows({ count: 4_000, dim: 4, strangers: 0, seed: 5 }).rows)
    for (const rate of [0.05, 0.2, 0.5]) {
      const share = pValues.filter((p) => p <= rate).length / 4_000
      expect(share).toBeGreaterThan(rate - 0.06)
      expect(share).toBeLessThan(rate + 0.06)
    }
  })

  it('holds a third out, and leaves none out as strange', () => {
    const { detection, trimmed } = fitDetection(plainRows(90, 3), { reference: 'clean', seed: 1 })
    expect(detection.report.calibratedOn).toBe(30)
    expect(detection.report.contamination.estimate).toBe(0)
    expect(trimmed.includes(1)).toBe(false)
  })

  it('refuses fewer than three rows', () => {
    expect(() => fitDetection(plainRows(2, 3), { reference: 'clean', seed: 1 })).toThrow(
      refused('INVALID_REQUEST'),
    )
  })
})

it('refuses stored detectors of another layout', () => {
  const { detection } = fitDetection(plainRows(30, 3), { reference: 'mixed', seed: 1 })
  const settings = { ...detection.settings(), format: 99 }
  expect(() => loadDetection({ settings, files: detection.files() })).toThrow(refused('ENCODER_INVALID'))
})
