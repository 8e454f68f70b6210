import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { readInput } from './reading.js'

const csv = (content: string | Uint8Array, options: Parameters<typeof readInput>[1] = {}) =>
  readInput(content, { format: 'csv', ...options })

const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`

describe('CSV', () => {
  it('gives back what was written, whatever the cells hold and however the bytes are cut', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', '日', '😀', 'é', ';'),
      maxLength: 8,
    })
    const row = fc.record({ text: cell.filter((text) => /\S/u.test(text)), note: cell })
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 30 }),
        async (rows, lineBreak, piece) => {
          const lines = rows.map(({ text, note }, i) => [String(i), quote(text), quote(note)].join(','))
          const { items, skipped, sources } = await csv(['id,text,note', ...lines].join(lineBreak), { piece })
          expect(skipped).toEqual([])
          expect(items).toEqual(
            rows.map(({ text, note }, i) => ({
              id: String(i),
              text,
              ...(note === '' ? {} : { metadata: { note } }),
            })),
          )
          let line = 2
          for (const [i, { text, note }] of rows.entries()) {
            expect(sources[i]).toBe(`-:${line}`)
            line += 1 + `${text},${note}`.split('\n').length - 1
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('keeps strings as they are, and makes numbers of the columns that were chosen', async () => {
    const { items, skipped } = await csv('text,zip,year,a.b,\nx,007,1999,v,w\ny,1.10,later,,\n', {
      numberColumns: ['year'],
    })
    expect(items).toMatchObject([{ text: 'x', metadata: { zip: '007', year: 1999, a_b: 'v' } }])
    expect(Object.keys(items[0]?.metadata ?? {})).toEqual(['zip', 'year', 'a_b'])
    expect(skipped).toMatchObject([{ source: '-:3', code: 'INVALID_METADATA' }])
    expect(skipped[0]?.reason).toContain('"later"')
  })

  it('finds the usual names in any case, and takes the columns that were chosen', async () => {
    expect((await csv('ID,Content\n1,words')).items).toEqual([{ id: '1', text: 'words' }])
    expect((await csv('sku,title\ns,words', { idColumn: 'sku', textColumn: 'title' })).items).toEqual([
      { id: 's', text: 'words' },
    ])
  })

  it('reads tabs for tsv, any delimiter that was chosen, and UTF-16 with its mark', async () => {
    const utf16 = Buffer.from('\ufeffid\ttext\r\n1\t日本語 😀\r\n', 'utf16le')
    expect((await csv(utf16, { format: 'tsv', piece: 3 })).items).toEqual([{ id: '1', text: '日本語 😀' }])
    expect((await csv('\ufeffid;text\n1;a,b', { delimiter: ';', piece: 1 })).items).toEqual([
      { id: '1', text: 'a,b' },
    ])
  })

  it('reports bad rows by their line and goes on', async () => {
    const content = Buffer.concat([
      Buffer.from('id,text\n1,"two\r\nlines"\n\n2\n3,a,b\n4,caf'),
      Buffer.from([0xe9]),
      Buffer.from('\n5,\n,six\n1,again\n7,a "word" here'),
    ])
    const { items, skipped } = await csv(content)
    expect(items).toEqual([
      { id: '1', text: 'two\r\nlines' },
      { id: '7', text: 'a "word" here' },
    ])
    expect(skipped.map(({ source, code }) => [source, code])).toEqual([
      ['-:5', 'INVALID_REQUEST'],
      ['-:6', 'INVALID_REQUEST'],
      ['-:7', 'INVALID_TEXT'],
      ['-:8', 'INVALID_TEXT'],
      ['-:9', 'INVALID_ID'],
      ['-:10', 'DUPLICATE_ID'],
    ])
  })

  it.each([
    ['no column for the text', 'a,b\n1,2', {}, 'columns found: a, b'],
    ['a chosen column that is not there', 'a,text\n1,2', { textColumn: 'title' }, 'columns found: a, text'],
    ['an id column that is not there', 'a,text\n1,2', { idColumn: 'sku' }, 'columns found: a, text'],
    [
      'a number column that is not there',
      'a,text\n1,2',
      { numberColumns: ['year'] },
      'columns found: a, text',
    ],
    ['two columns of one name', 'text,a,a\n1,2,3', {}, 'two columns are named "a"'],
  ])('ends at %s', async (_name, content, options, reason) => {
    const { items, skipped } = await csv(content, options)
    expect(items).toEqual([])
    expect(skipped).toMatchObject([{ source: '-', code: 'INVALID_REQUEST' }])
    expect(skipped[0]?.reason).toContain(reason)
  })

  it('tells a quote that is never closed, after the rows before it', async () => {
    const { items, skipped } = await csv('text\none\n"two\nthree\n')
    expect(items).toMatchObject([{ text: 'one' }])
    expect(skipped).toMatchObject([{ source: '-:2', code: 'INVALID_REQUEST' }])
    expect(skipped[0]?.reason).toContain('not closed')
  })

  it('gives all rows before a failure, even of the same piece', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => `row ${i}`)
    const content = `text\n${rows.join('\n')}\n"${'x'.repeat(LIMITS.ndjsonLineBytes + 10)}`
    const { items, skipped } = await csv(content, { piece: content.length })
    expect(items.map(({ text }) => text)).toEqual(rows)
    expect(skipped).toMatchObject([{ source: '-:101', code: 'INVALID_REQUEST' }])
  })

  it('does not keep more than one row of bounded size', async () => {
    const { skipped } = await csv(`text\n"${'x'.repeat(LIMITS.ndjsonLineBytes + 10)}`, { piece: 1 << 16 })
    expect(skipped).toMatchObject([{ source: '-:1', code: 'INVALID_REQUEST' }])
    expect(skipped[0]?.reason).toContain('a quote may be missing')
    const long = await csv(`text\n${'x'.repeat(LIMITS.textBytes + 1)}\nshort`, { piece: 1 << 16 })
    expect(long.skipped).toMatchObject([{ source: '-:2', code: 'TEXT_TOO_LARGE' }])
    expect(long.items).toHaveLength(1)
  })

  it.each([[''], ['ab'], ['"'], ['\n'], ['、']])('refuses the delimiter %j', async (delimiter) => {
    await expect(csv('text\nx', { delimiter })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('tells an empty file and one without rows', async () => {
    expect((await csv('')).skipped).toMatchObject([{ source: '-', code: 'INVALID_TEXT' }])
    expect((await csv('id,text\n')).skipped).toMatchObject([{ source: '-', code: 'INVALID_TEXT' }])
  })
})
