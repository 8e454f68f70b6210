import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'
import { PICTURES } from '../support/pictures.js'

const PNG = PICTURES['image/png']
const ALL: { include: ('metadata' | 'text' | 'vectors')[] } = { include: ['metadata', 'text', 'vectors'] }

describe.each(ENGINES)('patch over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.createCollection('patched', {
      spaces: [
        { name: 'own', dim: 2 },
        { name: 'more', dim: 2 },
      ],
    })
  })
  afterAll(() => engine.cleanup())

  const whole = {
    id: 'a',
    text: 'text',
    metadata: { keep: 1, drop: 2, deep: { x: 1, y: [1] } },
    image: PNG,
    vectors: { own: [1, 2], more: [3, 4] },
  }
  beforeEach(async () => {
    await collection.add([whole])
  })

  it('changes nothing where nothing is named', async () => {
    const before = await collection.get('a', ALL)
    await collection.patch('a', {})
    expect(await collection.get('a', ALL)).toEqual(before)
    expect(Array.from((await collection.image('a'))?.bytes ?? [])).toEqual(Array.from(PNG))
  })

  it('merges metadata, and null removes a key', async () => {
    await collection.patch('a', {
      metadata: { drop: null, deep: { x: null, z: { n: null, m: 1 } }, list: [null] },
    })
    const stored = await collection.get('a', ALL)
    expect(stored?.metadata).toEqual({ keep: 1, deep: { y: [1], z: { m: 1 } }, list: [null] })
    expect(stored).toMatchObject({ text: 'text', vectors: { own: [[1, 2]], more: [[3, 4]] }, hasImage: true })
  })

  it('replaces what it names and keeps the rest', async () => {
    await collection.patch('a', { text: 'new text', vectors: { own: [5, 6] } })
    expect(await collection.get('a', ALL)).toMatchObject({
      text: 'new text',
      metadata: whole.metadata,
      vectors: { own: [[5, 6]], more: [[3, 4]] },
      hasImage: true,
    })
    const { results } = await collection.search({ query: { vector: [5, 6] }, space: 'own', k: 1 })
    expect(results[0]).toMatchObject({ id: 'a', distance: expect.closeTo(0, 5) })
  })

  it('takes parts away with null, but never the last', async () => {
    await collection.patch('a', { text: null, image: null, vectors: { own: null } })
    expect(await collection.get('a', ALL)).toMatchObject({
      text: null,
      vectors: { more: [[3, 4]] },
      hasImage: false,
    })
    expect(await collection.image('a')).toBeUndefined()
    const emptying = collection.patch('a', { vectors: { more: null } })
    await expect(emptying).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    expect((await collection.get('a', ALL))?.vectors).toEqual({ more: [[3, 4]] })
  })

  it('is seen by a later add as a change', async () => {
    await collection.patch('a', { metadata: { keep: 9 } })
    expect(await collection.add([whole])).toEqual({ upserted: 1, unchanged: 0 })
    expect(await collection.add([whole])).toEqual({ upserted: 0, unchanged: 1 })
    await collection.add([{ id: 'plain', text: 'x', metadata: { a: 1 } }])
    await collection.patch('plain', { metadata: { b: 2 } })
    const same = { id: 'plain', text: 'x', metadata: { b: 2, a: 1 } }
    expect(await collection.add([same])).toEqual({ upserted: 0, unchanged: 1 })
  })

  it.each<[string, unknown, string]>([
    ['an unknown field', { id: 'b' }, 'INVALID_REQUEST'],
    ['no object', 'x', 'INVALID_REQUEST'],
    ['an empty text', { text: '' }, 'INVALID_TEXT'],
    ['null as metadata', { metadata: null }, 'INVALID_METADATA'],
    ['a reserved key', { metadata: { $x: 1 } }, 'INVALID_METADATA'],
    ['metadata that grows too large', { metadata: { big: 'x'.repeat((1 << 18) - 20) } }, 'INVALID_METADATA'],
    ['bytes that are no picture', { image: Uint8Array.of(1) }, 'INVALID_IMAGE'],
    ['an unknown space', { vectors: { nowhere: [1] } }, 'SPACE_NOT_FOUND'],
    ['an unknown space to take away', { vectors: { nowhere: null } }, 'SPACE_NOT_FOUND'],
    ['a wrong dimension', { vectors: { own: [1] } }, 'DIMENSION_MISMATCH'],
    ['vectors that are no object', { vectors: [1] }, 'INVALID_VECTOR'],
  ])('refuses %s and leaves the item as it was', async (_what, changes, code) => {
    const before = await collection.get('a', ALL)
    await expect(collection.patch('a', changes as never)).rejects.toMatchObject({ code })
    expect(await collection.get('a', ALL)).toEqual(before)
  })

  it('refuses an unknown item', async () => {
    await expect(collection.patch('nothing', {})).rejects.toMatchObject({ code: 'ITEM_NOT_FOUND' })
    await expect(collection.patch('', {})).rejects.toMatchObject({ code: 'INVALID_ID' })
  })
})
