import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { candidateCount, FUSIONS, fuse, fuseRanks, RANK_CONSTANT, type Ranked } from '#src/query/fusion.js'

const list = (...ids: string[]): Ranked[] => ids.map((id, i) => ({ id, score: ids.length - i }))
const ids = (items: readonly { id: string }[]): string[] => items.map(({ id }) => id)
const half = { fusion: 'rrf', alpha: 0.5 } as const

describe('reciprocal ranks', () => {
  it('put first what both lists know', () => {
    const fused = fuse(list('a', 'both', 'c'), list('x', 'both', 'z'), half)
    expect(fused[0]).toMatchObject({ id: 'both', scores: { dense: 2, keyword: 2 } })
    expect(fused[0]?.score).toBeCloseTo((RANK_CONSTANT + 1) / (RANK_CONSTANT + 2), 10)
    expect(fused[1]).toEqual({ id: 'a', score: 0.5, scores: { dense: 3 } })
  })

  it('are 1 for what is first in both', () => {
    expect(fuse(list('a', 'b'), list('a', 'c'), half)[0]?.score).toBeCloseTo(1, 10)
  })
})

describe('scores', () => {
  it('are stretched from 0 to 1 list by list', () => {
    const dense = [
      { id: 'a', score: 0.9 },
      { id: 'b', score: 0.8 },
      { id: 'c', score: 0.4 },
    ]
    const keyword = [
      { id: 'b', score: 12 },
      { id: 'd', score: 2 },
    ]
    const fused = fuse(dense, keyword, { fusion: 'score', alpha: 0.25 })
    expect(ids(fused)).toEqual(['b', 'a', 'd', 'c'])
    expect(fused[0]?.score).toBeCloseTo(0.25 * 0.8 + 0.75, 10)
  })

  it('count as 1 where all are the same', () => {
    const one = [{ id: 'a', score: 7 }]
    expect(fuse(one, [], { fusion: 'score', alpha: 0.5 })).toEqual([
      { id: 'a', score: 0.5, scores: { dense: 7 } },
    ])
  })
})

describe.each(FUSIONS)('fusion by %s', (fusion) => {
  const lists = fc
    .uniqueArray(fc.nat(40), { maxLength: 20 })
    .map((numbers) => list(...numbers.map((number) => `i${number}`)))

  it('of weight 0 or 1 is the one list', () => {
    fc.assert(
      fc.property(lists, lists, (dense, keyword) => {
        expect(ids(fuse(dense, keyword, { fusion, alpha: 1 }))).toEqual(ids(dense))
        expect(ids(fuse(dense, keyword, { fusion, alpha: 0 }))).toEqual(ids(keyword))
      }),
    )
  })

  it('holds every item of both once, best first, within 0 and 1', () => {
    fc.assert(
      fc.property(lists, lists, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (dense, keyword, alpha) => {
        const fused = fuse(dense, keyword, { fusion, alpha })
        expect(ids(fused).sort()).toEqual([...new Set([...ids(dense), ...ids(keyword)])].sort())
        const scores = fused.map(({ score }) => score)
        expect(scores).toEqual(scores.toSorted((a, b) => b - a))
        for (const score of scores) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(score).toBeLessThanOrEqual(1 + 1e-9)
        }
      }),
    )
  })

  it('never puts an item below one that both lists put below it', () => {
    fc.assert(
      fc.property(lists, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (both, alpha) => {
        expect(ids(fuse(both, both, { fusion, alpha }))).toEqual(ids(both))
      }),
    )
  })
})

it('takes more candidates than are asked for, within a bound', () => {
  expect(candidateCount(1, 10_000)).toBe(50)
  expect(candidateCount(100, 10_000)).toBe(300)
  expect(candidateCount(9_000, 10_000)).toBe(10_000)
})

describe('many lists by rank', () => {
  const lists = fc.array(
    fc.record({
      list: fc
        .uniqueArray(fc.constantFrom(...'abcdefgh'), { maxLength: 8 })
        .map((letters) => list(...letters)),
      weight: fc.double({ min: 0.1, max: 10, noNaN: true }),
    }),
    { minLength: 1, maxLength: 4 },
  )

  it('score by the weighted sum of reciprocal ranks, 1 for what is first in all', () => {
    fc.assert(
      fc.property(lists, (given) => {
        const total = given.reduce((sum, { weight }) => sum + weight, 0)
        const fused = fuseRanks(given)
        expect(ids(fused).toSorted()).toEqual(
          [...new Set(given.flatMap((part) => ids(part.list)))].toSorted(),
        )
        for (const [i, { id, score }] of fused.entries()) {
          const expected = given.reduce((sum, part) => {
            const rank = ids(part.list).indexOf(id)
            return rank < 0 ? sum : sum + (part.weight * (RANK_CONSTANT + 1)) / (RANK_CONSTANT + 1 + rank)
          }, 0)
          expect(score).toBeCloseTo(expected / total, 10)
          expect(score).toBeLessThanOrEqual(fused[i - 1]?.score ?? 1 + 1e-9)
        }
      }),
    )
  })

  it('keep the order of one alone', () => {
    fc.assert(
      fc.property(lists, ([first]) => {
        if (first) expect(ids(fuseRanks([first]))).toEqual(ids(first.list))
      }),
    )
  })
})
