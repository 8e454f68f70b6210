import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/core/filter.js'
import { LIMITS } from '#src/core/limits.js'
import { seededRandom } from '#src/core/random.js'
import type { Json, SearchPlan, SearchResult } from '#src/core/types.js'
import { RankedFeed, readGroups } from '#src/engine/ranked-feed.js'
import type { RankedSource } from '#src/engine/ranked-source.js'
import { matcher } from '#src/query/matches.js'

const PLAN: SearchPlan = { mode: 'dense', strategy: 'exact', scanned: 0 }
const all = (): boolean => true

/** A list that is the same at every depth. */
function steady(items: readonly SearchResult[]): RankedSource {
  const list = async (k: number, where?: Filter) => {
    const holds = where ? matcher(where) : all
    const matching = items.filter(({ id, metadata = {} }) => holds({ id, metadata }))
    return { results: matching.slice(0, k), plan: PLAN }
  }
  return { where: undefined, space: undefined, absolute: true, list }
}

/** A list whose order depends on how deep it is read, as that of joint lists. */
function shifting(count: number, seed: number): RankedSource {
  const list = async (k: number) => {
    const random = seededRandom(seed + k)
    const order = Array.from({ length: count }, (_, i) => ({ i, at: i + random.int(30) }))
    const results = order
      .sort((a, b) => a.at - b.at)
      .map(({ i, at }) => ({ id: `i${i}`, score: -at, metadata: { kind: i % 7 } }))
    return { results: results.slice(0, k), plan: PLAN }
  }
  return { where: undefined, space: undefined, absolute: false, list }
}

const kinds = fc.array(fc.constantFrom<Json>('a', 'a', 'a', 'a', 'b', 'c', 1, '1', false, null, ['a'], []), {
  maxLength: 300,
})
const itemsOf = (values: readonly Json[]): SearchResult[] =>
  values.map((kind, i) => ({ id: `i${i}`, score: -i, metadata: { kind } }))

describe('a feed of pages', () => {
  it('gives everything once, also where the list changes with its depth', async () => {
    const pages = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 700 }), fc.nat(), pages, async (count, seed, sizes) => {
        const found: string[] = []
        for (let page = 0; ; page++) {
          const feed = new RankedFeed(shifting(count, seed), { bound: all, paged: true })
          const end = Math.min(LIMITS.k, found.length + (sizes[page % sizes.length] ?? 1))
          await feed.reach(end + 1)
          found.push(...feed.results.slice(found.length, end).map(({ id }) => id))
          if (feed.results.length <= end) break
        }
        expect(new Set(found).size).toBe(found.length)
        expect(found).toHaveLength(count)
      }),
      { numRuns: 30 },
    )
  })

  it('ends where a bound cuts it', async () => {
    const bound = ({ score }: SearchResult): boolean => score >= -4
    const feed = new RankedFeed(steady(itemsOf(Array.from({ length: 90 }, () => 'a'))), {
      bound,
      paged: false,
    })
    await feed.reach(50)
    expect(feed.results).toHaveLength(5)
    expect(feed.ended).toBe(true)
  })
})

describe('groups of a list', () => {
  it('are what they are by definition', async () => {
    const sizes = fc.record({ count: fc.integer({ min: 1, max: 8 }), size: fc.integer({ min: 1, max: 4 }) })
    await fc.assert(
      fc.asyncProperty(
        kinds,
        fc.integer({ min: 0, max: 200 }),
        sizes,
        async (values, more, { count, size }) => {
          const items = itemsOf([...Array.from({ length: more }, () => 'a'), ...values])
          const plain = items.filter(({ metadata }) => {
            const kind = metadata?.kind
            return kind !== null && typeof kind !== 'object'
          })
          const order = [...new Set(plain.map(({ metadata }) => metadata?.kind))]
          const expected = order.slice(0, count).map((value) => ({
            value,
            members: plain.filter(({ metadata }) => metadata?.kind === value).slice(0, size),
          }))
          const query = { field: 'kind', size, count, bound: all, paged: false }
          expect((await readGroups(steady(items), query)).groups).toEqual(expected)
          const joint = { ...steady(items), absolute: false }
          expect((await readGroups(joint, query)).groups).toEqual(expected)
        },
      ),
    )
  })

  it('are found behind one that fills every list', async () => {
    const hidden = itemsOf([...Array.from({ length: LIMITS.k + 500 }, () => 'a'), 'b', 'c'])
    const query = { field: 'kind', size: 1, count: 3, bound: all, paged: false }
    const { groups } = await readGroups(steady(hidden), query)
    expect(groups.map(({ value }) => value)).toEqual(['a', 'b', 'c'])
  })
})
