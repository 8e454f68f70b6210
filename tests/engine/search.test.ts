import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import type { SearchRequest } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const VECTORS: Record<string, number[]> = {
  east: [1, 0, 0],
  'north-east': [1, 1, 0],
  north: [0, 2, 0],
  west: [-3, 0, 0.1],
}

describe.each(ENGINES)('search over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.createCollection('winds', {
      spaces: [
        { name: 'own', dim: 3, metrics: ['cosine', 'euclidean'] },
        { name: 'free', dim: 2, metrics: ['euclidean'] },
      ],
    })
    const items = Object.entries(VECTORS).map(([id, own], i) => ({
      id,
      text: `wind from ${id}`,
      metadata: { i },
      vectors: { own },
    }))
    await collection.add([
      ...items,
      { id: 'zero', vectors: { free: [0, 0] } },
      { id: 'one', vectors: { free: [1, 1] } },
    ])
  })
  afterAll(() => engine.cleanup())

  const search = (request: Partial<SearchRequest>): ReturnType<Collection['search']> =>
    collection.search({ query: { vector: [1, 0.1, 0] }, space: 'own', ...request })

  it('answers with ids, scores, distances, metadata and how it was found', async () => {
    const answer = await search({ k: 2 })
    expect(answer.results.map(({ id, metadata }) => [id, metadata])).toEqual([
      ['east', { i: 0 }],
      ['north-east', { i: 1 }],
    ])
    const [first] = answer.results
    expect(Object.keys(first ?? {}).sort()).toEqual(['distance', 'id', 'metadata', 'score'])
    expect(first?.distance).toBeCloseTo(1 - 1 / Math.hypot(1, 0.1), 5)
    expect(first?.score).toBeCloseTo(1 / Math.hypot(1, 0.1), 5)
    expect(answer.tookMs).toBeGreaterThan(0)
    expect(answer.plan).toMatchObject({ space: 'own', metric: 'cosine' })
    expect(['exact', 'hnsw']).toContain(answer.plan.strategy)
  })

  it('ranks by the metric asked, and scores as it says', async () => {
    const query = { vector: [0, 1, 0] }
    const expected = {
      cosine: ['north', 'north-east', 'east', 'west'],
      euclidean: ['north-east', 'north', 'east', 'west'],
      dot: ['north', 'north-east', 'east', 'west'],
    }
    for (const metric of METRICS) {
      const { results } = await search({ query, metric, exact: true })
      if (metric === 'euclidean') {
        expect(results[0]?.distance).toBeCloseTo(1, 5)
        expect(results[0]?.score).toBeCloseTo(0.5, 5)
        expect(
          results
            .slice(0, 2)
            .map(({ id }) => id)
            .sort(),
        ).toEqual(['north', 'north-east'])
      } else {
        expect(results.slice(0, 2).map(({ id }) => id)).toEqual(expected[metric].slice(0, 2))
      }
      if (metric === 'dot') expect(results[0]).toMatchObject({ score: 2, distance: -2 })
    }
  })

  it('includes what is asked for, and nothing else', async () => {
    const bare = await search({ k: 1, include: [] })
    expect(Object.keys(bare.results[0] ?? {}).sort()).toEqual(['distance', 'id', 'score'])
    const full = await search({ k: 1, include: ['metadata', 'text', 'vectors'] })
    expect(full.results[0]).toMatchObject({
      metadata: { i: 0 },
      text: 'wind from east',
      vectors: { own: [[1, 0, 0]] },
    })
    expect(full.results[0]).not.toHaveProperty('passage')
  })

  it('leaves out the item that the query names', async () => {
    const { results } = await search({ query: { id: 'east' }, k: 10 })
    expect(results.map(({ id }) => id)).toEqual(['north-east', 'north', 'west'])
  })

  it('gives at most k, 10 by default, and all there is where k is more', async () => {
    const many = await engine.kindred.createCollection('many', { spaces: [{ name: 'own', dim: 2 }] })
    const random = seededRandom(1)
    await many.add(
      Array.from({ length: 30 }, (_, i) => ({
        id: `${i}`,
        vectors: { own: [random.normal(), random.normal()] },
      })),
    )
    const query = { vector: [1, 1] }
    expect((await many.search({ query })).results).toHaveLength(10)
    expect((await many.search({ query, k: 10_000 })).results).toHaveLength(30)
    const distances = (await many.search({ query, k: 30 })).results.map(
      ({ distance = Number.NaN }) => distance,
    )
    expect(distances).toEqual(distances.toSorted((a, b) => a - b))
  })

  it('asks zero vectors where the metric allows it', async () => {
    const { results } = await search({ space: 'free', query: { vector: [0, 0] }, metric: 'euclidean' })
    expect(results.map(({ id, distance }) => [id, distance])).toEqual([
      ['zero', expect.closeTo(0, 5)],
      ['one', expect.closeTo(Math.SQRT2, 3)],
    ])
    expect((await search({ space: 'free', query: { id: 'zero' } })).results.map(({ id }) => id)).toEqual([
      'one',
    ])
  })

  it.each<[string, unknown, string, string | undefined]>([
    ['no object', 'east', 'INVALID_REQUEST', undefined],
    ['an unknown field', { limit: 3 }, 'INVALID_REQUEST', 'limit'],
    ['no query', { query: undefined }, 'INVALID_REQUEST', 'query'],
    ['a string as query', { query: 'east' }, 'INVALID_REQUEST', 'query'],
    ['an empty query', { query: {} }, 'INVALID_REQUEST', 'query'],
    ['two kinds of query', { query: { id: 'east', vector: [1, 2, 3] } }, 'INVALID_REQUEST', 'query'],
    ['an unknown kind of query', { query: { like: 'east' } }, 'INVALID_REQUEST', 'like'],
    ['k of 0', { k: 0 }, 'INVALID_REQUEST', 'k'],
    ['k of -1', { k: -1 }, 'INVALID_REQUEST', 'k'],
    ['k of 1e9', { k: 1e9 }, 'INVALID_REQUEST', 'k'],
    ['k of 1.5', { k: 1.5 }, 'INVALID_REQUEST', 'k'],
    ['k of "ten"', { k: 'ten' }, 'INVALID_REQUEST', 'k'],
    ['k of null', { k: null }, 'INVALID_REQUEST', 'k'],
    ['ef of 0', { ef: 0 }, 'INVALID_REQUEST', 'ef'],
    ['targetRecall of 1', { targetRecall: 1 }, 'INVALID_REQUEST', 'targetRecall'],
    ['targetRecall of "all"', { targetRecall: 'all' }, 'INVALID_REQUEST', 'targetRecall'],
    ['exact of "yes"', { exact: 'yes' }, 'INVALID_REQUEST', 'exact'],
    ['an unknown include', { include: ['passage'] }, 'INVALID_REQUEST', 'include'],
    ['include that is no array', { include: 'text' }, 'INVALID_REQUEST', 'include'],
    ['an unknown mode', { mode: 'sparse' }, 'INVALID_REQUEST', 'mode'],
    ['a where that is no object', { where: 'i = 1' }, 'INVALID_FILTER', 'where'],
    ['an unknown operator', { where: { i: { $near: 1 } } }, 'INVALID_FILTER', 'where.i.$near'],
    [
      'a judgement where nothing judges',
      { where: { '$anomaly.score': 1 } },
      'INVALID_FILTER',
      'where.$anomaly.score',
    ],
    ['facets that are no array', { facets: 'tags' }, 'INVALID_REQUEST', 'facets'],
    ['a facet that is no field', { facets: ['a', '$id'] }, 'INVALID_FILTER', 'facets[1]'],
    [
      'too many facets',
      { facets: Array.from({ length: 21 }, (_, i) => `f${i}`) },
      'INVALID_REQUEST',
      'facets',
    ],
    ['hybrid mode of a vector', { mode: 'hybrid' }, 'INVALID_REQUEST', 'mode'],
    ['keyword mode of a vector', { mode: 'keyword' }, 'INVALID_REQUEST', 'mode'],
    ['fusion of a dense search', { fusion: 'rrf' }, 'INVALID_REQUEST', 'fusion'],
    ['alpha of a dense search', { alpha: 0.5 }, 'INVALID_REQUEST', 'alpha'],
    [
      'an image where there is no encoder of images',
      { query: { image: new Uint8Array(3) } },
      'INVALID_REQUEST',
      'query.image',
    ],
    ['a missing space where there are several', { space: undefined }, 'INVALID_REQUEST', 'space'],
    ['an unknown space', { space: 'nowhere' }, 'SPACE_NOT_FOUND', 'space'],
    ['a number as space', { space: 3 }, 'INVALID_REQUEST', 'space'],
    ['an unknown metric', { metric: 'manhattan' }, 'METRIC_UNKNOWN', undefined],
    ['a number as metric', { metric: 2 }, 'INVALID_REQUEST', 'metric'],
    ['an empty text', { query: { text: ' ' } }, 'INVALID_TEXT', 'query.text'],
    ['half a surrogate pair', { query: { text: 'a\ud800' } }, 'INVALID_TEXT', 'query.text'],
    ['a huge text', { query: { text: 'x'.repeat(2 << 20) } }, 'TEXT_TOO_LARGE', 'query.text'],
    ['a text where there is no encoder', { query: { text: 'wind' } }, 'INVALID_REQUEST', 'query.text'],
    ['a bad id', { query: { id: '' } }, 'INVALID_ID', undefined],
    ['an unknown id', { query: { id: 'nothing' } }, 'ITEM_NOT_FOUND', 'query.id'],
    ['an id without a vector there', { query: { id: 'zero' } }, 'INVALID_REQUEST', 'query.id'],
    ['a wrong dimension', { query: { vector: [1, 2] } }, 'DIMENSION_MISMATCH', 'query.vector'],
    ['NaN', { query: { vector: [1, 2, Number.NaN] } }, 'INVALID_VECTOR', 'query.vector'],
    ['a string as vector', { query: { vector: 'abc' } }, 'INVALID_VECTOR', 'query.vector'],
    ['a zero vector under cosine', { query: { vector: [0, 0, 0] } }, 'ZERO_VECTOR', 'query.vector'],
    [
      'an item with a zero vector under cosine',
      { space: 'free', query: { id: 'zero' }, metric: 'cosine' },
      'ZERO_VECTOR',
      'query.id',
    ],
  ])('refuses %s', async (_what, request, code, field) => {
    const whole =
      typeof request === 'object' ? { query: { vector: [1, 0.1, 0] }, space: 'own', ...request } : request
    const expected = field === undefined ? { code } : { code, details: { field } }
    await expect(collection.search(whole as never)).rejects.toMatchObject(expected)
  })

  it('says what it got and what it expects', async () => {
    const answer = collection.search({ query: { id: 'east' }, k: 'ten' as never, space: 'own' })
    await expect(answer).rejects.toThrow('k must be a whole number from 1 to 10000, got "ten"')
    const filtered = collection.search({ query: { id: 'east' }, space: 'own', where: { a: { $gt: [] } } })
    await expect(filtered).rejects.toThrow('where.a.$gt must be a number, a string')
  })

  it('stops with CANCELLED when its signal is aborted', async () => {
    const searching = collection.search(
      { query: { id: 'east' }, space: 'own' },
      { signal: AbortSignal.abort() },
    )
    await expect(searching).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
