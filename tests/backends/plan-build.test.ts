import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BuildPlan,
  busyTail,
  INDEX_FROM,
  type IndexState,
  indexFrom,
  planBuild,
} from '#src/backends/embedded/plan-build.js'

const state = (part: Partial<IndexState>): IndexState => ({
  segments: [],
  tail: 0,
  live: 100_000,
  from: INDEX_FROM,
  removedSinceSaved: 0,
  minTail: 200,
  ...part,
})

/** Segments after a plan was carried out, as sizes. */
function apply(sizes: number[], tail: number, plan: BuildPlan): number[] {
  const replaced = sizes.slice(plan.from, plan.to).reduce((sum, size) => sum + size, 0)
  return [...sizes.slice(0, plan.from), replaced + (plan.withTail ? tail : 0), ...sizes.slice(plan.to)]
}

describe('planBuild', () => {
  it('builds nothing while a scan is as fast', () => {
    expect(planBuild(state({ live: INDEX_FROM - 1, tail: INDEX_FROM - 1, minTail: 1 }))).toBeUndefined()
    expect(planBuild(state({ segments: [{ count: 5_000, live: 5_000 }], tail: 199 }))).toBeUndefined()
    // an encoder may know that its vectors are searched seldom
    const from = indexFrom({ settings: { indexFrom: 10_000 } })
    expect(planBuild(state({ from, live: 9_999, tail: 9_999 }))).toBeUndefined()
    expect(planBuild(state({ from, live: 10_000, tail: 10_000 }))).toMatchObject({ from: 0, withTail: true })
    expect(indexFrom({ settings: null })).toBe(INDEX_FROM)
  })

  it('makes one segment of a bulk', () => {
    expect(planBuild(state({ tail: 30_000 }))).toEqual({ from: 0, to: 0, withTail: true, extend: false })
  })

  it('extends a segment by what is small beside it', () => {
    expect(planBuild(state({ segments: [{ count: 5_000, live: 5_000 }], tail: 1_000 }))).toMatchObject({
      from: 0,
      extend: true,
    })
  })

  it('leaves a large segment alone and begins another', () => {
    expect(planBuild(state({ segments: [{ count: 50_000, live: 50_000 }], tail: 1_000 }))).toEqual({
      from: 1,
      to: 1,
      withTail: true,
      extend: false,
    })
  })

  it('builds a segment anew when a fifth of it is dead', () => {
    expect(planBuild(state({ segments: [{ count: 1_000, live: 799 }], tail: 5_000 }))).toEqual({
      from: 0,
      to: 1,
      withTail: false,
      extend: false,
    })
  })

  it('writes a snapshot after many removals', () => {
    const segments = [{ count: 60_000, live: 50_000 }]
    expect(planBuild(state({ segments, removedSinceSaved: 9_999 }))).toBeUndefined()
    expect(planBuild(state({ segments, removedSinceSaved: 10_000 }))).toMatchObject({ extend: true })
  })

  it('keeps segments few and insertions per vector few, however vectors come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 300 }), (adds) => {
        let sizes: number[] = []
        let tail = 0
        let live = 0
        let inserted = 0
        for (const added of adds) {
          tail += added
          live += added
          const segments = sizes.map((count) => ({ count, live: count }))
          const plan = planBuild(state({ segments, tail, live, minTail: busyTail(live) }))
          if (!plan) continue
          const before = sizes.reduce((sum, size) => sum + size, 0)
          const base = plan.extend ? (sizes[plan.from] ?? 0) : 0
          const next = apply(sizes, tail, plan)
          inserted += (next[plan.from] ?? 0) - base
          expect(next.reduce((sum, size) => sum + size, 0)).toBe(before + tail)
          sizes = next
          tail = 0
        }
        expect(sizes.length).toBeLessThanOrEqual(2 + Math.log(Math.max(live, 8)) / Math.log(8))
        expect(inserted).toBeLessThanOrEqual(live * (3 + Math.log(Math.max(live, 8)) / Math.log(8)))
        if (live >= INDEX_FROM) expect(tail).toBeLessThan(busyTail(live))
      }),
    )
  })
})
