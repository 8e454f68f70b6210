import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

describe.each(ENGINES)('filters over the %s backend', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.collection('books', {
      spaces: [{ name: 'v', dim: 2 }],
      indexed: ['year', 'year', 'tags'],
    })
    await collection.add(
      Array.from({ length: 60 }, (_, i) => ({
        id: `b${i}`,
        metadata: {
          year: 1990 + (i % 30),
          tags: i % 3 === 0 ? ['sea', 'night'] : ['land'],
          author: { name: i % 2 === 0 ? 'Ana' : 'Ben' },
          published: `20${10 + (i % 10)}-05-01`,
        },
        vectors: { v: [Math.cos(i / 60), Math.sin(i / 60)] },
      })),
    )
  })
  afterAll(() => engine.cleanup())

  const search = async (where: unknown, more: object = {}) =>
    collection.search({ query: { vector: [1, 0] }, where, k: 100, ...more })
  const ids = async (where: unknown, more: object = {}) =>
    (await search(where, more)).results.map(({ id }) => id)

  it('answer with what matches, nearest first, and tell what they knew', async () => {
    expect(await ids({ year: 1993 })).toEqual(['b3', 'b33'])
    expect(await ids({ tags: 'sea', 'author.name': 'Ana' }, { k: 3 })).toEqual(['b0', 'b6', 'b12'])
    expect(await ids({ published: { $gte: '2019-01-01' } }, { k: 2 })).toEqual(['b9', 'b19'])
    expect(await ids({ $id: { $in: ['b7', 'b8', 'nobody'] } })).toEqual(['b7', 'b8'])
    expect(await ids({ year: 3000 })).toEqual([])
    expect(await ids({})).toHaveLength(60)
    const { plan } = await search({ tags: { $contains: 'night' } }, { include: [] })
    expect(plan.filter).toMatchObject({ matches: 20, selectivity: 1 / 3 })
    expect((await search(undefined)).plan).not.toHaveProperty('filter')
  })

  it('count values among all that match, not only among the results', async () => {
    const { facets, results } = await search(
      { year: { $lt: 1996 } },
      { k: 1, facets: ['author.name', 'tags'] },
    )
    expect(results).toHaveLength(1)
    expect(facets).toEqual({
      'author.name': [
        { value: 'Ana', count: 6 },
        { value: 'Ben', count: 6 },
      ],
      tags: [
        { value: 'land', count: 8 },
        { value: 'night', count: 4 },
        { value: 'sea', count: 4 },
      ],
    })
    expect(await collection.facets({ fields: ['year'], where: { tags: 'sea' }, limit: 1 })).toEqual({
      matches: 20,
      facets: { year: [{ value: 1990, count: 2 }] },
    })
    expect(await collection.facets()).toEqual({ matches: 60, facets: {} })
  })

  it('hold for words, and for words and meaning, as well', async () => {
    const texts = await engine.kindred.collection('texts', { indexed: ['lang'], keywords: ['title'] })
    await texts.add(
      Array.from({ length: 24 }, (_, i) => ({
        id: `t${i}`,
        text: `the lighthouse number ${i} by the sea`,
        metadata: { lang: i % 4 === 0 ? 'en' : 'de', n: i, title: 'harbour' },
      })),
    )
    const where = { lang: 'en', n: { $lt: 20 } }
    const expected = ['t0', 't12', 't16', 't4', 't8']
    for (const mode of ['keyword', 'hybrid', 'dense'] as const) {
      const request = { query: { text: 'lighthouse' }, mode, where, k: 24 }
      const { results, facets } = await texts.search({ ...request, facets: ['lang'] })
      expect([mode, results.map(({ id }) => id).sort()]).toEqual([mode, expected])
      expect(facets).toEqual({ lang: [{ value: 'en', count: 5 }] })
      expect((await texts.search({ ...request, k: 2 })).results).toHaveLength(2)
      const none = await texts.search({ ...request, where: { lang: 'fr' } })
      expect(none.results).toEqual([])
      await expect(texts.search({ ...request, where: { lang: { $near: 1 } } })).rejects.toMatchObject({
        code: 'INVALID_FILTER',
      })
    }
    const { plan } = await texts.search({ query: { text: 'lighthouse' }, where })
    expect(plan).toMatchObject({ mode: 'hybrid', filter: { matches: 5 } })
  })

  it('list, and page through, what matches', async () => {
    const where = { tags: 'sea' }
    const first = await collection.list({ where, limit: 15, include: [] })
    expect(first.items.map(({ id }) => id)).toEqual(Array.from({ length: 15 }, (_, i) => `b${3 * i}`))
    const rest = await collection.list({ where, limit: 15, cursor: first.cursor ?? '', include: [] })
    expect(rest.items).toHaveLength(5)
    expect(rest.cursor).toBeUndefined()
    await expect(collection.list({ where: 3 })).rejects.toMatchObject({ code: 'INVALID_FILTER' })
  })

  it('delete what matches, but never everything', async () => {
    await collection.add([{ id: 'extra', metadata: { year: 1, tags: 'odd' }, vectors: { v: [1, 1] } }])
    expect(await ids({ tags: 'odd' })).toEqual(['extra'])
    expect(await collection.remove({ where: { year: { $lt: 100 } } })).toEqual({ deleted: 1 })
    expect(await ids({ tags: 'odd' })).toEqual([])
    for (const where of [{}, undefined, { $and: [{}] }]) {
      await expect(collection.remove({ where })).rejects.toMatchObject({ code: 'INVALID_FILTER' })
    }
    await expect(collection.remove({ ids: ['a'] } as never)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
  })

  it('never show an item that does not match any more', async () => {
    let ended = false
    const writing = (async () => {
      for (let round = 0; round < 40; round++) {
        await collection.add([
          { id: 'moving', metadata: { year: round % 2 === 0 ? 5 : 6, tags: [] }, vectors: { v: [1, 0] } },
        ])
      }
    })().finally(() => {
      ended = true
    })
    do {
      for (const { id, metadata } of (await search({ year: 5 })).results)
        expect([id, metadata?.year]).toEqual(['moving', 5])
    } while (!ended)
    await writing
    await collection.remove(['moving'])
  })

  it('may be told other fields to index', async () => {
    expect((await collection.summary()).indexed).toEqual(['year', 'tags'])
    await collection.setIndexed(['author.name'])
    expect((await collection.summary()).indexed).toEqual(['author.name'])
    expect(await ids({ 'author.name': 'Ben', year: 1991 })).toEqual(['b1', 'b31'])
    await engine.kindred.collection('books', { indexed: ['year'] })
    expect((await collection.summary()).indexed).toEqual(['year'])
    await expect(collection.setIndexed(['$id'])).rejects.toMatchObject({ code: 'INVALID_FILTER' })
    await expect(collection.setIndexed('year' as never)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})
