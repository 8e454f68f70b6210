import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dot, norm } from '#src/core/vectors.js'
import { combineExamples, meanDirection, type Weighted } from '#src/query/rocchio.js'

const DIM = 5
const vector = fc
  .array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: DIM, maxLength: DIM })
  .map((values) => Float32Array.from(values))
  .filter((values) => norm(values) > 0.1)
const weight = fc.double({ min: 0.01, max: 100, noNaN: true })
const example = fc.record({ vector, weight })
const examples = fc.array(example, { minLength: 1, maxLength: 5 })
const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / (norm(a) * norm(b))

/** The formula, in doubles. */
function directly(positives: readonly Weighted[], negatives: readonly Weighted[]): number[] {
  const mean = (side: readonly Weighted[], i: number): number => {
    const total = side.reduce((sum, { weight }) => sum + weight, 0)
    return side.reduce(
      (sum, { weight, vector }) => sum + ((weight / total) * (vector[i] ?? 0)) / norm(vector),
      0,
    )
  }
  return Array.from(
    { length: DIM },
    (_, i) => mean(positives, i) - (negatives.length > 0 ? mean(negatives, i) : 0),
  )
}

describe('a query out of examples', () => {
  it('has the direction of the mean of the positives less the mean of the negatives', () => {
    fc.assert(
      fc.property(examples, fc.array(example, { maxLength: 5 }), (positives, negatives) => {
        const expected = Float32Array.from(directly(positives, negatives))
        fc.pre(norm(expected) > 0.01)
        const query = combineExamples(positives, negatives)
        expect(query && cosine(query, expected)).toBeCloseTo(1, 4)
      }),
    )
  })

  it('is an example itself where it is the only one, and as long as the positives are on average', () => {
    fc.assert(
      fc.property(example, examples, (only, many) => {
        expect(combineExamples([only], [])).toEqual(only.vector)
        const total = many.reduce((sum, { weight }) => sum + weight, 0)
        const length = many.reduce((sum, { weight, vector }) => sum + (weight / total) * norm(vector), 0)
        const query = combineExamples(many, [])
        fc.pre(query !== undefined && norm(Float32Array.from(directly(many, []))) > 0.01)
        expect(norm(query as Float32Array) / length).toBeCloseTo(1, 4)
      }),
    )
  })

  it('does not depend on the scale of the weights, and changes no example', () => {
    fc.assert(
      fc.property(examples, examples, weight, (positives, negatives, factor) => {
        fc.pre(norm(Float32Array.from(directly(positives, negatives))) > 0.05)
        const before = JSON.stringify([positives, negatives])
        const scaled = (side: Weighted[]) => side.map((part) => ({ ...part, weight: part.weight * factor }))
        const a = combineExamples(positives, negatives)
        const b = combineExamples(scaled(positives), scaled(negatives))
        expect(a && b && cosine(a, b)).toBeCloseTo(1, 4)
        expect(JSON.stringify([positives, negatives])).toBe(before)
      }),
    )
  })

  it('is none where they cancel out, or one has no direction', () => {
    fc.assert(
      fc.property(vector, (one) => {
        const same = { vector: one, weight: 1 }
        expect(combineExamples([same], [{ ...same, weight: 3 }])).toBeUndefined()
        expect(combineExamples([same, { vector: one.map((x) => -x), weight: 1 }], [])).toBeUndefined()
        expect(combineExamples([same, { vector: new Float32Array(DIM), weight: 1 }], [])).toBeUndefined()
      }),
    )
    expect(meanDirection([])).toBeUndefined()
    expect(meanDirection([new Float32Array(DIM)])).toBeUndefined()
  })
})
