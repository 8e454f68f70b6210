import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Call, createVectors, openApp, PNG, vectorItem } from './open-app.js'

let call: Call
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, close } = await openApp())
})
afterAll(() => close())
beforeEach(async () => {
  await call('DELETE', '/v1/collections/c')
  await createVectors(call)
})

const post = (items: unknown[]) => call('POST', '/v1/collections/c/items', { json: { items } })

describe('collections', () => {
  test('one may name the dimensions of its vectors', async () => {
    const spaces = [{ name: 'table', metrics: ['euclidean'], columns: ['age', 'height'] }]
    const made = await call('POST', '/v1/collections', { json: { name: 'named', spaces } })
    expect(made.json).toMatchObject({ spaces: [{ name: 'table', dim: 2, columns: ['age', 'height'] }] })
    expect((await call('GET', '/v1/collections/named')).json).toEqual(made.json)
    await call('DELETE', '/v1/collections/named')
  })

  test('one is made, listed, shown and deleted', async () => {
    const summary = {
      name: 'c',
      items: 0,
      spaces: [
        {
          name: 'mine',
          encoder: null,
          encoderName: null,
          input: 'vectors',
          version: 1,
          dim: 4,
          metrics: ['cosine', 'euclidean'],
          vectors: 0,
          indexed: 0,
        },
      ],
    }
    expect((await call('GET', '/v1/collections')).json).toEqual({ collections: [summary] })
    expect((await call('GET', '/v1/collections/c')).json).toEqual(summary)
    expect((await call('DELETE', '/v1/collections/c')).json).toEqual({ deleted: 1 })
    const gone = await call('GET', '/v1/collections/c')
    expect([gone.status, gone.json.error.code]).toEqual([404, 'COLLECTION_NOT_FOUND'])
    expect((await call('DELETE', '/v1/collections/c')).status).toBe(404)
  })

  test('a name that is taken is a conflict', async () => {
    const again = await call('POST', '/v1/collections', {
      json: { name: 'c', spaces: [{ name: 'mine', dim: 4 }] },
    })
    expect([again.status, again.json.error.code]).toEqual([409, 'COLLECTION_EXISTS'])
  })

  test.each(['日本語', 'emoji-2.0'])('%s is a name that works in every address', async (name) => {
    const made = await call('POST', '/v1/collections', { json: { name, spaces: [{ name: 'm', dim: 2 }] } })
    expect(made.status).toBe(201)
    expect((await call('GET', `/v1/collections/${encodeURIComponent(name)}`)).json.name).toBe(name)
    expect((await call('DELETE', `/v1/collections/${encodeURIComponent(name)}`)).status).toBe(200)
  })

  test.each(['../x', '', 'x'.repeat(300), '.hidden', 'a/b', 'a b'])(
    '%j is refused as a name',
    async (name) => {
      const refused = await call('POST', '/v1/collections', {
        json: { name, spaces: [{ name: 'm', dim: 2 }] },
      })
      expect([refused.status, refused.json.error.code]).toEqual([400, 'INVALID_NAME'])
    },
  )
})

