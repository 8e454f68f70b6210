import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NearestAnswer, NearestQuery } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import { normalize } from '#src/core/vectors.js'
import { parseWhere } from '#src/query/parse-where.js'
import type { OpenedBackend } from '../contracts/backend.js'
import { vectorCollection, vectorItem } from '../support/backend-items.js'
import { openEmbeddedBackend } from '../support/open-embedded.js'
import { clusteredVectors } from '../support/seeded-vectors.js'

const COUNT = 12_000
const DIM = 16
const K = 10
const SELECTIVITIES = [0.95, 0.5, 0.2, 0.1, 0.04, 0.01, 0.001, 0.0001]

/**
 * `u` is uniform in [0, 1) and knows nothing of the vector; `c` is the same, but the vectors of low ones lie on one side;
 * `w` is a second uniform one.
 */
describe('searches with a filter over an index', () => {
  let opened: OpenedBackend
  const vectors = clusteredVectors({ count: COUNT, dim: DIM, seed: 5, clusters: 60 })
  const queries = clusteredVectors({ count: 40, dim: DIM, seed: 5, clusters: 60 }).map((vector, i) =>
    normalize(vector.map((x, j) => x + 0.3 * Math.sin(i * 17 + j))),
  )
  const direction = queries[0] as Float32Array

  beforeAll(async () => {
    opened = await openEmbeddedBackend()
    const { backend } = opened
    const random = seededRandom(9)
    const along = vectors.map((vector) => vector.reduce((sum, x, i) => sum + x * (direction[i] ?? 0), 0))
    const order = along.map((_, i) => i).sort((a, b) => (along[b] ?? 0) - (along[a] ?? 0))
    const rank = new Map(order.map((i, place) => [i, place / COUNT]))
    await backend.createCollection({ ...vectorCollection('c', DIM), indexed: ['u', 'w', 'c'] })
    const items = vectors.map((vector, i) => ({
      ...vectorItem(`i${i}`, vector),
      metadata: { u: random.uniform(), w: random.uniform(), c: rank.get(i) ?? 0 },
    }))
    await backend.upsert('c', items)
    await backend.settled('c')
  })
  afterAll(() => opened.cleanup())

  const ask = (
    vector: Float32Array,
    where: unknown,
    options: Partial<NearestQuery> = {},
  ): Promise<NearestAnswer> => {
    const query: NearestQuery = { space: 'v', encoder: null, vectors: [vector], metric: 'cosine', k: K }
    return opened.backend.nearest('c', { ...query, where: parseWhere(where), ...options })
  }

  async function recall(
    where: unknown,
    asked: readonly Float32Array[],
  ): Promise<{ recall: number; strategies: Set<string> }> {
    let found = 0
    let wanted = 0
    const strategies = new Set<string>()
    for (const vector of asked) {
      const truth = new Set((await ask(vector, where, { exact: true })).hits.map(({ id }) => id))
      const answer = await ask(vector, where)
      expect(answer.hits).toHaveLength(Math.min(K, answer.filtered?.matches ?? -1))
      found += answer.hits.filter(({ id }) => truth.has(id)).length
      wanted += truth.size
      strategies.add(answer.strategy)
    }
    return { recall: wanted === 0 ? 1 : found / wanted, strategies }
  }

  it.each(SELECTIVITIES)('find .99 of the nearest, at selectivity %d', async (s) => {
    const root = Math.sqrt(s)
    for (const where of [{ u: { $lt: s } }, { u: { $lt: root }, w: { $lt: root } }]) {
      const { recall: of, strategies } = await recall(where, queries)
      expect(of).toBeGreaterThanOrEqual(0.99)
      // at 0.5 it depends on how many segments the builds happened to leave
      if (s === 0.95) expect([...strategies]).toEqual(['hnsw'])
      if (s <= 0.01) expect([...strategies]).toEqual(['exact'])
    }
  })

  it.each(SELECTIVITIES)('also where matching items lie near the query, or far from it: %d', async (s) => {
    const near = queries
      .slice(0, 10)
      .map((vector) => normalize(vector.map((x, i) => x + 2 * (direction[i] ?? 0))))
    for (const where of [{ c: { $lt: s } }, { c: { $gte: 1 - s } }]) {
      expect((await recall(where, near)).recall).toBeGreaterThanOrEqual(0.99)
    }
  })

  it('see what is not indexed yet, and leave out what was excluded', async () => {
    const { backend } = opened
    const vector = queries[3] as Float32Array
    const late = Array.from({ length: 15 }, (_, i) => ({
      ...vectorItem(
        `late${i}`,
        vector.map((x) => x * (1 + i / 100)),
      ),
      metadata: { u: i < 12 ? 0.1 : 0.9 },
    }))
    await backend.upsert('c', late)
    const answer = await ask(vector, { u: { $lt: 0.5 } }, { k: 12 })
    expect(new Set(answer.hits.map(({ id }) => id))).toEqual(new Set(late.slice(0, 12).map(({ id }) => id)))
    const exclude = late.slice(0, 5).map(({ id }) => id)
    const others = (await ask(vector, { u: { $lt: 0.5 } }, { k: 12, exclude })).hits.map(({ id }) => id)
    expect(others).toHaveLength(12)
    expect(others.filter((id) => exclude.includes(id))).toEqual([])
    await backend.remove(
      'c',
      late.map(({ id }) => id),
    )
    expect((await ask(vector, { u: { $lt: 0.5 } })).hits.filter(({ id }) => id.startsWith('late'))).toEqual(
      [],
    )
  })

  it('tell how they went about it', async () => {
    const vector = queries[1] as Float32Array
    const where = { u: { $lt: 0.4 } }
    const first = (await ask(vector, where)).filtered
    expect(first?.resolved).toBe('memory')
    const again = await ask(vector, where)
    expect(again.filtered).toMatchObject({ resolved: 'kept', matches: first?.matches })
    expect(again.filtered?.selectivity).toBeCloseTo(0.4, 1)
    expect(again.filtered?.estimatedMs).toBeGreaterThan(0)
    expect((await ask(vector, { other: null })).filtered?.resolved).toBe('metadata')
  })

  it('are as broad as the recall that is asked for needs, by what was measured', async () => {
    const vector = queries[2] as Float32Array
    const efOf = async (options: Partial<NearestQuery>): Promise<number> => {
      const { ef = 0 } = await ask(vector, {}, { where: undefined, ...options })
      return ef
    }
    const [low, high] = [await efOf({ targetRecall: 0.9 }), await efOf({ targetRecall: 0.999 })]
    expect(low).toBeGreaterThanOrEqual(10)
    expect(low).toBeLessThan(high)
    expect(await efOf({})).toBeGreaterThanOrEqual(64)
    expect(await efOf({ targetRecall: 0.999, ef: 33 })).toBe(33)
  })

  it('end where they are cancelled', async () => {
    const cancelled = AbortSignal.abort()
    const asked = ask(queries[0] as Float32Array, { elsewhere: 1 }, { signal: cancelled })
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
