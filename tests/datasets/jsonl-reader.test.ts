import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { readInput } from './reading.js'

const jsonl = (content: string | Uint8Array, options: Parameters<typeof readInput>[1] = {}) =>
  readInput(content, { format: 'jsonl', ...options })
const firstSkip = async (line: string, options?: Parameters<typeof readInput>[1]) =>
  (await jsonl(line, options)).skipped[0]

describe('JSON lines', () => {
  it('gives back what was written, however the bytes are cut', async () => {
    const word = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((text) => /\S/u.test(text))
    const metadata = fc.dictionary(
      fc.constantFrom('a', 'b', 'year', '名前'),
      fc.oneof(fc.jsonValue({ maxDepth: 2 })),
    )
    const item = fc.record({ text: word, metadata })
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (items, piece) => {
          const written = items.map((entry, i) => ({ id: `item-${i}`, ...entry }))
          const content = written.map((entry) => JSON.stringify(entry)).join('\r\n')
          const read = await jsonl(content, { piece })
          expect(read.skipped).toEqual([])
          expect(JSON.stringify(read.items)).toBe(JSON.stringify(JSON.parse(JSON.stringify(written))))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('reports bad lines by their number and goes on', async () => {
    const content = Buffer.concat([
      Buffer.from('{"id":"a","text":"one"}\n\n{"id":"b","text":\n[1]\nnull\n'),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from('{"id":"c","text":"two"}\n{"id":"a","text":"again"}'),
    ])
    const { items, skipped } = await jsonl(content)
    expect(items.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(skipped.map(({ source, code }) => [source, code])).toEqual([
      ['-:3', 'INVALID_JSON'],
      ['-:4', 'INVALID_JSON'],
      ['-:5', 'INVALID_JSON'],
      ['-:6', 'INVALID_TEXT'],
      ['-:8', 'DUPLICATE_ID'],
    ])
    expect(skipped[3]?.reason).toContain('0xff at offset 1')
    expect(skipped[4]?.reason).toContain('-:1')
  })

  it.each([
    ['an empty text', '{"text":""}', 'INVALID_TEXT'],
    ['a blank text', '{"text":" \\n"}', 'INVALID_TEXT'],
    ['a lone surrogate', '{"text":"\\ud800"}', 'INVALID_TEXT'],
    ['a text that is a number', '{"text":7}', 'INVALID_TEXT'],
    ['no text, image or vectors', '{"id":"a","titel":"x"}', 'INVALID_TEXT'],
    ['an empty id', '{"id":"","text":"x"}', 'INVALID_ID'],
    ['an id with a control character', '{"id":"a\\u0000","text":"x"}', 'INVALID_ID'],
    ['an id that is no string', '{"id":[1],"text":"x"}', 'INVALID_ID'],
    ['an id beyond exact integers', '{"id":12345678901234567890,"text":"x"}', 'INVALID_ID'],
    ['metadata that is a list', '{"text":"x","metadata":[]}', 'INVALID_METADATA'],
    ['fields beside metadata', '{"text":"x","metadata":{},"year":1}', 'INVALID_REQUEST'],
    ['two fields of one name in metadata', '{"text":"x","a.b":1,"a_b":2}', 'INVALID_METADATA'],
    ['vectors that are a list', '{"vectors":[1,2]}', 'INVALID_VECTOR'],
    ['a vector that is a string', '{"vectors":{"mine":"1,2"}}', 'INVALID_VECTOR'],
    ['a null in a vector', '{"vectors":{"mine":[1,null]}}', 'INVALID_VECTOR'],
    ['a number beyond float32', '{"vectors":{"mine":[1e39]}}', 'INVALID_VECTOR'],
    ['a number beyond float64', '{"vectors":{"mine":[1e999]}}', 'INVALID_VECTOR'],
    ['an image that is not base64', '{"image":"not a picture!"}', 'INVALID_IMAGE'],
    ['an image address', '{"image":"data:image/png,abc"}', 'INVALID_IMAGE'],
  ])('refuses %s', async (_name, line, code) => {
    const { items, skipped } = await jsonl(`${line}\n{"id":"next","text":"goes on"}`)
    expect(skipped).toMatchObject([{ source: '-:1', code }])
    expect(items.map(({ id }) => id)).toEqual(['next'])
  })

  it('refuses a text and a line that are too long without keeping the line', async () => {
    expect(
      await firstSkip(JSON.stringify({ text: 'x'.repeat(LIMITS.textBytes + 1) }), { piece: 1 << 16 }),
    ).toMatchObject({
      code: 'TEXT_TOO_LARGE',
    })
    const line = `{"text":"${'x'.repeat(LIMITS.ndjsonLineBytes)}"}`
    const { items, skipped } = await jsonl(`${line}\n{"id":"b","text":"next"}`, { piece: 1 << 16 })
    expect(skipped).toMatchObject([{ source: '-:1', code: 'TEXT_TOO_LARGE' }])
    expect(items).toHaveLength(1)
  })

  it('takes integers for ids, images in base64 and as data URLs, and vectors', async () => {
    const png = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1').toString('base64')
    const { items } = await jsonl(
      `{"id":7,"image":"${png}"}\n{"id":"v","vectors":{"mine":[1,2.5]}}\n{"id":"d","image":"data:image/png;base64,${png}"}`,
    )
    expect(items[0]).toEqual({ id: '7', image: Buffer.from(png, 'base64') })
    expect(items[1]).toEqual({ id: 'v', vectors: { mine: [1, 2.5] } })
    expect(items[2]).toEqual({ id: 'd', image: Buffer.from(png, 'base64') })
  })

  it('keeps all other fields as metadata where there is none, under names that filters can say', async () => {
    const { items } = await jsonl(
      '{"id":"a","body":"words","year":2001,"tags":["x"],"a.b":1,"$c":2,"none":null}',
    )
    expect(items).toEqual([
      { id: 'a', text: 'words', metadata: { year: 2001, tags: ['x'], a_b: 1, _c: 2, none: null } },
    ])
  })

  it('does not let a field named __proto__ change anything', async () => {
    const { items } = await jsonl('{"id":"a","text":"x","__proto__":{"polluted":1}}')
    expect(Object.keys(items[0]?.metadata ?? {})).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(items[0]?.metadata)).toBe(Object.prototype)
  })

  it('takes the text and the id from the fields that were chosen', async () => {
    const { items, skipped } = await jsonl('{"sku":"s1","title":"Shirt","text":"long"}\n{"title":"Hat"}', {
      idColumn: 'sku',
      textColumn: 'title',
    })
    expect(items).toEqual([{ id: 's1', text: 'Shirt', metadata: { text: 'long' } }])
    expect(skipped).toMatchObject([{ source: '-:2', code: 'INVALID_ID' }])
  })

  it('gives an id by content: of the text alone its sha256, of more one that does not mind the order', async () => {
    const { items } = await jsonl(
      '{"text":"words"}\n{"text":"words","a":1,"b":2}\n{"b":2,"a":1,"text":"words"}\n{"text":"words","a":2}',
    )
    expect(items[0]?.id).toBe(createHash('sha256').update('words').digest('hex').slice(0, 32))
    expect(new Set(items.map(({ id }) => id)).size).toBe(3)
    expect(items).toHaveLength(3)
  })
})
