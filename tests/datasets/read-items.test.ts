import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { readItems } from '#src/datasets/read-items.js'
import { makeFolder, readAll, readInput } from './reading.js'

const folders: { remove: () => void }[] = []
function folder(files: Record<string, string | Uint8Array>): string {
  const made = makeFolder(files)
  folders.push(made)
  return made.path
}
afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const ids = (all: { items: { id: string }[] }): string[] => all.items.map(({ id }) => id)

describe('folders', () => {
  it('gives the texts of all levels by id, and counts what is of another kind', async () => {
    const path = folder({
      'b.md': '# B',
      'a.txt': 'A',
      'deep/er/c.TXT': 'C',
      'x.txt/inside.md': 'a folder may be named like a file',
      '.hidden/d.txt': 'no',
      '.e.txt': 'no',
      'node_modules/f/readme.md': 'no',
      'photo.xyz': 'no',
      'data.csv': 'text\nno',
      Makefile: 'no',
    })
    const reading = readItems([path])
    expect(await reading.size()).toEqual({
      files: 4,
      bytes: 3 + 1 + 1 + 33,
      ignored: { '': 1, '.csv': 1, '.xyz': 1 },
    })
    const read = await readAll([path])
    expect(ids(read)).toEqual(['a.txt', 'b.md', 'deep/er/c.TXT', 'x.txt/inside.md'])
    expect(read.items[0]).toEqual({ id: 'a.txt', text: 'A', metadata: { path: join(path, 'a.txt') } })
    expect(read.skipped).toEqual([])
  })

  it('gives the same item again while the content stays, whatever the times say', async () => {
    const path = folder({ 'a.txt': 'A' })
    const before = await readAll([path])
    utimesSync(join(path, 'a.txt'), 1, 1)
    expect((await readAll([`${path}/`])).items).toEqual(before.items)
  })

  it('writes ids in NFC, and tells two files whose names differ in nothing else', async () => {
    const path = folder({ 'cafe\u0301.txt': 'decomposed' })
    expect(ids(await readAll([path]))).toEqual(['caf\u00e9.txt'])
    writeFileSync(join(path, 'caf\u00e9.txt'), 'composed')
    const both = await readAll([path])
    expect(both.items).toHaveLength(1)
    expect(both.skipped).toMatchObject([{ code: 'DUPLICATE_ID' }])
  })

  it('follows links once, and round in no circle', async () => {
    const path = folder({ 'real/a.txt': 'A', 'real/sub/b.txt': 'B' })
    const outside = folder({ 'c.txt': 'C' })
    symlinkSync(join(path, 'real'), join(path, 'alias'))
    symlinkSync(path, join(path, 'real/sub/up'))
    symlinkSync('loop', join(path, 'loop'))
    symlinkSync(outside, join(path, 'outside'))
    symlinkSync(join(path, 'real/a.txt'), join(path, 'linked.txt'))
    const read = await readAll([path])
    expect(ids(read)).toEqual(['linked.txt', 'outside/c.txt', 'real/a.txt', 'real/sub/b.txt'])
    expect(read.skipped).toEqual([])
  })

  it('tells what it cannot read, each with its reason, and reads the rest', async () => {
    const path = folder({
      'blank.txt': ' \n',
      'control\u0007.txt': 'x',
      'empty.txt': '',
      'good.txt': 'good',
      'large.txt': 'x'.repeat(LIMITS.textBytes + 1),
      'largest.txt': 'x'.repeat(3 * LIMITS.textBytes),
      'latin1.txt': Buffer.from('na\xefve', 'latin1'),
      'utf16.txt': Buffer.from('\ufeffgood', 'utf16le'),
    })
    symlinkSync('nowhere.txt', join(path, 'link.txt'))
    symlinkSync('circle.txt', join(path, 'circle.txt'))
    execFileSync('mkfifo', [join(path, 'pipe.txt')])
    const { items, skipped } = await readAll([path])
    expect(items.map(({ id, text }) => [id, text])).toEqual([
      ['good.txt', 'good'],
      ['utf16.txt', 'good'],
    ])
    const reasons = Object.fromEntries(
      skipped.map(({ source, code, reason }) => [source.slice(path.length + 1), [code, reason]]),
    )
    expect(reasons).toEqual({
      'blank.txt': ['INVALID_TEXT', expect.stringContaining('empty')],
      'circle.txt': ['FILE_UNREADABLE', expect.stringContaining('circle')],
      'control\u0007.txt': ['INVALID_ID', expect.stringContaining('control character')],
      'empty.txt': ['INVALID_TEXT', expect.stringContaining('empty')],
      'large.txt': ['TEXT_TOO_LARGE', expect.stringContaining(String(LIMITS.textBytes + 1))],
      'largest.txt': ['TEXT_TOO_LARGE', expect.stringContaining(String(LIMITS.textBytes))],
      'latin1.txt': ['INVALID_TEXT', expect.stringContaining('0xef at offset 2')],
      'link.txt': ['FILE_UNREADABLE', expect.stringContaining('does not exist')],
      'pipe.txt': ['FILE_UNREADABLE', expect.stringContaining('not a regular file')],
    })
  })

  it('tells a name that is not UTF-8', async () => {
    const path = folder({ 'good.txt': 'good' })
    writeFileSync(Buffer.concat([Buffer.from(`${path}/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]), 'x')
    const { items, skipped } = await readAll([path])
    expect(items).toHaveLength(1)
    expect(skipped).toMatchObject([
      { code: 'FILE_UNREADABLE', reason: expect.stringContaining('not valid UTF-8') },
    ])
  })

  it.skipIf(process.platform === 'win32')(
    'tells files and folders that it has no permission to read',
    async () => {
      const path = folder({ 'good.txt': 'good', 'secret.txt': 'x', 'closed/a.txt': 'x' })
      await chmod(path, 0o755)
      await chmod(join(path, 'secret.txt'), 0)
      await chmod(join(path, 'closed'), 0)
      // root may read everything, so be somebody else for a moment
      const root = process.geteuid?.() === 0
      if (root) process.seteuid?.(65_534)
      const { items, skipped } = await readAll([path]).finally(() => root && process.seteuid?.(0))
      await chmod(join(path, 'closed'), 0o755)
      expect(ids({ items })).toEqual(['good.txt'])
      expect(skipped).toMatchObject([
        {
          source: join(path, 'closed'),
          code: 'FILE_UNREADABLE',
          reason: expect.stringContaining('permission'),
        },
        {
          source: join(path, 'secret.txt'),
          code: 'FILE_UNREADABLE',
          reason: expect.stringContaining('permission'),
        },
      ])
    },
  )

  it('refuses a path within the folder that is too long for an id', async () => {
    const part = 'n'.repeat(200)
    const path = folder({ [`${part}/${part}/${part}.txt`]: 'x' })
    expect((await readAll([path])).skipped).toMatchObject([{ code: 'INVALID_ID' }])
  })
})

describe('arguments', () => {
  it('refuses two roots that clash and names both files', async () => {
    const [a, b] = [folder({ 'x.md': 'one' }), folder({ 'x.md': 'two' })]
    const reading = readItems([a, b])
    await expect(reading.size()).rejects.toMatchObject({ code: 'DUPLICATE_ID' })
    await expect(reading.size()).rejects.toThrow(`${join(a, 'x.md')} and ${join(b, 'x.md')}`)
    await expect(readAll([join(a, 'x.md'), join(b, 'x.md')])).rejects.toMatchObject({ code: 'DUPLICATE_ID' })
  })

  it('reads a file once, however often it is named', async () => {
    const path = folder({ 'a.txt': 'A', 'b.jsonl': '{"text":"B"}' })
    const file = join(path, 'a.txt')
    const lines = join(path, 'b.jsonl')
    const read = await readAll([path, file, path, lines, `${path}/./b.jsonl`])
    expect(read.sources).toEqual([file, `${lines}:1`])
    expect(read.skipped).toEqual([])
  })

  it('tells a missing path and a kind that it cannot read, and reads the rest', async () => {
    const path = folder({ 'a.pdf': 'A', noext: 'B', 'c.txt': 'C' })
    const named = ['a.pdf', 'noext', 'missing.txt', 'c.txt/d.txt', 'c.txt'].map((name) => join(path, name))
    const { items, skipped } = await readAll(named)
    expect(ids({ items })).toEqual(['c.txt'])
    expect(skipped.map(({ code }) => code)).toEqual([
      'UNSUPPORTED',
      'UNSUPPORTED',
      'FILE_UNREADABLE',
      'FILE_UNREADABLE',
    ])
    expect(skipped[0]?.reason).toContain('.txt, .md, .markdown, .jsonl, .ndjson, .csv, .tsv')
  })

  it('reads a file of any name in the format that was chosen', async () => {
    const path = folder({ 'today.log': 'one\n\ntwo\r\none\n' })
    const reading = readItems([join(path, 'today.log')], { format: 'lines' })
    const texts: unknown[] = []
    for await (const record of reading) texts.push('item' in record ? record.item.text : record.skipped)
    expect(texts).toEqual(['one', 'two'])
    expect(reading.repeated).toBe(1)
    expect(reading.bytesRead).toBe((await reading.size()).bytes)
  })

  it('tells two files that give one id', async () => {
    const path = folder({ 'a.jsonl': '{"id":"x","text":"A"}', 'b.csv': 'id,text\nx,B\n' })
    const { items, skipped } = await readAll([join(path, 'a.jsonl'), join(path, 'b.csv')])
    expect(items).toEqual([{ id: 'x', text: 'A' }])
    expect(skipped).toMatchObject([{ source: `${join(path, 'b.csv')}:2`, code: 'DUPLICATE_ID' }])
    expect(skipped[0]?.reason).toContain(`${join(path, 'a.jsonl')}:1`)
  })

  it.each([
    ['no path', [], {}],
    ['standard input twice', ['-', '-'], {}],
    ['an unknown format', ['-'], { format: 'xml' }],
  ])('refuses %s', async (_name, paths, options) => {
    await expect(readAll(paths, options)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('tells how far it is', async () => {
    const path = folder({ 'a.txt': 'x'.repeat(1000), 'b.txt': '' })
    const reading = readItems([path])
    expect(reading.bytesRead).toBe(0)
    for await (const _record of reading) expect(reading.bytesRead).toBeLessThanOrEqual(1000)
    expect(reading.bytesRead).toBe(1000)
    expect((await readItems(['-']).size()).bytes).toBeUndefined()
  })

  it('can be cancelled between items, and while it waits for input', async () => {
    const path = folder({ 'a.txt': 'A', 'b.txt': 'B' })
    const abort = new AbortController()
    const some = readItems([path], { signal: abort.signal })[Symbol.asyncIterator]()
    await some.next()
    abort.abort()
    await expect(some.next()).rejects.toMatchObject({ code: 'CANCELLED' })

    const waiting = new AbortController()
    const stdin = new Readable({ read: () => undefined })
    const reading = readAll(['-'], { stdin, signal: waiting.signal })
    stdin.push('{"text":"first"}\n')
    setImmediate(() => waiting.abort())
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('lets go of the file when the reader stops early', async () => {
    const path = folder({ 'a.csv': `text\n${'words\n'.repeat(50_000)}` })
    for await (const _record of readItems([join(path, 'a.csv')])) break
    mkdirSync(join(path, 'still-there'))
  })
})

describe('standard input', () => {
  it('sees JSON lines by their first line, after blank ones', async () => {
    const { items, skipped } = await readInput('\ufeff\n \r\n{"id":"a","text":"A"}\n{"id":"b"')
    expect(items).toEqual([{ id: 'a', text: 'A' }])
    expect(skipped).toMatchObject([{ source: '-:4', code: 'INVALID_JSON' }])
  })

  it('tells a broken first JSON line, and does not keep it as a text', async () => {
    const { items, skipped } = await readInput('{"id":"a","text":\n{"id":"b","text":"B"}')
    expect(ids({ items })).toEqual(['b'])
    expect(skipped).toMatchObject([{ source: '-:1', code: 'INVALID_JSON' }])
  })

  it('takes every line of anything else for an item', async () => {
    const { items, skipped } = await readInput(
      Buffer.concat([Buffer.from('one\n\n{two}\n'), Buffer.from([0xff])]),
    )
    expect(items.map(({ text }) => text)).toEqual(['one', '{two}'])
    expect(skipped).toMatchObject([{ source: '-:4', code: 'INVALID_TEXT' }])
  })

  it('is one item where that was asked for', async () => {
    expect((await readInput('one\ntwo', { format: 'text' })).items).toMatchObject([{ text: 'one\ntwo' }])
    expect((await readInput('', { format: 'text' })).skipped).toMatchObject([
      { source: '-', code: 'INVALID_TEXT' },
    ])
  })

  it('says so when there is nothing', async () => {
    expect((await readInput('\n \n')).skipped).toMatchObject([{ source: '-', code: 'INVALID_TEXT' }])
  })
})
