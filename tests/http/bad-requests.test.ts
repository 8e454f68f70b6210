import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { type Call, createVectors, openApp, PNG, vectorItem } from './open-app.js'

let call: Call
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, close } = await openApp())
  await createVectors(call)
  await call('POST', '/v1/collections/c/items', { json: { items: [vectorItem('a')] } })
})
afterAll(() => close())

const vector = [1, 0, 0, 0]
const json = { 'content-type': 'application/json' }

describe('search', () => {
  const refusals: [string, unknown, number, string, string?][] = [
    ['k of 0', { query: { vector }, k: 0 }, 400, 'INVALID_REQUEST', 'k'],
    ['k of -1', { query: { vector }, k: -1 }, 400, 'INVALID_REQUEST', 'k'],
    ['k of 1e9', { query: { vector }, k: 1e9 }, 400, 'INVALID_REQUEST', 'k'],
    ['k of 1.5', { query: { vector }, k: 1.5 }, 400, 'INVALID_REQUEST', 'k'],
    ['k of "ten"', { query: { vector }, k: 'ten' }, 400, 'INVALID_REQUEST', 'k'],
    ['an unknown field', { query: { vector }, limit: 3 }, 400, 'INVALID_REQUEST', 'limit'],
    ['an unknown field of the query', { query: { vektor: [] } }, 400, 'INVALID_REQUEST', 'query.vektor'],
    ['no query', {}, 400, 'INVALID_REQUEST', 'query'],
    ['an empty query', { query: {} }, 400, 'INVALID_REQUEST', 'query'],
    ['two queries', { query: { vector, id: 'a' } }, 400, 'INVALID_REQUEST', 'query'],
    ['a list instead of an object', [1], 400, 'INVALID_REQUEST'],
    ['null', null, 400, 'INVALID_REQUEST'],
    ['an unknown space', { query: { vector }, space: 'zz' }, 404, 'SPACE_NOT_FOUND', 'space'],
    ['an unknown metric', { query: { vector }, metric: 'manhattan' }, 400, 'METRIC_UNKNOWN'],
    ['an unknown mode', { query: { vector }, mode: 'magic' }, 400, 'INVALID_REQUEST', 'mode'],
    [
      'an unknown include',
      { query: { vector }, include: ['metadata', 'age'] },
      400,
      'INVALID_REQUEST',
      'include[1]',
    ],
    ['a short vector', { query: { vector: [1, 2] } }, 400, 'DIMENSION_MISMATCH', 'query.vector'],
    ['a zero vector', { query: { vector: [0, 0, 0, 0] } }, 400, 'ZERO_VECTOR', 'query.vector'],
    ['null in a vector', { query: { vector: [1, null, 0, 0] } }, 400, 'INVALID_VECTOR', 'query.vector'],
    ['a string in a vector', { query: { vector: [1, '2', 0, 0] } }, 400, 'INVALID_VECTOR', 'query.vector'],
    [
      'more than float32 holds',
      { query: { vector: [1e39, 0, 0, 0] } },
      400,
      'INVALID_VECTOR',
      'query.vector',
    ],
    ['a vector that is none', { query: { vector: 'x' } }, 400, 'INVALID_REQUEST', 'query.vector'],
    ['an item that is not there', { query: { id: 'zz' } }, 404, 'ITEM_NOT_FOUND'],
    [
      'a filter',
      { query: { vector }, where: { year: { $about: 2000 } } },
      400,
      'INVALID_FILTER',
      'where.year.$about',
    ],
    ['a filter of null', { query: { vector }, where: null }, 400, 'INVALID_FILTER', 'where'],
    ['facets of a number', { query: { vector }, facets: [1] }, 400, 'INVALID_REQUEST', 'facets[0]'],
    ['hybrid of a vector', { query: { vector }, mode: 'hybrid' }, 400, 'INVALID_REQUEST', 'mode'],
    ['keyword of a vector', { query: { vector }, mode: 'keyword' }, 400, 'INVALID_REQUEST', 'mode'],
    ['an unknown fusion', { query: { text: 'x' }, fusion: 'sum' }, 400, 'INVALID_REQUEST', 'fusion'],
    ['alpha of 2', { query: { text: 'x' }, alpha: 2 }, 400, 'INVALID_REQUEST', 'alpha'],
    ['alpha of "half"', { query: { text: 'x' }, alpha: 'half' }, 400, 'INVALID_REQUEST', 'alpha'],
    ['a picture where there are none', { query: { image: PNG } }, 400, 'INVALID_REQUEST', 'space'],
    [
      'an encoder without a vector',
      { query: { id: 'a', encoder: 'x' } },
      400,
      'INVALID_REQUEST',
      'query.encoder',
    ],
    [
      'only negative examples',
      { query: { negative: [{ id: 'a' }] } },
      400,
      'INVALID_REQUEST',
      'query.positive',
    ],
    [
      'an example of weight 0',
      { query: { positive: [{ id: 'a', weight: 0 }] } },
      400,
      'INVALID_REQUEST',
      'query.positive[0].weight',
    ],
    [
      'an example of two kinds',
      { query: { positive: [{ id: 'a' }, { id: 'a', text: 'b' }] } },
      400,
      'INVALID_REQUEST',
      'query.positive[1]',
    ],
    [
      'examples beside a text',
      { query: { positive: [{ id: 'a' }], text: 'b' } },
      400,
      'INVALID_REQUEST',
      'query',
    ],
    ['an offset of -1', { query: { vector }, offset: -1 }, 400, 'INVALID_REQUEST', 'offset'],
    ['a cursor of another kind', { query: { vector }, cursor: '7' }, 400, 'INVALID_REQUEST', 'cursor'],
    ['diversity of 2', { query: { vector }, diversity: 2 }, 400, 'INVALID_REQUEST', 'diversity'],
  ]
  test.each(refusals)('%s is refused by name', async (_, body, status, code, field) => {
    const answer = await call('POST', '/v1/collections/c/search', { json: body })
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
    if (field !== undefined) expect(answer.json.error.details).toMatchObject({ field })
  })

  test('the message says what came and what was expected', async () => {
    const answer = await call('POST', '/v1/collections/c/search', { json: { query: { vector }, k: 'ten' } })
    expect(answer.json.error.message).toBe('"k" in the body must be a number, got "ten"')
  })

  test('NaN and Infinity are not JSON; 1e999 is, and too large', async () => {
    const search = (text: string) => call('POST', '/v1/collections/c/search', { body: text, headers: json })
    expect((await search('{"query":{"vector":[NaN,0,0,0]}}')).json.error.code).toBe('INVALID_JSON')
    expect((await search('{"query":{"vector":[Infinity,0,0,0]}}')).json.error.code).toBe('INVALID_JSON')
    expect((await search('{"query":{"vector":[1e999,0,0,0]}}')).json.error.code).toBe('INVALID_VECTOR')
  })
})

