import { afterAll, describe, expect, it } from 'vitest'
import { readItems } from '#src/datasets/read-items.js'
import { makeFolder, readAll, readInput } from './reading.js'

const csv = (content: string, vectorColumns: 'all' | string[], options = {}) =>
  readInput(content, { format: 'csv', vectorColumns, ...options })
const jsonl = (rows: unknown[], vectorColumns: 'all' | string[], options = {}) =>
  readInput(rows.map((row) => JSON.stringify(row)).join('\n'), { format: 'jsonl', vectorColumns, ...options })

describe('vector columns of CSV', () => {
  it('become the vector, in the order asked, and stay metadata as numbers beside the others', async () => {
    const { items, skipped } = await csv('id,age,zip,Height.cm\na,31,007,1.5e2\nb,-.5,0,+0\n', [
      'Height.cm',
      'age',
    ])
    expect(skipped).toEqual([])
    expect(items).toEqual([
      { id: 'a', metadata: { age: 31, zip: '007', Height_cm: 150 }, vectors: { columns: [150, 31] } },
      { id: 'b', metadata: { age: -0.5, zip: '0', Height_cm: 0 }, vectors: { columns: [0, -0.5] } },
    ])
  })

  it('tell row by row what is not a number: which column, and what it holds', async () => {
    const cells = ['x', '', ' ', 'NaN', 'Infinity', '1e39', '0x10', '1,5', '12 kg']
    const { items, skipped } = await csv(
      ['id,v', 'ok,1', ...cells.map((cell, i) => `${i},"${cell}"`), 'last,2'].join('\n'),
      ['v'],
    )
    expect(items.map(({ id }) => id)).toEqual(['ok', 'last'])
    expect(skipped.map(({ source, code }) => [source, code])).toEqual(
      cells.map((_, i) => [`-:${i + 3}`, 'INVALID_VECTOR']),
    )
    expect(skipped[0]?.reason).toBe('column "v" holds "x", expected a finite float32 number')
    expect(skipped[1]?.reason).toBe('column "v" is empty, expected a finite float32 number')
    expect(skipped[3]?.reason).toContain('"NaN"')
  })

  it('are refused at once where the header does not have them, with those that it has', async () => {
    const { items, skipped } = await csv('id,a,b\n1,2,3\n4,5,6\n', ['a', 'z'])
    expect(items).toEqual([])
    expect(skipped).toEqual([
      {
        source: '-',
        code: 'INVALID_REQUEST',
        reason: 'there is no column "z" for the vector; columns found: id, a, b',
      },
    ])
  })

  it('need no text, and take one where there is one', async () => {
    const { items } = await csv('id,v,text\na,1,words\nb,2,\n', ['v'])
    expect(items).toMatchObject([{ id: 'a', text: 'words' }, { id: 'b' }])
    expect(items[1]).not.toHaveProperty('text')
    expect((await csv('text,id\n3,4\n5,6\n', ['text', 'id'])).items).toMatchObject([
      { metadata: { text: 3, id: 4 }, vectors: { columns: [3, 4] } },
      { vectors: { columns: [5, 6] } },
    ])
  })

  it('hash rows without an id, so that equal rows are one', async () => {
    const { items } = await csv('a,b\n1,2\n1,3\n1,2\n', ['a', 'b'])
    expect(items).toHaveLength(2)
    expect(items[0]?.id).toMatch(/^[0-9a-f]{32}$/)
    expect((await csv('key,a\nx,1\nx2,1\n', ['a'], { idColumn: 'key' })).items.map(({ id }) => id)).toEqual([
      'x',
      'x2',
    ])
  })

  it('are, for all, those of numbers but the id, a slip here and there notwithstanding', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `${i},${i / 2},${i === 7 ? 'NaN' : i},c${i},,${i % 3}`)
    const content = ['id,half,holes,word,empty,', ...rows, '99,a slip,1,w,,0'].join('\n')
    const { items, skipped } = await csv(content, 'all')
    expect(items).toHaveLength(29)
    expect(items[4]).toEqual({
      id: '4',
      metadata: { half: 2, holes: 4, word: 'c4' },
      vectors: { columns: [2, 4] },
    })
    expect(skipped.map(({ source, reason }) => `${source} ${reason.slice(0, 22)}`)).toEqual([
      '-:9 column "holes" holds "',
      '-:32 column "half" holds "a',
    ])
  })

  it('are refused for all where there are none, also in an empty table', async () => {
    for (const content of ['id,word\n1,a\n2,b\n', 'id,v\n']) {
      const { items, skipped } = await csv(content, 'all')
      expect(items).toEqual([])
      expect(skipped).toMatchObject([{ source: '-', code: 'INVALID_REQUEST' }])
      expect(skipped[0]?.reason).toContain('no column of numbers')
    }
    expect((await csv('', 'all')).skipped).toHaveLength(1)
  })

  it('give, for all, every row once of a table longer than what is looked at, and those before a fault', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => `${i},${i}`)
    const { items } = await csv(['id,v', ...rows].join('\n'), 'all', { piece: 1000 })
    expect(items.map(({ id }) => id)).toEqual(rows.map((_, i) => String(i)))
    const cut = await csv('id,v\na,1\nb,2\nc,"3\n', 'all')
    expect(cut.items.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(cut.skipped[0]?.reason).toContain('not closed')
  })
})

