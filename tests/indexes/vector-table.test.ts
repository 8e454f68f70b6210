import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { norm } from '#src/core/vectors.js'
import { VectorTable } from '#src/indexes/vector-table.js'

interface Row {
  item: number
  passage: number
  vector: Float32Array
  live: boolean
}

const code = (expected: string) => expect.objectContaining({ code: expected })

/** The table says the same as a plain map from labels to rows. */
function expectSame(table: VectorTable, model: ReadonlyMap<number, Row>): void {
  expect([table.rows, table.live]).toEqual([
    model.size,
    [...model.values()].filter(({ live }) => live).length,
  ])
  let row = 0
  for (const [label, { item, passage, vector, live }] of model) {
    expect(table.rowOf(label)).toBe(row)
    expect([table.labelAt(row), table.itemAt(row), table.passageAt(row)]).toEqual([label, item, passage])
    expect(table.vector(row)).toEqual(vector)
    expect(table.normAt(row)).toBe(norm(vector))
    expect(table.isLive(row)).toBe(live)
    row++
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      gap: fc.integer({ min: 1, max: 1000 }),
      item: fc.nat(2 ** 32 - 1),
      passage: fc.nat(5000),
      values: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('many' as const),
      count: fc.nat(200),
      gap: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const) }) },
)

describe('VectorTable', () => {
  it('does what a map does, whatever is appended, killed, compacted and moved', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let table = new VectorTable(3)
        let last = -1
        const model = new Map<number, Row>()
        for (const action of steps) {
          if (action.kind === 'append') {
            last += action.gap
            const row = {
              item: action.item,
              passage: action.passage,
              vector: Float32Array.from(action.values),
            }
            expect(table.append(last, row.item, row.passage, row.vector)).toBe(model.size)
            model.set(last, { ...row, live: true })
          } else if (action.kind === 'many') {
            const labels = Array.from({ length: action.count }, (_, i) => last + (i + 1) * action.gap)
            const vectors = Float32Array.from({ length: 3 * action.count }, (_, i) => Math.sin(i))
            table.appendMany(labels, labels, new Uint32Array(action.count), vectors)
            labels.forEach((label, i) => {
              model.set(label, {
                item: label,
                passage: 0,
                vector: vectors.slice(3 * i, 3 * i + 3),
                live: true,
              })
            })
            last = labels.at(-1) ?? last
          } else if (action.kind === 'kill') {
            const label = [...model.keys()][action.which % Math.max(1, model.size)] ?? action.which
            const row = model.get(label)
            expect(table.kill(label)).toBe(row?.live ?? false)
            if (row) row.live = false
          } else if (action.kind === 'compact') {
            table = await table.compacted()
            for (const [label, row] of model) if (!row.live) model.delete(label)
          } else {
            table = VectorTable.adopt(table.share())
          }
          expect(table.lastLabel).toBe(last)
          expect(table.rowOf(last + 1)).toBe(-1)
        }
        expectSame(table, model)
        expectSame(VectorTable.from(table.share()), model)
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  it('refuses labels that do not ascend, also after a compaction dropped the last', async () => {
    const table = new VectorTable(2)
    table.append(5, 0, 0, Float32Array.of(1, 2))
    for (const label of [5, 4, 0])
      expect(() => table.append(label, 0, 0, Float32Array.of(1, 2))).toThrow(code('LABEL_REUSED'))
    table.kill(5)
    const compacted = await table.compacted()
    expect([compacted.rows, compacted.rowOf(5)]).toEqual([0, -1])
    expect(() => compacted.append(5, 0, 0, Float32Array.of(1, 2))).toThrow(code('LABEL_REUSED'))
    compacted.retireUpTo(9)
    expect(() => compacted.append(9, 0, 0, Float32Array.of(1, 2))).toThrow(code('LABEL_REUSED'))
    expect(compacted.append(10, 0, 0, Float32Array.of(1, 2))).toBe(0)
  })

  it('appends many or none', () => {
    const table = new VectorTable(2)
    table.append(3, 1, 0, Float32Array.of(1, 2))
    const zeros = [0, 0, 0]
    const good = Float32Array.of(1, 2, 3, 4, 5, 6)
    const bad = Float32Array.of(1, 2, 3, 4, 5, Number.NaN)
    expect(() => table.appendMany([4, 5, 6], zeros, zeros, bad)).toThrow(code('INVALID_VECTOR'))
    expect(() => table.appendMany([4, 6, 6], zeros, zeros, good)).toThrow(code('LABEL_REUSED'))
    expect(() => table.appendMany([4, 5], zeros, zeros, good)).toThrow(code('DIMENSION_MISMATCH'))
    expect(() => table.append(2 ** 32, 0, 0, Float32Array.of(1, 2))).toThrow(code('INVALID_REQUEST'))
    expect(() => table.append(4, 0, 0, Float32Array.of(1))).toThrow(code('DIMENSION_MISMATCH'))
    expect([table.rows, table.live, table.lastLabel]).toEqual([1, 1, 3])
    table.appendMany([4, 5, 6], [7, 8, 9], [0, 1, 2], good)
    expect([table.rowOf(6), table.itemAt(3), table.passageAt(3)]).toEqual([3, 9, 2])
  })

  it('shows kills in a view, which holds the rows there were and cannot be changed', () => {
    const table = new VectorTable(2)
    for (let label = 0; label < 10; label++) table.append(label, label, 0, Float32Array.of(label, 1))
    const view = VectorTable.from(table.share())
    table.kill(4)
    table.append(10, 10, 0, Float32Array.of(1, 1))
    expect([view.rows, view.live, view.isLive(4)]).toEqual([10, 9, false])
    expect(() => view.kill(5)).toThrow(code('INTERNAL'))
    expect(() => view.append(11, 0, 0, Float32Array.of(1, 1))).toThrow(code('INTERNAL'))
    expect(() => view.vector(10)).toThrow(code('INTERNAL'))
  })

  it('takes what happens during a compaction into account', async () => {
    const dim = 2048
    const table = new VectorTable(dim)
    const vector = new Float32Array(dim).fill(1)
    for (let label = 0; label < 3 * table.chunkRows; label++) table.append(label, label, 0, vector)
    for (let label = 0; label < table.rows; label += 2) table.kill(label)
    const compacting = table.compacted()
    table.kill(1)
    table.kill(table.lastLabel)
    const added = table.append(table.lastLabel + 1, 7, 0, vector)
    const compacted = await compacting
    expect(compacted.live).toBe(table.live)
    expect([
      compacted.rowOf(1) < 0 || !compacted.isLive(compacted.rowOf(1)),
      compacted.itemAt(compacted.rows - 1),
    ]).toEqual([true, 7])
    expect(compacted.rowOf(table.labelAt(added))).toBe(compacted.rows - 1)
  })

  it('keeps vectors once, with few bytes beside them and at most one spare chunk', () => {
    const table = new VectorTable(384)
    const vector = new Float32Array(384).fill(0.5)
    for (let label = 0; label < 10_000; label++) table.append(label, label, 0, vector)
    const row = 384 * 4 + 21
    expect(table.bytes).toBeLessThanOrEqual(10_000 * row + table.chunkRows * row)
  })
})
