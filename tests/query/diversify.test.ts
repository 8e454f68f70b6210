import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dot, norm } from '#src/core/vectors.js'
import { type DiverseCandidate, diversify, stretched } from '#src/query/diversify.js'

const vector = fc
  .array(fc.integer({ min: -5, max: 5 }), { minLength: 3, maxLength: 3 })
  .map((values) => Float32Array.from(values))
const candidates = fc
  .array(fc.record({ relevance: fc.integer({ min: 0, max: 8 }).map((n) => n / 8), vector }), {
    maxLength: 12,
  })
  .map((list) => list.toSorted((a, b) => b.relevance - a.relevance))

const cosine = (a: Float32Array | undefined, b: Float32Array | undefined): number =>
  a && b && norm(a) > 0 && norm(b) > 0 ? dot(a, b) / (norm(a) * norm(b)) : 0

describe('diversify', () => {
  it('takes each time what the formula ranks first', () => {
    fc.assert(
      fc.property(candidates, fc.double({ min: 0, max: 1, noNaN: true }), (list, lambda) => {
        const taken = [...diversify(list, { k: 6, lambda })]
        expect(taken).toHaveLength(Math.min(6, list.length))
        expect(new Set(taken).size).toBe(taken.length)
        const value = (i: number, before: readonly number[]): number => {
          const likeness = before.map((j) => cosine(list[i]?.vector, list[j]?.vector))
          return (
            lambda * (list[i]?.relevance ?? 0) -
            (1 - lambda) * (before.length > 0 ? Math.max(...likeness) : 0)
          )
        }
        for (const [step, i] of taken.entries()) {
          const before = taken.slice(0, step)
          const others = list.map((_, j) => j).filter((j) => !before.includes(j))
          expect(value(i, before)).toBeGreaterThanOrEqual(
            Math.max(...others.map((j) => value(j, before))) - 1e-5,
          )
        }
      }),
    )
  })

  it('leaves the order as it is with lambda 1', () => {
    fc.assert(
      fc.property(candidates, (list) => {
        expect([...diversify(list, { k: 12, lambda: 1 })]).toEqual([...list.keys()])
      }),
    )
  })

  it('prefers what is unlike the first to its twin', () => {
    const twin: DiverseCandidate = { relevance: 0.9, vector: Float32Array.of(1, 0, 0) }
    const other: DiverseCandidate = { relevance: 0.5, vector: Float32Array.of(0, 1, 0) }
    expect([...diversify([twin, { ...twin, relevance: 0.89 }, other], { k: 2, lambda: 0.5 })]).toEqual([0, 2])
    expect([...diversify([twin, { ...twin, vector: undefined }], { k: 2, lambda: 0.5 })]).toEqual([0, 1])
  })

  it('stretches scores from 0 to 1', () => {
    expect(stretched([7, 4, 1])).toEqual([1, 0.5, 0])
    expect(stretched([2, 2])).toEqual([1, 1])
    expect(stretched([])).toEqual([])
  })
})