describe('vector columns of JSON lines', () => {
  it('are fields, of the line or of its metadata, and stay metadata', async () => {
    const { items, skipped } = await jsonl(
      [
        { id: 'a', x: 1, y: 0.5, kind: 'k' },
        { id: 'b', text: 'words', metadata: { y: 2, x: 3 } },
        { id: 'c', x: 1, y: 2, vectors: { mine: [9] } },
      ],
      ['x', 'y'],
    )
    expect(skipped).toEqual([])
    expect(items).toEqual([
      { id: 'a', metadata: { x: 1, y: 0.5, kind: 'k' }, vectors: { columns: [1, 0.5] } },
      { id: 'b', text: 'words', metadata: { y: 2, x: 3 }, vectors: { columns: [3, 2] } },
      { id: 'c', metadata: { x: 1, y: 2 }, vectors: { mine: [9], columns: [1, 2] } },
    ])
  })

  it('tell line by line what is missing or not a number', async () => {
    const { items, skipped } = await jsonl(
      [
        { x: 1 },
        { y: 1 },
        { x: '1' },
        { x: null },
        { x: true },
        { x: 1e300 },
        { x: 2, vectors: { columns: [1] } },
      ],
      ['x'],
    )
    expect(items).toHaveLength(1)
    expect(skipped.map(({ reason }) => reason)).toEqual([
      'there is no "x" for the vector; fields found: y',
      'column "x" holds "1", expected a finite float32 number',
      'column "x" is empty, expected a finite float32 number',
      'column "x" holds true, expected a finite float32 number',
      'column "x" holds 1e+300, expected a finite float32 number',
      expect.stringContaining('"vectors" holds one of space "columns"'),
    ])
  })

  it('are, for all, the fields of numbers, told by the lines that can be read', async () => {
    const input =
      '{"id":1,"a":1,"s":"x","b":2}\nnot json\n{"id":2,"a":3,"s":"y","b":null}\n{"id":3,"a":4,"b":5}\n'
    const { items, skipped } = await readInput(input, { vectorColumns: 'all' })
    expect(items.map(({ vectors }) => vectors?.columns)).toEqual([
      [1, 2],
      [4, 5],
    ])
    expect(skipped.map(({ source }) => source)).toEqual(['-:2', '-:3'])
  })
})

describe('vector columns of a reading', () => {
  const folder = makeFolder({
    'one.csv': 'id,a,b\n1,1,2\n',
    'two.csv': 'b,id,c,a\n4,2,9,3\n',
    'three.csv': 'id,a\n3,1\n',
    'note.txt': 'words\n',
    'lines.log': 'words\n',
  })
  const path = (name: string): string => `${folder.path}/${name}`
  afterAll(() => folder.remove())

  it('are settled by the first table, and asked of the others by name', async () => {
    const reading = readItems([path('one.csv'), path('two.csv'), path('three.csv')], { vectorColumns: 'all' })
    expect(reading.vectorColumns).toBeUndefined()
    const vectors: unknown[] = []
    const reasons: string[] = []
    for await (const record of reading) {
      if ('skipped' in record) reasons.push(record.skipped.reason)
      else vectors.push(record.item.vectors?.columns)
    }
    expect(reading.vectorColumns).toEqual(['a', 'b'])
    expect(vectors).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(reasons).toEqual(['there is no column "b" for the vector; columns found: id, a'])
  })

  it('are refused of files that are no tables, and of lines that are no JSON', async () => {
    const { items, skipped } = await readAll([path('note.txt'), path('one.csv')], { vectorColumns: ['a'] })
    expect(items).toHaveLength(1)
    expect(skipped).toMatchObject([{ source: path('note.txt'), code: 'INVALID_REQUEST' }])
    expect(skipped[0]?.reason).toContain('--format')
    expect(
      (await readAll([path('lines.log')], { vectorColumns: ['a'], format: 'lines' })).skipped,
    ).toHaveLength(1)
    const input = await readInput('id,a\n1,2\n', { vectorColumns: ['a'] })
    expect(input.items).toEqual([])
    expect(input.skipped[0]?.reason).toContain('--format csv')
  })

  it('must have names, each once', () => {
    for (const vectorColumns of [[], [''], ['a', 'b', 'a']]) {
      expect(() => readItems(['-'], { vectorColumns })).toThrowError(
        expect.objectContaining({ code: 'INVALID_REQUEST' }),
      )
    }
  })
})
