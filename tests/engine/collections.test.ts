import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Kindred } from '#src/engine/kindred.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const OWN = { spaces: [{ name: 'own', dim: 3 }] }

describe.each(ENGINES)('collections over %s', (_name, open) => {
  let engine: OpenedEngine
  let kindred: Kindred

  beforeAll(async () => {
    engine = await open()
    kindred = engine.kindred
  })
  afterAll(() => engine.cleanup())

  it('are made, summarized, listed and deleted', async () => {
    const made = await kindred.createCollection('first', OWN)
    expect(made.name).toBe('first')
    await made.add([{ id: 'a', vectors: { own: [1, 2, 3] } }])
    const summary = await made.summary()
    expect(summary).toMatchObject({ name: 'first', items: 1 })
    expect(summary.spaces).toMatchObject([
      { name: 'own', encoder: null, dim: 3, metrics: ['cosine'], vectors: 1 },
    ])
    expect((await kindred.collections()).map(({ name }) => name)).toContain('first')
    expect(await kindred.deleteCollection('first')).toBe(true)
    expect(await kindred.deleteCollection('first')).toBe(false)
    await expect(kindred.getCollection('first')).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
    await expect(made.summary()).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
    const search = made.search({ query: { vector: [1, 2, 3] } })
    await expect(search).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
    const add = made.add([{ id: 'a', vectors: { own: [1, 2, 3] } }])
    await expect(add).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
  })

  it('cannot be created twice, but opened again', async () => {
    await kindred.createCollection('twice', OWN)
    await expect(kindred.createCollection('twice', OWN)).rejects.toMatchObject({ code: 'COLLECTION_EXISTS' })
    expect((await kindred.collection('twice')).name).toBe('twice')
    expect((await kindred.collection('twice', OWN)).name).toBe('twice')
  })

  it('are made once when many open them at the same time', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => kindred.collection('rush', OWN)))
    expect(opened.map(({ name }) => name)).toEqual(new Array(8).fill('rush'))
  })

  it('must agree with what is asked of them', async () => {
    await kindred.createCollection('agreed', OWN)
    const withEncoder = kindred.collection('agreed', { spaces: [{ name: 'own', encoder: 'some-encoder' }] })
    await expect(withEncoder).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
    for (const spaces of [[{ name: 'other', dim: 3 }], [{ name: 'own', dim: 4 }]]) {
      await expect(kindred.collection('agreed', { spaces })).rejects.toMatchObject({
        code: 'COLLECTION_EXISTS',
      })
    }
  })

  it('know the names of dimensions, of which there are as many', async () => {
    const spaces = [{ name: 'table', metrics: ['euclidean' as const], columns: ['age', 'Größe'] }]
    const made = await kindred.createCollection('named', { spaces })
    await made.add([{ id: 'zero', vectors: { table: [0, 0] } }])
    const [space] = (await made.summary()).spaces
    expect(space).toMatchObject({ dim: 2, columns: ['age', 'Größe'], vectors: 1 })
    expect((await kindred.collection('named', { spaces })).name).toBe('named')
    expect((await kindred.collection('named', { spaces: [{ name: 'table', dim: 2 }] })).name).toBe('named')
    const turned = kindred.collection('named', { spaces: [{ name: 'table', columns: ['Größe', 'age'] }] })
    await expect(turned).rejects.toMatchObject({ code: 'COLLECTION_EXISTS' })
  })

  it('made anew under an old name are seen as they are now', async () => {
    const old = await kindred.createCollection('anew', OWN)
    await old.add([{ id: 'a', vectors: { own: [1, 2, 3] } }])
    await kindred.deleteCollection('anew')
    await kindred.createCollection('anew', { spaces: [{ name: 'own', dim: 2 }] })
    await old.add([{ id: 'b', vectors: { own: [1, 2] } }])
    const { results } = await old.search({ query: { vector: [1, 2] } })
    expect(results.map(({ id }) => id)).toEqual(['b'])
  })

  it.each([
    ['日本語'],
    ['a.b-c_d'],
    ['é'.normalize('NFD')],
    ['x'.repeat(100)],
    ['constructor'],
    ['__proto__'],
  ])('may be called %s', async (name) => {
    const made = await kindred.createCollection(name, OWN)
    await made.add([{ id: '__proto__', vectors: { own: [1, 2, 3] } }])
    const opened = await kindred.getCollection(name.normalize('NFC'))
    expect((await opened.summary()).items).toBe(1)
    expect((await opened.search({ query: { vector: [1, 2, 3] } })).results[0]?.id).toBe('__proto__')
    expect(await kindred.deleteCollection(name)).toBe(true)
  })

  it.each([['../x'], [''], ['x'.repeat(300)], ['a/b'], ['.hidden'], ['a b'], ['a\u0000']])(
    'may not be called %j',
    async (name) => {
      const refusal = { code: 'INVALID_NAME' }
      await expect(kindred.collection(name, OWN)).rejects.toMatchObject(refusal)
      await expect(kindred.createCollection(name, OWN)).rejects.toMatchObject(refusal)
      await expect(kindred.getCollection(name)).rejects.toMatchObject(refusal)
      await expect(kindred.deleteCollection(name)).rejects.toMatchObject(refusal)
    },
  )

  it.each([
    ['an unknown option', { space: [] }, 'INVALID_REQUEST', /"space"/],
    [
      'an unknown field of a space',
      { spaces: [{ name: 'a', dim: 3, metric: 'dot' }] },
      'INVALID_REQUEST',
      /metric/,
    ],
    [
      'fewer columns than dimensions',
      { spaces: [{ name: 'a', dim: 3, columns: ['x', 'y'] }] },
      'INVALID_REQUEST',
      /2 columns and a dim of 3/,
    ],
    ['a column named twice', { spaces: [{ name: 'a', columns: ['x', 'x'] }] }, 'INVALID_REQUEST', /twice/],
    ['no columns', { spaces: [{ name: 'a', columns: [] }] }, 'INVALID_REQUEST', /columns/],
    ['a column without a name', { spaces: [{ name: 'a', columns: [''] }] }, 'INVALID_REQUEST', /columns/],
    [
      'columns of an encoder',
      { spaces: [{ name: 'a', encoder: 'some-encoder', columns: ['x'] }] },
      'INVALID_REQUEST',
      /has an encoder/,
    ],
    ['no spaces', { spaces: [] }, 'INVALID_REQUEST', /spaces/],
    [
      'encoder beside spaces',
      { encoder: 'x', spaces: [{ name: 'a', dim: 1 }] },
      'INVALID_REQUEST',
      /encoder/,
    ],
    [
      'two spaces of one name',
      {
        spaces: [
          { name: 'a', dim: 1 },
          { name: 'a', dim: 2 },
        ],
      },
      'INVALID_REQUEST',
      /twice/,
    ],
    ['neither encoder nor dim', { spaces: [{ name: 'a' }] }, 'INVALID_REQUEST', /dim/],
    ['dim 0', { spaces: [{ name: 'a', dim: 0 }] }, 'INVALID_REQUEST', /dim/],
    ['dim 1.5', { spaces: [{ name: 'a', dim: 1.5 }] }, 'INVALID_REQUEST', /dim/],
    ['a huge dim', { spaces: [{ name: 'a', dim: 1e6 }] }, 'INVALID_REQUEST', /16384/],
    ['no metrics', { spaces: [{ name: 'a', dim: 1, metrics: [] }] }, 'INVALID_REQUEST', /metrics/],
    [
      'a metric twice',
      { spaces: [{ name: 'a', dim: 1, metrics: ['dot', 'dot'] }] },
      'INVALID_REQUEST',
      /twice/,
    ],
    [
      'an unknown metric',
      { spaces: [{ name: 'a', dim: 1, metrics: ['l2'] }] },
      'METRIC_UNKNOWN',
      /euclidean/,
    ],
    ['a bad space name', { spaces: [{ name: '../a', dim: 1 }] }, 'INVALID_NAME', /space/],
    ['a reserved space name', { spaces: [{ name: '__proto__', dim: 1 }] }, 'INVALID_NAME', /reserved/],
    ['an encoder that is no name', { encoder: 7 }, 'INVALID_REQUEST', /encoder/],
    ['an unknown encoder', { encoder: 'no-such-encoder' }, 'ENCODER_NOT_FOUND', /no-such-encoder/],
  ])('are not made with %s', async (_what, options, code, message) => {
    const made = kindred.createCollection('refused', options as never)
    await expect(made).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await expect(kindred.getCollection('refused')).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
  })

  it('give their spaces, which can be scanned', async () => {
    const made = await kindred.createCollection('scanned', OWN)
    await made.add(Array.from({ length: 10 }, (_, i) => ({ id: `${i}`, vectors: { own: [i, 1, 2] } })))
    const space = await made.space('own')
    expect(space).toMatchObject({ name: 'own', encoder: null, dim: 3, metrics: ['cosine'] })
    const ids: string[] = []
    for await (const batch of space.scan({ batch: 4 })) {
      expect(batch.vectors).toHaveLength(batch.ids.length * 3)
      ids.push(...batch.ids)
    }
    expect(ids).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`))
    await expect(made.space('nowhere')).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
  })

  it('are listed by pages, with what is asked for', async () => {
    const made = await kindred.createCollection('paged', OWN)
    const items = Array.from({ length: 7 }, (_, i) => ({ id: `i${i}`, text: `text ${i}`, metadata: { i } }))
    await made.add(items)
    const first = await made.list({ limit: 4 })
    expect(first.items).toMatchObject(items.slice(0, 4))
    const second = await made.list({ limit: 4, cursor: first.cursor, include: [] })
    expect(second.items).toEqual(items.slice(4).map(({ id }) => ({ id, hasImage: false })))
    expect(second.cursor).toBeUndefined()
    for (const limit of [0, 1_001, 1.5, 'ten' as never]) {
      const page = made.list({ limit })
      await expect(page).rejects.toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'limit' } })
    }
    await expect(made.list({ cursor: 3 as never })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(made.list({ include: ['all' as never] })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('an engine', () => {
  it.each(ENGINES)('over %s refuses everything after it was closed', async (_name, open) => {
    const { kindred, cleanup } = await open()
    const made = await kindred.createCollection('closed', OWN)
    const writing = made.add(
      Array.from({ length: 200 }, (_, i) => ({ id: `${i}`, vectors: { own: [i, 1, 1] } })),
    )
    const closing = kindred.close()
    await expect(writing).resolves.toEqual({ upserted: 200, unchanged: 0 })
    await closing
    await kindred.close()
    const closed = { code: 'CLOSED' }
    await expect(kindred.collection('closed')).rejects.toMatchObject(closed)
    await expect(kindred.createCollection('other', OWN)).rejects.toMatchObject(closed)
    await expect(kindred.getCollection('closed')).rejects.toMatchObject(closed)
    await expect(kindred.collections()).rejects.toMatchObject(closed)
    await expect(kindred.deleteCollection('closed')).rejects.toMatchObject(closed)
    await expect(kindred.embed(['x'])).rejects.toMatchObject(closed)
    await expect(kindred.warm()).rejects.toMatchObject(closed)
    await expect(made.add([])).rejects.toMatchObject(closed)
    await expect(made.patch('1', {})).rejects.toMatchObject(closed)
    await expect(made.get('1')).rejects.toMatchObject(closed)
    await expect(made.list()).rejects.toMatchObject(closed)
    await expect(made.remove(['1'])).rejects.toMatchObject(closed)
    await expect(made.image('1')).rejects.toMatchObject(closed)
    await expect(made.search({ query: { id: '1' } })).rejects.toMatchObject(closed)
    await expect(made.summary()).rejects.toMatchObject(closed)
    await expect(made.settled()).rejects.toMatchObject(closed)
    await expect(made.space('own')).rejects.toMatchObject(closed)
    await cleanup()
  })

  it('refuses options it does not know', async () => {
    await expect(Kindred.open({ hme: 'x' } as never)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(Kindred.open({ home: '' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(Kindred.open({ encoderThreads: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })
})
