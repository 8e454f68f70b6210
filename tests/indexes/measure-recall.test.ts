import { describe, expect, it } from 'vitest'
import { HnswIndex } from '#src/indexes/hnsw-index.js'
import { breadthFor, measureRecall } from '#src/indexes/measure-recall.js'
import { VectorTable } from '#src/indexes/vector-table.js'
import { clusteredVectors } from '../support/seeded-vectors.js'

function indexOf(count: number, dim = 24): { index: HnswIndex; table: VectorTable } {
  const index = HnswIndex.create({ metric: 'euclidean', dim, m: 6, efConstruction: 30, capacity: count })
  const table = new VectorTable(dim)
  for (const [label, vector] of clusteredVectors({ count, dim, seed: 4, spread: 3, unit: false }).entries()) {
    index.add(label, vector)
    table.append(label, label, 0, vector)
  }
  return { index, table }
}

describe('the recall of an index', () => {
  it('grows with the breadth, from what is poor to what is nearly all', () => {
    const { index, table } = indexOf(3_000)
    for (let label = 0; label < 300; label++) {
      index.remove(label)
      table.kill(label)
    }
    const curve = measureRecall(index, table)
    expect(curve[0]?.[0]).toBe(10)
    expect(curve[0]?.[1]).toBeLessThan(0.95)
    expect(curve.at(-1)?.[1]).toBeGreaterThan(0.99)
    for (const [i, [ef, recall]] of curve.entries()) {
      expect(ef).toBeGreaterThan(curve[i - 1]?.[0] ?? 0)
      expect(recall).toBeGreaterThanOrEqual(curve[i - 1]?.[1] ?? 0)
    }
    expect(measureRecall(index, table)).toEqual(curve)
    const [low, high] = [breadthFor(curve, 0.9) ?? 0, breadthFor(curve, 0.999) ?? 0]
    expect(low).toBeLessThan(high)
  })

  it('is not measured where there is next to nothing', () => {
    const { index, table } = indexOf(10)
    expect(measureRecall(index, table)).toEqual([])
    expect(breadthFor([], 0.99)).toBeUndefined()
    expect(
      breadthFor(
        [
          [10, 0.5],
          [20, 0.8],
        ],
        0.99,
      ),
    ).toBe(20)
  })
})
