import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { distance, METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { norm } from '#src/core/vectors.js'
import { type ItemHit, rowDistance, scanItems, scanTable } from '#src/indexes/scan-table.js'
import { VectorTable } from '#src/indexes/vector-table.js'

const DIM = 5
// small whole numbers: ties are frequent, and sums are exact in whichever order
const vector = fc
  .array(fc.integer({ min: -3, max: 3 }), { minLength: DIM, maxLength: DIM })
  .map((values) => Float32Array.from(values))
const anything = fc.record({
  metric: fc.constantFrom(...METRICS),
  rows: fc.array(fc.record({ vector, item: fc.nat(12), dead: fc.boolean() }), { maxLength: 60 }),
  queries: fc.array(vector, { minLength: 1, maxLength: 3 }),
  k: fc.integer({ min: 1, max: 30 }),
  from: fc.nat(20),
  length: fc.nat(60),
  excluded: fc.uniqueArray(fc.nat(12), { maxLength: 4 }),
})

function tableOf(rows: readonly { vector: Float32Array; item: number; dead: boolean }[]): VectorTable {
  const table = new VectorTable(DIM)
  rows.forEach((row, i) => {
    table.append(10 * i, row.item, i, row.vector)
    if (row.dead) table.kill(10 * i)
  })
  return table
}

describe('scanTable', () => {
  it('is equal to sorting all distances', () => {
    fc.assert(
      fc.property(anything, ({ metric, rows, queries, k, from, length }) => {
        const query = queries[0] as Float32Array
        fc.pre(metric !== 'cosine' || query.some((x) => x !== 0))
        const to = from + length
        const found = scanTable(tableOf(rows), query, metric, k, {
          from,
          to,
          filter: (label) => label % 30 !== 0,
        })
        const all = rows
          .map((row, i) => ({ label: 10 * i, distance: distance(metric, query, row.vector), ...row }))
          .filter((row, i) => !row.dead && i >= from && i < to && row.label % 30 !== 0)
          .sort((a, b) => a.distance - b.distance || a.label - b.label)
        expect(found.map((hit) => hit.distance)).toEqual(all.slice(0, k).map((row) => row.distance))
        expect(new Set(found.map(({ label }) => label)).size).toBe(found.length)
        for (const hit of found)
          expect(hit.distance).toBe(all.find(({ label }) => label === hit.label)?.distance)
        expect(found).toEqual([...found].sort((a, b) => a.distance - b.distance || a.label - b.label))
        // among equals the first; cosine rounds, so that parallel vectors need not be equal
        if (metric !== 'cosine')
          expect(found.map(({ label }) => label)).toEqual(all.slice(0, k).map(({ label }) => label))
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  it('goes over chunk and block borders', () => {
    const random = seededRandom(3)
    const dim = 12_000
    const table = new VectorTable(dim)
    const rows = 3 * table.chunkRows + 5
    const base = new Float32Array(dim).map(() => random.normal())
    for (let label = 0; label < rows; label++) {
      const one = base.slice()
      one[0] = label
      table.append(label, label, 0, one)
    }
    const query = base.slice()
    for (const nearest of [0, table.chunkRows - 1, table.chunkRows, rows - 1]) {
      query[0] = nearest
      expect(scanTable(table, query, 'euclidean', 1)).toEqual([{ label: nearest, distance: 0 }])
    }
  })
})

describe('rowDistance', () => {
  it('is the distance to the last bit', () => {
    const random = seededRandom(5)
    const table = new VectorTable(33)
    const draw = () => new Float32Array(33).map(() => random.normal())
    for (let label = 0; label < 50; label++) table.append(label, 0, 0, draw())
    const query = draw()
    for (const metric of METRICS)
      for (let row = 0; row < 50; row++)
        expect(rowDistance(table, row, metric, query, norm(query))).toBe(
          distance(metric, query, table.vector(row)),
        )
  })
})

describe('scanItems', () => {
  it('is equal to grouping all distances by item', () => {
    fc.assert(
      fc.property(anything, ({ metric, rows, queries, k, from, length, excluded }) => {
        fc.pre(metric !== 'cosine' || queries.every((query) => query.some((x) => x !== 0)))
        const to = from + length
        const table = tableOf(rows)
        const found = scanItems(table, {
          vectors: queries,
          metric,
          k,
          from,
          to,
          excludeItems: new Set(excluded),
        })
        const best = new Map<number, ItemHit>()
        rows.forEach((row, i) => {
          if (row.dead || i < from || i >= to || excluded.includes(row.item)) return
          const near = Math.min(...queries.map((query) => distance(metric, query, row.vector)))
          const known = best.get(row.item)
          if (!known || near < known.distance)
            best.set(row.item, { item: row.item, distance: near, label: 10 * i, passage: i, row: i })
        })
        const truth = [...best.values()]
          .sort((a, b) => a.distance - b.distance || a.item - b.item)
          .slice(0, k)
        expect(found.map((hit) => hit.distance)).toEqual(truth.map((hit) => hit.distance))
        if (metric !== 'cosine') expect(found).toEqual(truth)
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  it('ends early when it is told to', () => {
    const table = new VectorTable(2)
    for (let label = 0; label < 5000; label++) table.append(label, label, 0, Float32Array.of(label, 1))
    let asked = 0
    scanItems(table, {
      vectors: [Float32Array.of(1, 1)],
      metric: 'euclidean',
      k: 3,
      stopped: () => ++asked > 2,
    })
    expect(asked).toBe(3)
  })

  it('finds all that is within a distance, of the nearest', () => {
    fc.assert(
      fc.property(anything, ({ metric, rows, queries, k }) => {
        fc.pre(metric !== 'cosine' || queries.every((query) => query.some((x) => x !== 0)))
        const all = scanItems(tableOf(rows), { vectors: queries, metric, k })
        const within = all[all.length >> 1]?.distance
        const near = scanItems(tableOf(rows), { vectors: queries, metric, k, within })
        expect(near).toEqual(all.filter(({ distance }) => within === undefined || distance <= within + 1e-5))
      }),
    )
  })

  it.each([
    [new Float32Array(3), 'cosine', 1, 'DIMENSION_MISMATCH'],
    [new Float32Array(2), 'cosine', 1, 'ZERO_VECTOR'],
    [Float32Array.of(Number.NaN, 1), 'dot', 1, 'INVALID_VECTOR'],
    [Float32Array.of(1, 1), 'dot', 0, 'INVALID_REQUEST'],
  ] as const)('refuses %s for %s and k %d with %s', (query, metric, k, expected) => {
    const failure = expect.objectContaining({ code: expected })
    expect(() => scanItems(new VectorTable(2), { vectors: [query], metric, k })).toThrow(failure)
    expect(() => scanTable(new VectorTable(2), query, metric, k)).toThrow(failure)
  })
})
