import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  enough,
  fetchFor,
  indexMicros,
  planNext,
  planSearch,
  type SearchFacts,
  scanMicros,
} from '#src/backends/embedded/plan-search.js'

function facts(selectivity: number, more: Partial<SearchFacts> = {}): SearchFacts {
  const live = more.live ?? 30_000
  return {
    ...{ matches: Math.round(live * selectivity), items: live, live, tail: 0, dim: 384, k: 10, queries: 1 },
    ...{ segments: 1, passages: false, ef: 64, chances: { short: 0, long: undefined }, ...more },
  }
}

describe('the plan of a search with a filter', () => {
  it('asks the index where much matches and compares where little does', () => {
    expect(planSearch(facts(0.5))).toMatchObject({ strategy: 'hnsw', fetch: 64, list: 'long' })
    expect(planSearch(facts(0.2))).toMatchObject({ strategy: 'hnsw', fetch: 100 })
    for (const selectivity of [0.04, 0.01, 0.001, 0]) {
      expect(planSearch(facts(selectivity)).strategy).toBe('exact')
    }
    // more rows to compare, the same search
    expect(planSearch(facts(0.1, { live: 100_000 })).strategy).toBe('hnsw')
    expect(planSearch(facts(0.01, { live: 100_000 })).strategy).toBe('exact')
  })

  it('compares where there is no index, or where all of it would be asked for', () => {
    expect(planSearch(facts(0.9, { segments: 0 })).strategy).toBe('exact')
    expect(planSearch(facts(0.5, { k: 10_000 })).strategy).toBe('exact')
    expect(planSearch(facts(0, { items: 0, matches: 0, live: 0 }))).toEqual({ strategy: 'exact', micros: 0 })
  })

  it('tries a short list where that did, or was never tried, and a long one unless it did not do', () => {
    const short = { strategy: 'hnsw', fetch: 64, list: 'short' }
    expect(planSearch(facts(0.1, { chances: { short: 1, long: undefined } }))).toMatchObject(short)
    expect(planSearch(facts(0.1, { chances: { short: undefined, long: undefined } }))).toMatchObject(short)
    expect(planSearch(facts(0.5, { chances: { short: 0, long: 0.02 } })).strategy).toBe('exact')
    expect(planSearch(facts(0.5, { chances: { short: 0, long: 0.98 } })).strategy).toBe('hnsw')
    // too short a list for k, or comparing is faster than any list
    expect(planSearch(facts(0.1, { k: 60, chances: { short: 1, long: 0 } })).strategy).toBe('exact')
    expect(planSearch(facts(0.01, { chances: { short: 1, long: 1 } })).strategy).toBe('exact')
  })

  it('asks for more where items have passages, and counts several queries and segments', () => {
    const plain = planSearch(facts(0.5))
    const passages = planSearch(facts(0.5, { passages: true }))
    expect(passages).toMatchObject({ strategy: 'hnsw', fetch: 80 })
    expect(planSearch(facts(0.5, { queries: 3 })).micros).toBeCloseTo(3 * plain.micros)
    expect(planSearch(facts(0.5, { segments: 2 })).micros).toBeCloseTo(2 * plain.micros)
  })

  it('widens by what the list showed, and gives up where that costs more than comparing', () => {
    const rare = planNext(facts(0.5), { fetch: 64, found: 9 })
    expect(rare).toMatchObject({ strategy: 'hnsw' })
    // half of all match, but none of those near the query
    expect(planNext(facts(0.5), { fetch: 64, found: 0 }).strategy).toBe('exact')
    expect(planNext(facts(0.2), { fetch: 100, found: 0 }).strategy).toBe('exact')
  })

  it('never expects more of the index than of comparing, and always comes to an end', () => {
    const any = fc.record({
      ...{
        selectivity: fc.double({ min: 0, max: 1, noNaN: true }),
        live: fc.integer({ min: 0, max: 3_000_000 }),
      },
      ...{ dim: fc.integer({ min: 1, max: 4_096 }), k: fc.integer({ min: 1, max: 10_000 }) },
      ...{ queries: fc.integer({ min: 1, max: 20 }), segments: fc.integer({ min: 0, max: 7 }) },
      ...{ passages: fc.boolean(), ef: fc.integer({ min: 1, max: 10_000 }) },
    })
    fc.assert(
      fc.property(any, fc.double({ min: 0, max: 1, noNaN: true }), ({ selectivity, ...more }, density) => {
        const known = facts(selectivity, more)
        const all = scanMicros((known.live * known.matches) / Math.max(1, known.items), known)
        let plan = planSearch(known)
        let fetched = 0
        for (let round = 0; plan.strategy === 'hnsw'; round++) {
          expect(plan.micros).toBeLessThanOrEqual(all)
          expect(plan.fetch).toBeGreaterThan(fetched)
          expect(round).toBeLessThan(30)
          fetched = plan.fetch
          plan = planNext(known, { fetch: fetched, found: Math.floor(density * Math.min(known.k, fetched)) })
        }
        expect(plan.micros).toBeCloseTo(all)
      }),
    )
  })

  it('wants more candidates for more results and rarer matches', () => {
    expect(fetchFor(10, 0.5)).toBe(40)
    expect(fetchFor(10, 0.1)).toBe(200)
    expect(fetchFor(10, 0.04)).toBe(800)
    expect(enough(10)).toBe(14)
    expect(indexMicros(200, facts(1))).toBeGreaterThan(indexMicros(100, facts(1)))
    expect(indexMicros(10, facts(1))).toBe(indexMicros(64, facts(1)))
  })
})
