import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ItemInput, Metadata } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'
import { PICTURES } from '../support/pictures.js'

const PNG = PICTURES['image/png']

describe.each(ENGINES)('add over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.createCollection('items', {
      spaces: [
        { name: 'own', dim: 3 },
        { name: 'plain', dim: 2, metrics: ['euclidean'] },
      ],
    })
  })
  afterAll(() => engine.cleanup())

  it('stores what it is given', async () => {
    const metadata: Metadata = { year: 2024, tags: ['a', null, { deep: [1.5, true] }], constructor: 'x' }
    const item = {
      id: '日本 1',
      text: ' a text\n',
      metadata,
      image: PNG,
      vectors: { own: [1, 0, 2], plain: [0, 0] },
    }
    expect(await collection.add([item])).toEqual({ upserted: 1, unchanged: 0 })
    const stored = await collection.get('日本 1', { include: ['metadata', 'text', 'vectors'] })
    const { descriptor, ...vectors } = stored?.vectors ?? {}
    expect(descriptor).toHaveLength(1)
    expect({ ...stored, vectors }).toEqual({
      id: '日本 1',
      text: ' a text\n',
      metadata,
      hasImage: true,
      vectors: { own: [[1, 0, 2]], plain: [[0, 0]] },
    })
    const image = await collection.image('日本 1')
    expect(image?.type).toBe('image/png')
    expect(Array.from(image?.bytes ?? [])).toEqual(Array.from(PNG))
    expect(await collection.get('nothing')).toBeUndefined()
    expect(await collection.image('nothing')).toBeUndefined()
  })

  it('takes an empty batch, typed arrays and items that hold one thing only', async () => {
    expect(await collection.add([])).toEqual({ upserted: 0, unchanged: 0 })
    const receipt = await collection.add([
      { id: 'only text', text: 'x' },
      { id: 'only image', image: PNG },
      { id: 'only vector', vectors: { own: new Float64Array([1, 2, 3]) } },
    ])
    expect(receipt).toEqual({ upserted: 3, unchanged: 0 })
    expect(await collection.get('only text')).toEqual({
      id: 'only text',
      text: 'x',
      metadata: {},
      hasImage: false,
    })
  })

  it('replaces an item whole and leaves what is the same', async () => {
    const item: ItemInput = {
      id: 'r',
      text: 'one',
      metadata: { a: 1, b: 2 },
      image: PNG,
      vectors: { own: [1, 2, 3] },
    }
    await collection.add([item])
    const same = { ...item, metadata: { b: 2, a: 1 }, vectors: { own: Float32Array.of(1, 2, 3) } }
    expect(await collection.add([same])).toEqual({ upserted: 0, unchanged: 1 })
    const changes: Partial<ItemInput>[] = [
      { text: 'two' },
      { metadata: { a: 1 } },
      { vectors: { own: [1, 2, 4] } },
      { vectors: { own: [1, 2, 4], plain: [1, 1] } },
      { image: PICTURES['image/gif'] },
    ]
    for (const change of changes) {
      Object.assign(item, change)
      expect(await collection.add([item, { id: 'r2', text: 'steady' }])).toMatchObject({
        upserted: expect.any(Number),
      })
      expect(await collection.add([item])).toEqual({ upserted: 0, unchanged: 1 })
    }
    await collection.add([{ id: 'r', text: 'bare' }])
    const stored = await collection.get('r', { include: ['metadata', 'text', 'vectors'] })
    expect(stored).toEqual({ id: 'r', text: 'bare', metadata: {}, vectors: {}, hasImage: false })
  })

  it('shares no memory with what it was given', async () => {
    const vector = [1, 2, 3]
    const metadata = { list: [1] }
    const image = new Uint8Array(PNG)
    const items = [{ id: 'm', vectors: { own: vector }, metadata, image }]
    await collection.add(items)
    vector[0] = Number.NaN
    metadata.list.push(2)
    image.fill(0)
    const stored = await collection.get('m', { include: ['metadata', 'vectors'] })
    expect(stored).toMatchObject({ metadata: { list: [1] }, vectors: { own: [[1, 2, 3]] } })
    expect((await collection.image('m'))?.bytes[0]).toBe(PNG[0])
  })

  it.each(Object.entries(PICTURES))('knows a picture of type %s', async (type, bytes) => {
    await collection.add([{ id: 'picture', image: bytes }])
    expect((await collection.image('picture'))?.type).toBe(type)
  })

  const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`)
  const circular: Record<string, unknown> = {}
  circular.self = circular
  it.each<[string, unknown, string, RegExp, string]>([
    ['null', null, 'INVALID_REQUEST', /object/, 'item'],
    ['an unknown field', { id: 'x', txt: 'y' }, 'INVALID_REQUEST', /"txt"/, 'txt'],
    ['nothing but an id', { id: 'x' }, 'INVALID_REQUEST', /at least one/, 'text'],
    ['no id', { text: 'x' }, 'INVALID_ID', /string/, 'id'],
    ['a number as id', { id: 7, text: 'x' }, 'INVALID_ID', /number/, 'id'],
    ['an empty id', { id: '', text: 'x' }, 'INVALID_ID', /empty/, 'id'],
    ['a control character in the id', { id: 'a\nb', text: 'x' }, 'INVALID_ID', /control/, 'id'],
    ['half a surrogate pair in the id', { id: 'a\ud800', text: 'x' }, 'INVALID_ID', /surrogate/, 'id'],
    ['a long id', { id: 'é'.repeat(257), text: 'x' }, 'INVALID_ID', /512/, 'id'],
    ['an empty text', { id: 'x', text: '' }, 'INVALID_TEXT', /empty/, 'text'],
    ['white space as text', { id: 'x', text: ' \n\u3000' }, 'INVALID_TEXT', /empty/, 'text'],
    ['a number as text', { id: 'x', text: 1 }, 'INVALID_TEXT', /string/, 'text'],
    ['null as text', { id: 'x', text: null }, 'INVALID_TEXT', /string/, 'text'],
    ['half a surrogate pair in the text', { id: 'x', text: 'a\udc00b' }, 'INVALID_TEXT', /surrogate/, 'text'],
    ['a text of 10 MB', { id: 'x', text: 'x'.repeat(10 << 20) }, 'TEXT_TOO_LARGE', /1048576/, 'text'],
    [
      'a text of too many bytes',
      { id: 'x', text: '語'.repeat(400_000) },
      'TEXT_TOO_LARGE',
      /1200000/,
      'text',
    ],
    ['an array as metadata', { id: 'x', text: 'y', metadata: [] }, 'INVALID_METADATA', /object/, 'metadata'],
    ['null as metadata', { id: 'x', text: 'y', metadata: null }, 'INVALID_METADATA', /object/, 'metadata'],
    ['NaN in metadata', meta({ a: [0, { b: Number.NaN }] }), 'INVALID_METADATA', /NaN/, 'metadata.a[1].b'],
    ['undefined in metadata', meta({ a: undefined }), 'INVALID_METADATA', /undefined/, 'metadata.a'],
    ['a date in metadata', meta({ a: new Date() }), 'INVALID_METADATA', /Date/, 'metadata.a'],
    ['a bigint in metadata', meta({ a: 1n }), 'INVALID_METADATA', /bigint/, 'metadata.a'],
    ['a map in metadata', meta({ a: new Map() }), 'INVALID_METADATA', /Map/, 'metadata.a'],
    ['a hole in metadata', meta({ a: new Array(1) }), 'INVALID_METADATA', /undefined/, 'metadata.a[0]'],
    ['a reserved key', meta({ $id: 1 }), 'INVALID_METADATA', /\$id/, 'metadata'],
    ['a reserved key below', meta({ a: [{ $x: 1 }] }), 'INVALID_METADATA', /\$x/, 'metadata.a[0]'],
    ['a dotted key', meta({ 'a.b': 1 }), 'INVALID_METADATA', /a\.b/, 'metadata'],
    ['__proto__ as key', meta(JSON.parse('{"__proto__": 1}')), 'INVALID_METADATA', /__proto__/, 'metadata'],
    [
      'half a surrogate pair in metadata',
      meta({ a: '\ud83d' }),
      'INVALID_METADATA',
      /surrogate/,
      'metadata.a',
    ],
    ['deep metadata', meta(deep), 'INVALID_METADATA', /32 levels/, `metadata${'.a'.repeat(32)}`],
    ['circular metadata', meta(circular), 'INVALID_METADATA', /levels/, `metadata${'.self'.repeat(32)}`],
    ['large metadata', meta({ a: 'x'.repeat(1 << 18) }), 'INVALID_METADATA', /262144/, 'metadata'],
    ['metadata of many bytes', meta({ a: '語'.repeat(90_000) }), 'INVALID_METADATA', /262144/, 'metadata'],
    ['a string as image', { id: 'x', image: 'abc' }, 'INVALID_IMAGE', /Uint8Array/, 'image'],
    [
      'bytes that are no picture',
      { id: 'x', image: Uint8Array.of(1, 2, 3) },
      'INVALID_IMAGE',
      /PNG/,
      'image',
    ],
    ['an empty picture', { id: 'x', image: new Uint8Array() }, 'INVALID_IMAGE', /PNG/, 'image'],
    ['a large picture', { id: 'x', image: new Uint8Array(9 << 20) }, 'IMAGE_TOO_LARGE', /8388608/, 'image'],
    ['an array of vectors', { id: 'x', vectors: [[1, 2, 3]] }, 'INVALID_VECTOR', /by space/, 'vectors'],
    [
      'a vector of an unknown space',
      { id: 'x', vectors: { mine: [1] } },
      'SPACE_NOT_FOUND',
      /own/,
      'vectors.mine',
    ],
    ['a number as vector', { id: 'x', vectors: { own: 3 } }, 'INVALID_VECTOR', /array/, 'vectors.own'],
    ['a string as vector', { id: 'x', vectors: { own: 'abc' } }, 'INVALID_VECTOR', /array/, 'vectors.own'],
    [
      'a wrong dimension',
      { id: 'x', vectors: { own: [1, 2] } },
      'DIMENSION_MISMATCH',
      /2 dim.*3/,
      'vectors.own',
    ],
    [
      'NaN',
      { id: 'x', vectors: { own: [1, Number.NaN, 3] } },
      'INVALID_VECTOR',
      /NaN.*position 1/,
      'vectors.own',
    ],
    [
      'Infinity',
      { id: 'x', vectors: { own: [1, 2, Infinity] } },
      'INVALID_VECTOR',
      /Infinity/,
      'vectors.own',
    ],
    [
      'more than a float32',
      { id: 'x', vectors: { own: [1e39, 2, 3] } },
      'INVALID_VECTOR',
      /float32/,
      'vectors.own',
    ],
    [
      'strings in a vector',
      { id: 'x', vectors: { own: ['1', '2', '3'] } },
      'INVALID_VECTOR',
      /1/,
      'vectors.own',
    ],
    ['a zero vector', { id: 'x', vectors: { own: [0, 0, 0] } }, 'ZERO_VECTOR', /cosine/, 'vectors.own'],
  ])('refuses %s, names the item and writes nothing', async (_what, bad, code, message, field) => {
    const before = (await collection.summary()).items
    const batch = [{ id: 'good 1', text: 'fine' }, bad, { id: 'good 2', text: 'fine' }]
    const id =
      typeof bad === 'object' && bad !== null && 'id' in bad && typeof bad.id === 'string'
        ? bad.id
        : undefined
    await expect(collection.add(batch as never)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^item 1/),
      details: { index: 1, field, id },
    })
    await expect(collection.add(batch as never)).rejects.toThrow(message)
    expect((await collection.summary()).items).toBe(before)
    expect(await collection.get('good 1')).toBeUndefined()
  })

  it('refuses an id that comes twice, with both positions', async () => {
    const batch = ['d1', 'd2', 'd3', 'd2'].map((id) => ({ id, text: 'x' }))
    await expect(collection.add(batch)).rejects.toMatchObject({
      code: 'DUPLICATE_ID',
      message: expect.stringMatching(/1 and 3.*"d2"/),
      details: { index: 3, first: 1, id: 'd2', field: 'id' },
    })
    expect(await collection.get('d1')).toBeUndefined()
  })

  it('refuses what is no array', async () => {
    await expect(collection.add({ id: 'x' } as never)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('stops with CANCELLED and writes nothing when its signal is aborted', async () => {
    const before = (await collection.summary()).items
    const controller = new AbortController()
    const items = Array.from({ length: 3_000 }, (_, i) => ({ id: `c${i}`, vectors: { own: [i, 1, 1] } }))
    const adding = collection.add(items, { signal: controller.signal })
    controller.abort()
    await expect(adding).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await collection.summary()).items).toBe(before)
  })

  it('reports progress up to all items, after the commit', async () => {
    const seen: [number, number][] = []
    const items = Array.from({ length: 5 }, (_, i) => ({ id: `p${i}`, text: 'x' }))
    await collection.add(items, { onProgress: (done, total) => seen.push([done, total]) })
    expect(seen.at(-1)).toEqual([5, 5])
  })

  it('removes items and counts those that were there', async () => {
    await collection.add([
      { id: 'x1', text: 'x' },
      { id: 'x2', text: 'x' },
    ])
    expect(await collection.remove(['x1', 'x1', 'x2', 'nothing'])).toEqual({ deleted: 2 })
    expect(await collection.remove([])).toEqual({ deleted: 0 })
    expect(await collection.get('x1')).toBeUndefined()
    await expect(collection.remove('x1' as never)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(collection.remove([''])).rejects.toMatchObject({ code: 'INVALID_ID' })
  })
})

function meta(metadata: unknown): unknown {
  return { id: 'x', text: 'y', metadata }
}