describe('items', () => {
  test('a batch is written, what is the same is left', async () => {
    expect((await post([vectorItem('a'), vectorItem('b')])).json).toEqual({ upserted: 2, unchanged: 0 })
    expect((await post([vectorItem('a'), vectorItem('b', 2)])).json).toEqual({ upserted: 1, unchanged: 1 })
  })

  test('one is shown with what include names', async () => {
    await post([{ ...vectorItem('a'), text: 'hello', metadata: { year: 2000 } }])
    const path = '/v1/collections/c/items/a'
    expect((await call('GET', path)).json).toEqual({
      id: 'a',
      text: 'hello',
      metadata: { year: 2000 },
      hasImage: false,
    })
    expect((await call('GET', `${path}?include=vectors`)).json).toEqual({
      id: 'a',
      vectors: { mine: [[1, 1, 0, 0]] },
      hasImage: false,
    })
    const missing = await call('GET', '/v1/collections/c/items/b')
    expect([missing.status, missing.json.error.code]).toEqual([404, 'ITEM_NOT_FOUND'])
  })

  test('a patch merges metadata and replaces what it names', async () => {
    await post([{ ...vectorItem('a'), text: 'hello', metadata: { year: 2000, old: true } }])
    const patched = await call('PATCH', '/v1/collections/c/items/a', {
      json: { metadata: { old: null, new: 1 }, text: null },
    })
    expect(patched.json).toEqual({ upserted: 1 })
    const { json } = await call('GET', '/v1/collections/c/items/a')
    expect(json).toMatchObject({ text: null, metadata: { year: 2000, new: 1 } })
    const missing = await call('PATCH', '/v1/collections/c/items/zz', { json: { text: 'x' } })
    expect([missing.status, missing.json.error.code]).toEqual([404, 'ITEM_NOT_FOUND'])
  })

  test('a patch with null takes a vector away, or a text', async () => {
    await post([{ ...vectorItem('a'), text: 'hello' }])
    const path = '/v1/collections/c/items/a'
    const patched = await call('PATCH', path, { json: { vectors: { mine: null } } })
    expect([patched.status, patched.json]).toEqual([200, { upserted: 1 }])
    const { json } = await call('GET', `${path}?include=text,vectors`)
    expect([json.text, json.vectors]).toEqual(['hello', {}])
    const wrong = await call('PATCH', path, { json: { vectors: { mine: 'x' } } })
    expect([wrong.status, wrong.json.error.code]).toEqual([400, 'INVALID_VECTOR'])
  })

  test('items are deleted one by one and in batches', async () => {
    await post(['a', 'b', 'c', 'd'].map((id) => vectorItem(id)))
    expect((await call('DELETE', '/v1/collections/c/items/a')).json).toEqual({ deleted: 1 })
    expect((await call('DELETE', '/v1/collections/c/items/a')).status).toBe(404)
    const many = await call('POST', '/v1/collections/c/items/delete', { json: { ids: ['b', 'c', 'nope'] } })
    expect(many.json).toEqual({ deleted: 2 })
    expect((await call('GET', '/v1/collections/c')).json.items).toBe(1)
  })

  test('a listing is paged by a cursor', async () => {
    await post(Array.from({ length: 25 }, (_, i) => vectorItem(`i${i}`, i + 1)))
    const ids: string[] = []
    let query = 'limit=10&include=metadata'
    for (let pages = 0; pages < 3; pages++) {
      const { json } = await call('GET', `/v1/collections/c/items?${query}`)
      ids.push(...json.items.map((item: { id: string }) => item.id))
      query = `limit=10&include=metadata&cursor=${encodeURIComponent(json.cursor)}`
      expect(json.cursor === undefined).toBe(pages === 2)
    }
    expect(ids).toEqual(Array.from({ length: 25 }, (_, i) => `i${i}`))
  })

  test('a picture comes back with its type and an ETag that is recognized', async () => {
    await post([
      { ...vectorItem('a'), image: `data:image/png;base64,${PNG}` },
      { id: 'b', image: PNG },
    ])
    const path = '/v1/collections/c/items/a/image'
    const shown = await call('GET', path)
    expect(shown.status).toBe(200)
    expect(shown.headers.get('content-type')).toBe('image/png')
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff')
    const etag = shown.headers.get('etag') ?? ''
    expect((await call('GET', path, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await call('GET', path, { headers: { 'if-none-match': `"x", W/${etag}` } })).status).toBe(304)
    expect((await call('GET', path, { headers: { 'if-none-match': '"x"' } })).status).toBe(200)
    expect((await call('GET', '/v1/collections/c/items/b/image')).headers.get('etag')).toBe(etag)
  })

  test('an item without a picture, and no item at all, are told apart', async () => {
    await post([vectorItem('a')])
    expect((await call('GET', '/v1/collections/c/items/a/image')).json.error.code).toBe('NOT_FOUND')
    expect((await call('GET', '/v1/collections/c/items/x/image')).json.error.code).toBe('ITEM_NOT_FOUND')
  })

  test('the bytes of a picture are those that were sent', async () => {
    await post([{ id: 'b', image: PNG }])
    const { app, close: closeOther, call: other } = await openApp()
    await createVectors(other)
    await other('POST', '/v1/collections/c/items', { json: { items: [{ id: 'p', image: PNG }] } })
    const response = await app.request('/v1/collections/c/items/p/image')
    expect(Buffer.from(await response.arrayBuffer()).toString('base64')).toBe(PNG)
    await closeOther()
  })
})

describe('ids', () => {
  const strange = [
    'a/b',
    '日本語',
    '👩‍👩‍👧',
    '..%2Fx',
    '../x',
    'a b',
    'a?b=c',
    'a#b',
    '%',
    '%25',
    'a%2Fb',
    '+',
    "'",
    'é',
    'delete',
  ]
  test.each(strange)('%j works in every address', async (id) => {
    const path = `/v1/collections/c/items/${encodeURIComponent(id)}`
    expect((await post([{ ...vectorItem(id), image: PNG }])).json).toEqual({ upserted: 1, unchanged: 0 })
    expect((await call('GET', path)).json.id).toBe(id)
    expect((await call('GET', `${path}/image`)).status).toBe(200)
    expect((await call('PATCH', path, { json: { metadata: { a: 1 } } })).status).toBe(200)
    expect((await call('DELETE', path)).json).toEqual({ deleted: 1 })
    expect((await call('GET', path)).status).toBe(404)
  })

  test.each([
    ['a control character', '%00', 'INVALID_ID'],
    ['600 bytes', 'x'.repeat(600), 'INVALID_ID'],
    ['bytes that are no UTF-8', '%ff', 'INVALID_REQUEST'],
    ['half an escape', 'a%2', 'INVALID_REQUEST'],
  ])('%s in an address is refused', async (_, segment, code) => {
    for (const method of ['GET', 'DELETE']) {
      const refused = await call(method, `/v1/collections/c/items/${segment}`)
      expect([refused.status, refused.json.error.code]).toEqual([400, code])
    }
  })

  test.each(['', '.', '..', 'a\u0000', 'x'.repeat(513), '\ud800'])('%j is refused in a body', async (id) => {
    const refused = await post([vectorItem('fine'), vectorItem(id)])
    expect([refused.status, refused.json.error.code]).toEqual([400, 'INVALID_ID'])
    expect(refused.json.error.details).toMatchObject({ index: 1, field: 'id' })
    expect((await call('GET', '/v1/collections/c')).json.items).toBe(0)
  })
})