describe('items', () => {
  const image = (text: string) => ({ id: 'x', image: text })
  const refusals: [string, unknown[], number, string, object][] = [
    ['the same id twice', [vectorItem('x'), vectorItem('x')], 400, 'DUPLICATE_ID', { index: 1, id: 'x' }],
    ['an empty text', [{ id: 'x', text: '' }], 400, 'INVALID_TEXT', { index: 0, id: 'x', field: 'text' }],
    ['half a surrogate pair', [{ id: 'x', text: 'a\ud83d' }], 400, 'INVALID_TEXT', { field: 'text' }],
    [
      'a text of 10 MB',
      [{ id: 'x', text: 'ab '.repeat(3.5e6) }],
      413,
      'TEXT_TOO_LARGE',
      { index: 0, id: 'x' },
    ],
    [
      'a text that is a number',
      [vectorItem('y'), { id: 'x', text: 5 }],
      400,
      'INVALID_REQUEST',
      { index: 1, field: 'text' },
    ],
    ['no id', [{ text: 'a' }], 400, 'INVALID_REQUEST', { index: 0, field: 'id' }],
    ['nothing in it', [{ id: 'x' }], 400, 'INVALID_REQUEST', { index: 0, id: 'x' }],
    [
      'an unknown field',
      [{ id: 'x', txt: 'a' }],
      400,
      'INVALID_REQUEST',
      { index: 0, id: 'x', field: 'txt' },
    ],
    ['an item that is a string', ['x'], 400, 'INVALID_REQUEST', { index: 0 }],
    [
      'metadata that is a list',
      [{ ...vectorItem('x'), metadata: [] }],
      400,
      'INVALID_REQUEST',
      { field: 'metadata' },
    ],
    [
      'reserved metadata',
      [{ ...vectorItem('x'), metadata: { $id: 1 } }],
      400,
      'INVALID_METADATA',
      { id: 'x' },
    ],
    [
      'bottomless metadata',
      [{ ...vectorItem('x'), metadata: deep(300) }],
      400,
      'INVALID_METADATA',
      { id: 'x' },
    ],
    [
      'a dimension too few',
      [{ id: 'x', vectors: { mine: [1, 2, 3] } }],
      400,
      'DIMENSION_MISMATCH',
      { id: 'x' },
    ],
    ['an unknown space', [{ id: 'x', vectors: { other: [1] } }], 404, 'SPACE_NOT_FOUND', { id: 'x' }],
    ['a zero vector', [{ id: 'x', vectors: { mine: [0, 0, 0, 0] } }], 400, 'ZERO_VECTOR', { id: 'x' }],
    [
      'true in a vector',
      [{ id: 'x', vectors: { mine: [1, true, 0, 0] } }],
      400,
      'INVALID_VECTOR',
      { field: 'vectors.mine' },
    ],
    [
      'a vector that is none',
      [{ id: 'x', vectors: { mine: 3 } }],
      400,
      'INVALID_VECTOR',
      { field: 'vectors.mine' },
    ],
    ['a picture that is not base64', [image('!!!')], 400, 'INVALID_IMAGE', { field: 'image' }],
    ['an empty picture', [image('')], 400, 'INVALID_IMAGE', { field: 'image' }],
    ['bytes that are no picture', [image('aGVsbG8=')], 400, 'INVALID_IMAGE', { field: 'image' }],
    [
      'a data URL not in base64',
      [image('data:image/svg+xml,<svg/>')],
      400,
      'INVALID_IMAGE',
      { field: 'image' },
    ],
  ]
  test.each(refusals)('%s refuses the batch and names the item', async (_, items, status, code, details) => {
    const answer = await call('POST', '/v1/collections/c/items', { json: { items: [...items] } })
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
    expect(answer.json.error.details).toMatchObject(details)
    expect((await call('GET', '/v1/collections/c')).json.items).toBe(1)
  })

  test('more than a batch may hold is refused', async () => {
    const items = Array.from({ length: LIMITS.batchItems + 1 }, (_, i) => ({ id: `${i}`, text: 'a' }))
    const answer = await call('POST', '/v1/collections/c/items', { json: { items } })
    expect([answer.status, answer.json.error.code]).toEqual([413, 'BATCH_TOO_LARGE'])
  })

  test('a body nested a hundred thousand deep is refused, small or large', async () => {
    const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
    const body = `{"items":[{"id":"x","metadata":${nested}}]}`
    const answer = await call('POST', '/v1/collections/c/items', { body, headers: json })
    expect([answer.status, answer.json.error.code]).toEqual([400, 'INVALID_METADATA'])
    const query = await call('POST', '/v1/collections/c/search', {
      body: `{"query":${nested}}`,
      headers: json,
    })
    expect([query.status, query.json.error.code]).toEqual([400, 'INVALID_REQUEST'])
    const short = `{"query":{"id":"a"},"where":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    expect((await call('POST', '/v1/collections/c/search', { body: short, headers: json })).status).toBe(400)
    const where = `${'{"$not":'.repeat(1_000)}{"a":1}${'}'.repeat(1_000)}`
    const filter = `{"query":{"vector":[1,2,3,4]},"where":${where}}`
    const answered = await call('POST', '/v1/collections/c/search', { body: filter, headers: json })
    expect([answered.status, answered.json.error.code]).toEqual([400, 'INVALID_FILTER'])
    expect(answered.json.error.message).toContain('deeper than 32 levels')
  })

  test.each([
    [{ where: {} }, 'INVALID_FILTER'],
    [{ where: { a: { $in: 3 } } }, 'INVALID_FILTER'],
    [{}, 'INVALID_REQUEST'],
    [{ ids: ['a'], where: { a: 1 } }, 'INVALID_REQUEST'],
  ])('a deletion of %j is refused', async (body, code) => {
    const answer = await call('POST', '/v1/collections/c/items/delete', { json: body })
    expect([answer.status, answer.json.error.code]).toEqual([400, code])
  })

  test.each([
    ['facets?field=$id', 'INVALID_FILTER'],
    ['facets?field=a,,b', 'INVALID_FILTER'],
    ['facets?limit=0', 'INVALID_REQUEST'],
    ['facets?fields=a', 'INVALID_REQUEST'],
    ['facets?where={', 'INVALID_JSON'],
    ['outliers?where=[1]', 'INVALID_FILTER'],
  ])('%s is refused', async (path, code) => {
    const answer = await call('GET', `/v1/collections/c/${path}`)
    expect([answer.status, answer.json.error.code]).toEqual([400, code])
  })

  test('indexing what is no field is refused', async () => {
    const answer = await call('PATCH', '/v1/collections/c', { json: { indexed: ['a', '$id'] } })
    expect([answer.status, answer.json.error.details.field]).toEqual([400, 'indexed[1]'])
  })

  test.each([
    ['limit=0', 'INVALID_REQUEST', 'limit'],
    ['limit=ten', 'INVALID_REQUEST', 'limit'],
    ['limit=5000', 'INVALID_REQUEST', 'limit'],
    ['where={a:1}', 'INVALID_JSON', 'where'],
    ['where=[]', 'INVALID_FILTER', 'where'],
    ['include=age', 'INVALID_REQUEST', 'include'],
    ['page=2', 'INVALID_REQUEST', 'page'],
    ['limit=1&limit=2', 'INVALID_REQUEST', 'limit'],
    ['__proto__=2', 'INVALID_REQUEST', '__proto__'],
  ])('a listing with %s is refused', async (query, code, field) => {
    const answer = await call('GET', `/v1/collections/c/items?${query}`)
    expect([answer.status, answer.json.error.code]).toEqual([400, code])
    expect(answer.json.error.details.field).toBe(field)
  })
})

describe('bodies', () => {
  const send = (body: RequestInit['body'], headers: Record<string, string> = json) =>
    call('POST', '/v1/collections/c/search', { body, headers })

  test.each([
    ['nothing', ''],
    ['JSON cut short', '{"query":{"vector":[1,'],
    ['words', 'hello'],
    ['two values', '{} {}'],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ])('%s is not JSON', async (_, body) => {
    const answer = await send(body)
    expect([answer.status, answer.json.error.code]).toEqual([400, 'INVALID_JSON'])
  })

  test('large bodies are refused in the same words as small ones', async () => {
    const padding = ' '.repeat(200_000)
    const cases = [
      '{"query":{"vector":[1,',
      '{"query":{"vector":[1,0,0,0]},"k":"ten"}',
      '{"query":{"vector":[1,"a",0,0]}}',
    ]
    for (const text of cases) {
      const small = (await send(text)).json.error
      const large = (await send(padding + text)).json.error
      expect(large.code).toBe(small.code)
      expect(large.details).toEqual(small.details)
    }
    const invalid = new Uint8Array(100_000).fill(0xff)
    expect((await send(invalid)).json.error.code).toBe('INVALID_JSON')
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    '',
  ])('a body of type %j is refused', async (type) => {
    const body = new TextEncoder().encode('{"query":{"id":"a"}}')
    const answer = await send(body, type === '' ? {} : { 'content-type': type })
    expect([answer.status, answer.json.error.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
  })

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/merge-patch+json',
  ])('a body of type %j is taken', async (type) => {
    expect((await send('{"query":{"id":"a"}}', { 'content-type': type })).status).toBe(200)
  })

  test('a compressed body is refused', async () => {
    const answer = await send('{}', { ...json, 'content-encoding': 'gzip' })
    expect(answer.status).toBe(415)
  })

  test('a body over the limit is refused before it has all arrived', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1 << 20
        controller.enqueue(new Uint8Array(1 << 20).fill(0x20))
      },
    })
    const answer = await send(endless)
    expect([answer.status, answer.json.error.code]).toEqual([413, 'BODY_TOO_LARGE'])
    expect(sent).toBeLessThan(LIMITS.bodyBytes + (4 << 20))
  })
})

describe('addresses', () => {
  test('an unknown one is NOT_FOUND', async () => {
    for (const path of ['/v2', '/v1/collection', '/v1/collections/c/items/', '/v1/collections/c/items/a/b']) {
      const answer = await call('GET', path)
      expect([answer.status, answer.json.error.code]).toEqual([404, 'NOT_FOUND'])
    }
  })

  test('a wrong method is told which are allowed', async () => {
    const answer = await call('PUT', '/v1/collections/c')
    expect([answer.status, answer.json.error.code]).toEqual([405, 'METHOD_NOT_ALLOWED'])
    expect(answer.headers.get('allow')).toBe('GET, HEAD, PATCH, DELETE')
    expect((await call('GET', '/v1/collections/c/search')).headers.get('allow')).toBe('POST')
  })

  test.each([
    ['GET', '/v1/collections/c/map'],
    ['GET', '/metrics'],
  ])('%s %s is UNSUPPORTED so far', async (method, path) => {
    const answer = await call(method, path)
    expect([answer.status, answer.json.error.code]).toEqual([501, 'UNSUPPORTED'])
  })

  test('an unknown collection is named', async () => {
    for (const [method, path, body] of [
      ['GET', '/v1/collections/zz', undefined],
      ['GET', '/v1/collections/zz/items', undefined],
      ['POST', '/v1/collections/zz/search', { query: { id: 'a' } }],
      ['POST', '/v1/collections/zz/items', { items: [] }],
    ] as const) {
      const answer = await call(method, path, { json: body })
      expect([answer.status, answer.json.error.code]).toEqual([404, 'COLLECTION_NOT_FOUND'])
      expect(answer.json.error.message).toContain('zz')
    }
  })
})

function deep(levels: number): object {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
}
