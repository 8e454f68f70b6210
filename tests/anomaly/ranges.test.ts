import { describe, expect, it } from 'vitest'
import { fitRanges, loadRanges, outOfRange, saveRanges } from '#src/anomaly/ranges.js'
import type { Rows } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'

/** Rows of which each column is drawn by a function of its own. */
function draw(count: number, columns: readonly (() => number)[]): Rows {
  const values = new Float32Array(count * columns.length)
  for (let i = 0; i < values.length; i++) values[i] = columns[i % columns.length]?.() ?? 0
  return { values, count, dim: columns.length }
}

const rowOf = (rows: Rows, row: number): Float32Array =>
  rows.values.subarray(row * rows.dim, (row + 1) * rows.dim)

describe('ranges', () => {
  const random = seededRandom(7)
  const skewed = (): number => Math.exp(random.normal())

  it('tells which planted dimensions are out of range, by how much, the strongest first', () => {
    const rows = draw(
      1000,
      Array.from({ length: 20 }, () => random.normal),
    )
    const vector = new Float32Array(20)
    vector[3] = 8
    vector[11] = -6
    const found = outOfRange(vector, fitRanges(rows))
    expect(found.map(({ index }) => index)).toEqual([3, 11])
    expect(found[0]?.deviations).toBeCloseTo(8, 0)
    expect(found[1]?.deviations).toBeCloseTo(-6, 0)
    for (const { value, low, high } of found) expect(value < low || value > high).toBe(true)
    expect(found[0]?.low).toBeCloseTo(-2.6, 0)
    expect(found[0]?.high).toBeCloseTo(2.6, 0)
  })

  it('gives at most five, or as many as are asked for', () => {
    const ranges = fitRanges(
      draw(
        200,
        Array.from({ length: 9 }, () => random.normal),
      ),
    )
    const vector = Float32Array.from({ length: 9 }, (_, i) => 10 * 2 ** i)
    expect(outOfRange(vector, ranges)).toHaveLength(5)
    expect(outOfRange(vector, ranges, { most: 2 }).map(({ index }) => index)).toEqual([8, 7])
  })

  it('finds hardly anything in ordinary vectors, of few dimensions and of many', () => {
    for (const dim of [2, 384]) {
      const columns = Array.from({ length: dim }, () => random.normal)
      const ranges = fitRanges(draw(1000, columns))
      const fresh = draw(300, columns)
      let flagged = 0
      for (let row = 0; row < fresh.count; row++) {
        if (outOfRange(rowOf(fresh, row), ranges).length > 0) flagged++
      }
      expect(flagged / fresh.count).toBeLessThan(0.4)
    }
  })

  it('measures each side of a skewed column by itself', () => {
    const ranges = fitRanges(draw(2000, [skewed]))
    expect(ranges.above[0]).toBeGreaterThan(2 * (ranges.below[0] ?? 0))
    expect(outOfRange(Float32Array.of(6), ranges)).toEqual([])
    expect(outOfRange(Float32Array.of(60), ranges)).toHaveLength(1)
    expect(outOfRange(Float32Array.of(-2), ranges)[0]?.deviations).toBeLessThan(-3)
  })

  it('holds against strangers in the reference, and leaves out those that are named', () => {
    const clean = draw(1000, [random.normal])
    const mixed = { ...clean, values: clean.values.map((value, i) => (i % 20 === 0 ? 50 : value)) }
    const ranges = fitRanges(mixed)
    expect(ranges.centre[0]).toBeCloseTo(0, 0)
    expect(ranges.above[0]).toBeLessThan(1.3)
    const leaveOut = Uint8Array.from({ length: 1000 }, (_, i) => (i % 20 === 0 ? 1 : 0))
    const without = fitRanges(mixed, { leaveOut })
    expect(without.count).toBe(950)
    expect(without.high[0]).toBeLessThan(5)
    expect(outOfRange(Float32Array.of(50), without)).toHaveLength(1)
  })

  it('says null deviations of what is new where all others are equal, and takes rounding for equal', () => {
    const ranges = fitRanges(draw(50, [() => 0.1, () => 0, random.normal]))
    expect(outOfRange(Float32Array.of(0.1 + 1e-9, 0, 0), ranges)).toEqual([])
    expect(outOfRange(Float32Array.of(0.2, 3, 0), ranges)).toMatchObject([
      { index: 0, deviations: null },
      { index: 1, value: 3, low: 0, high: 0, deviations: null },
    ])
  })

  it('knows a column that is nearly always zero', () => {
    const ranges = fitRanges(draw(1000, [() => (random.uniform() < 0.1 ? 1 + random.uniform() : 0)]))
    expect(outOfRange(Float32Array.of(1.5), ranges)).toEqual([])
    expect(outOfRange(Float32Array.of(30), ranges)).toHaveLength(1)
  })

  it('says nothing after few rows, and refuses a vector of another length', () => {
    for (const count of [0, 1, 2, 7]) {
      const ranges = fitRanges(draw(count, [random.normal, () => 4]))
      expect(outOfRange(Float32Array.of(1e6, 5), ranges)).toEqual([])
    }
    const ranges = fitRanges(draw(8, [random.normal, () => 4]))
    expect(outOfRange(Float32Array.of(1e6, 4), ranges)).toHaveLength(1)
    expect(() => outOfRange(Float32Array.of(1), ranges)).toThrowError(
      expect.objectContaining({ code: 'DIMENSION_MISMATCH' }),
    )
  })

  it('looks at a bounded number of rows, spread over all', () => {
    const values = Float32Array.from({ length: 100_000 }, (_, i) => i)
    const ranges = fitRanges({ values, count: 100_000, dim: 1 })
    expect(ranges.count).toBe(2048)
    expect(ranges.centre[0]).toBeCloseTo(50_000, -3)
    expect(ranges.low[0]).toBeCloseTo(500, -3)
  })

  it('is the same after it was kept, wherever its bytes lie', () => {
    const ranges = fitRanges(draw(100, [random.normal, skewed, () => 1]))
    const { settings, files } = saveRanges(ranges)
    const bytes = files.ranges ?? new Uint8Array()
    const elsewhere = new Uint8Array(bytes.length + 1)
    elsewhere.set(bytes, 1)
    const kept = { settings: JSON.parse(JSON.stringify(settings)), files: { ranges: elsewhere.subarray(1) } }
    expect(loadRanges(kept)).toEqual(ranges)
    expect(() => loadRanges({ settings, files: { ranges: bytes.subarray(4) } })).toThrowError(
      expect.objectContaining({ code: 'ENCODER_INVALID' }),
    )
    expect(() => loadRanges({ settings: {}, files: {} })).toThrowError(
      expect.objectContaining({ code: 'ENCODER_INVALID' }),
    )
  })
})
