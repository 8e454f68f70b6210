import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CollectionSummary, Item, SearchAnswer } from '#src/core/types.js'
import { kindredHere, kindredHereJson } from './command-line.js'
import {
  type Ended,
  kindred,
  kindredJson,
  type Running,
  startServer,
  TemporaryFolders,
} from './kindred-process.js'

interface AddReport {
  added: number
  unchanged: number
  removed: number
  repeated: number
  failed: { source: string; code: string; reason: string }[]
}

const folders = new TemporaryFolders()

afterAll(() => folders.remove())

// Commands run in the process of the tests; those that read pipes, and the first ones, are processes of their own.
describe.each([
  ['with an engine of its own', false],
  ['through a live server', true],
])('the command line, %s', (_where, withServer) => {
  let home: string
  let notes: string
  let server: (Running & { url: string }) | undefined

  const run = (args: string[], options: { input?: string } = {}): Promise<Ended> =>
    kindredHere(args, { home, ...options })
  const json = <T>(args: string[], options: { input?: string } = {}): Promise<T> =>
    kindredHereJson<T>(args, { home, ...options })
  const firstId = async (args: string[]): Promise<string | undefined> =>
    (await json<SearchAnswer>(['search', ...args])).results[0]?.id

  beforeAll(async () => {
    home = await folders.make()
    notes = await folders.make()
    await mkdir(join(notes, 'git'))
    await writeFile(join(notes, 'git', 'undo.md'), 'git reset --soft HEAD~1 takes back the last commit.\n')
    await writeFile(join(notes, 'soup.txt'), 'Simmer the lentils with garlic and cumin for half an hour.\n')
    await writeFile(join(notes, 'garden.md'), 'Tomatoes want a sunny place and much water in July.\n')
    if (withServer) server = await startServer(home)
  })

  afterAll(async () => {
    server?.child.kill('SIGTERM')
    expect((await server?.ended)?.code ?? 0).toBe(0)
  })

  it('adds a folder, making the collection, and finds its texts by their meaning', async () => {
    const added = await kindred(['add', 'notes', notes], { home })
    expect(added).toMatchObject({ code: 0, stderr: '' })
    expect(added.stdout).toMatch(/^added 3, unchanged 0, failed 0 in [\d.]+ s/)

    const found = await kindred(['search', 'notes', 'how', 'do', 'I', 'undo', 'a', 'commit'], { home })
    expect(found.code).toBe(0)
    const [title, first] = found.stdout.split('\n')
    expect(title).toMatch(/#\s+score\s+id/)
    expect(first).toMatch(/^1\s+[01]\.\d{3}\s+git\/undo\.md\s+git reset --soft/)
  })

  it('answers a search with one JSON document', async () => {
    const answer = await json<SearchAnswer>([
      'search',
      'notes',
      'dinner',
      '-k',
      '2',
      '--include',
      'text,metadata',
    ])
    expect(answer.results).toHaveLength(2)
    expect(answer.results[0]).toMatchObject({
      id: 'soup.txt',
      passage: expect.stringContaining('lentils'),
      text: expect.stringContaining('lentils'),
      metadata: { path: join(notes, 'soup.txt') },
    })
    expect(answer.plan).toMatchObject({ space: 'text', metric: 'cosine' })
  })

  it('searches by words, by meaning, or by both as it is told', async () => {
    const search = (...args: string[]) => json<SearchAnswer>(['search', 'notes', ...args])
    const words = await search('"soft"', '--mode', 'keyword')
    expect(words.results.map(({ id }) => id)).toEqual(['git/undo.md'])
    expect(words.plan.mode).toBe('keyword')
    const [highlight] = words.results[0]?.highlights ?? []
    expect(highlight?.marks.map(([start, end]) => highlight.text.slice(start, end))).toEqual(['soft'])
    expect((await search('dinner', '--mode', 'dense')).plan.mode).toBe('dense')
    const both = await search('dinner -lentils', '--fusion', 'score', '--alpha', '0.7')
    expect(both.plan).toMatchObject({ mode: 'hybrid', fusion: 'score', alpha: 0.7 })
    expect(both.results.map(({ id }) => id)).not.toContain('soup.txt')
    for (const wrong of [
      ['--mode', 'magic'],
      ['--alpha', '2'],
      ['--fusion', 'sum'],
    ]) {
      expect(await run(['search', 'notes', 'x', ...wrong])).toMatchObject({ code: 2 })
    }
  })

  it('says where nothing is a good match, and why with --explain', async () => {
    const animals = ['cat', 'dog', 'horse', 'cow', 'sheep', 'goat', 'hen', 'duck', 'goose', 'pig', 'rabbit']
    const lines = animals.flatMap((name) => [
      JSON.stringify({ id: name, text: `The ${name} lives on our farm.` }),
      JSON.stringify({ id: `young ${name}`, text: `A young ${name} sleeps in the barn at night.` }),
    ])
    await run(['add', 'farm', '-', '--format', 'jsonl'], { input: `${lines.join('\n')}\n` })
    const real = await run(['search', 'farm', 'where does the young goose sleep?', '--explain'])
    expect(real.stdout).not.toContain('no good match')
    expect(real.stdout).toMatch(/score +percentile +id/)
    expect(real.stdout).toMatch(
      /match: good \(likelihood .*standard deviations above what random words reach/,
    )
    const nonsense = await run(['search', 'farm', 'fiscal', 'parliament', 'asteroid', 'laptop'])
    expect(nonsense.stdout).toMatch(/^no good match; the nearest are\n/)
  })

  it('searches the metadata that a collection was made for', async () => {
    const input = '{"id":"a","text":"a day at sea","title":"Lighthouse"}\n'
    const args = ['add', 'titled', '-', '--format', 'jsonl', '--keywords', 'title']
    expect(await run(args, { input })).toMatchObject({ code: 0 })
    const { results } = await json<SearchAnswer>(['search', 'titled', 'lighthouses', '--mode', 'keyword'])
    expect(results.map(({ id }) => id)).toEqual(['a'])
    expect((await run(['collections', 'show', 'titled'])).stdout).toContain('keywords beside the text: title')
    const other = await run(['add', 'titled', '-', '--keywords', 'by'], { input: 'x\n' })
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('COLLECTION_EXISTS') })
  })

  it('finds more like these and less like those, in pages, groups and variety', async () => {
    const items = [
      { id: 'cat', text: 'A cat sleeps on the sofa.', metadata: { of: 'pets' } },
      { id: 'kitten', text: 'A kitten plays with a ball of wool.', metadata: { of: 'pets' } },
      { id: 'dog', text: 'A dog fetches the stick.', metadata: { of: 'pets' } },
      { id: 'lion', text: 'A lion hunts on the plain.', metadata: { of: 'wild' } },
      { id: 'tax', text: 'Income tax is due in May.', metadata: { of: 'money' } },
    ]
    const input = items
      .map(({ metadata, ...item }) => `${JSON.stringify({ ...item, ...metadata })}\n`)
      .join('')
    expect(await run(['add', 'beasts', '-', '--format', 'jsonl'], { input })).toMatchObject({ code: 0 })
    const ids = async (...args: string[]): Promise<string[]> =>
      (await json<SearchAnswer>(['search', 'beasts', ...args])).results.map(({ id }) => id)
    expect(await ids('--like', 'cat', '--like', 'dog', '--unlike', 'lion', '-k', '1')).toEqual(['kitten'])
    expect(await ids('animals', '--unlike', 'tax')).toHaveLength(4)
    const all = await ids('--like', 'cat', '--mode', 'dense')
    expect(await ids('--like', 'cat', '--offset', '2')).toEqual(all.slice(2))
    expect(await ids('--like', 'cat', '--min-score', '0.99')).toEqual([])
    expect(await ids('--like', 'cat', '--diversity', '1', '-k', '3')).toHaveLength(3)
    expect((await ids('--like', 'cat', '--group-by', 'of')).toSorted()).toEqual(['kitten', 'lion', 'tax'])
    const pets = await ids('--like', 'cat', '--group-by', 'of', '--group-size', '2', '-k', '2')
    expect(pets.slice(0, 2).toSorted()).toEqual(['dog', 'kitten'])
    const { results } = await json<SearchAnswer>(['search', 'beasts', '--like', 'cat'])
    const near = String(results[1]?.distance)
    expect(await ids('--like', 'cat', '--max-distance', near)).toEqual(all.slice(0, 2))
    const page = ['--like', 'cat', '-k', '3']
    const first = await run(['search', 'beasts', ...page, '--offset', '0'])
    const [, cursor = ''] = /more with: --cursor (\S+)/.exec(first.stderr) ?? []
    expect(await ids(...page, '--cursor', cursor)).toEqual(all.slice(3))
    const last = await run(['search', 'beasts', ...page, '--cursor', cursor])
    expect(last).toMatchObject({ code: 0, stderr: '' })
    const odd = await run(['search', 'beasts', '--like', 'dog', '--cursor', cursor])
    expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining('cursor') })
    const table = await run(['search', 'beasts', '--like', 'cat', '--group-by', 'of'])
    expect(table.stdout).toMatch(/^#\s+score\s+group\s+id/)
    expect(table.stdout).toMatch(/pets\s+kitten/)
    for (const wrong of [
      ['--unlike', 'cat'],
      ['x', '--min-score', 'high'],
      ['x', '--diversity', '2'],
      ['x', '--max-distance', 'far'],
      ['x', '--group-by', 'of', '--group-size', '0'],
    ]) {
      expect(await run(['search', 'beasts', ...wrong])).toMatchObject({ code: 2 })
    }
    const unknown = await run(['search', 'beasts', '--like', 'cat', '--like', 'unicorn'])
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('unicorn') })
  })

  it('takes the text of a search from standard input', async () => {
    const answer = await kindredJson<SearchAnswer>(['search', 'notes', '-'], {
      home,
      input: 'what to cook\n',
    })
    expect(answer.results[0]?.id).toBe('soup.txt')
  })

  it('finds what is like an item, and passes metric, space, exact and ef on', async () => {
    const options = [
      '--like',
      'soup.txt',
      '--metric',
      'euclidean',
      '--space',
      'text',
      '--exact',
      '--ef',
      '50',
    ]
    const { results, plan } = await json<SearchAnswer>(['search', 'notes', ...options])
    expect(results.map(({ id }) => id)).not.toContain('soup.txt')
    expect(plan).toMatchObject({ strategy: 'exact', metric: 'euclidean' })
  })

  it('skips what has not changed, encodes what has, and removes what has gone with --prune', async () => {
    expect(await json<AddReport>(['add', 'notes', notes])).toMatchObject({ added: 0, unchanged: 3 })

    await writeFile(join(notes, 'garden.md'), 'A ferry leaves the harbour for the islands every morning.\n')
    expect(await json<AddReport>(['add', 'notes', notes])).toMatchObject({ added: 1, unchanged: 2 })
    expect(await firstId(['notes', 'travelling by ship'])).toBe('garden.md')

    await rm(join(notes, 'garden.md'))
    expect(await json<AddReport>(['add', 'notes', notes])).toMatchObject({ unchanged: 2, removed: 0 })
    await json(['add', 'notes', '-', '--format', 'lines'], { input: 'This line has no file.\n' })
    expect(await json<AddReport>(['add', 'notes', notes, '--prune'])).toMatchObject({
      unchanged: 2,
      removed: 1,
    })
    expect((await json<CollectionSummary>(['collections', 'show', 'notes'])).items).toBe(3)
  })

  it('removes nothing with --prune where the folder itself is not there', async () => {
    const { code, stderr } = await run(['add', 'notes', join(notes, 'nowhere'), '--prune'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/failed .*nowhere: it does not exist/)
    expect((await json<CollectionSummary>(['collections', 'show', 'notes'])).items).toBe(3)
  })

  it('reports what cannot be read at the end and adds the rest', async () => {
    const mixed = await folders.make()
    await writeFile(join(mixed, 'good.txt'), 'A text like any other.')
    await writeFile(join(mixed, 'latin.txt'), Buffer.from('caf\xe9', 'latin1'))
    await writeFile(join(mixed, 'huge.txt'), 'x'.repeat(10 << 20))
    await writeFile(join(mixed, 'photo.png'), 'no picture at all')
    await writeFile(join(mixed, 'data.xyz'), 'not read in folders')
    const { code, stdout, stderr } = await run(['add', 'mixed', mixed])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^added 1, unchanged 0, failed 3 /)
    expect(stderr).toMatch(/failed .*latin\.txt: it is not UTF-8/)
    expect(stderr).toMatch(/failed .*huge\.txt: its text has 10485760 bytes/)
    expect(stderr).toMatch(/failed .*photo\.png: .*expected PNG, JPEG, WebP, GIF or AVIF/)
    expect(stderr).toContain('.xyz 1')
  })

  it('reads JSON lines from standard input and leaves out only the items that the engine refuses', async () => {
    const lines = [
      { id: 'a', text: 'first', metadata: { n: 1 } },
      { id: 'b', text: 'second', metadata: { $bad: 1 } },
      { id: 'c', text: 'third', image: 'AAAA' },
      { id: 'd', text: 'fourth', vectors: { nowhere: [1, 2] } },
      { id: 'a', text: 'the same id' },
      { id: 'e', text: 'fifth' },
    ]
    const input = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"id": "f", "te`
    const { code, stdout, stderr } = await kindred(['add', 'lines', '-', '--json'], { home, input })
    expect(code).toBe(1)
    expect(stderr).toBe('')
    const report = JSON.parse(stdout) as AddReport
    expect(report.added).toBe(2)
    expect(report.failed.map(({ source, code }) => [source, code]).sort()).toEqual([
      ['-:2', 'INVALID_METADATA'],
      ['-:3', 'INVALID_IMAGE'],
      ['-:4', 'SPACE_NOT_FOUND'],
      ['-:5', 'DUPLICATE_ID'],
      ['-:7', 'INVALID_JSON'],
    ])
  })

  it('reads CSV with the columns that are named', async () => {
    const path = join(notes, 'faq.csv')
    await writeFile(
      path,
      'key,question,topic\n1,"How do I pay, and when?",money\n2,Where is the station?,travel\n',
    )
    const columns = ['--id-column', 'key', '--text-column', 'question']
    expect(await json<AddReport>(['add', 'faq', path, ...columns])).toMatchObject({ added: 2 })
    expect(await json<AddReport>(['add', 'faq', path, ...columns])).toMatchObject({ added: 0, unchanged: 2 })
    expect(await firstId(['faq', 'the way to the train'])).toBe('2')
    const item = await json<Item>(['items', 'get', 'faq', '1'])
    expect(item).toMatchObject({ text: 'How do I pay, and when?', metadata: { topic: 'money' } })
  })

  it('makes vectors of the columns of a table, zeros among them, and refuses other columns', async () => {
    const path = join(notes, 'houses.csv')
    await writeFile(
      path,
      'id,rooms,area,town\na,3,70,Rome\nempty,0,0,Oslo\nb,4,82,Rome\nbad,two,60,Oslo\nc,9,400,Rome\n',
    )
    const add = ['add', 'houses', path, '--vector-columns']
    const first = await run([...add, 'rooms,area'])
    expect(first.code).toBe(1)
    expect(first.stdout).toMatch(/^added 4, unchanged 0, failed 1 .*; vectors of 2 columns: rooms, area\n$/)
    expect(first.stderr).toBe(
      `failed ${path}:5: column "rooms" holds "two", expected a finite float32 number\n`,
    )
    expect(await json<CollectionSummary>(['collections', 'show', 'houses'])).toMatchObject({
      spaces: [{ name: 'columns', dim: 2, metrics: ['euclidean'], columns: ['rooms', 'area'], vectors: 4 }],
    })
    expect(
      await json<Item>(['items', 'get', 'houses', 'empty', '--include', 'vectors,metadata']),
    ).toMatchObject({
      metadata: { rooms: 0, area: 0, town: 'Oslo' },
      vectors: { columns: [[0, 0]] },
    })
    expect(await json<Item>(['items', 'get', 'houses', 'a'])).not.toHaveProperty('text', expect.any(String))
    const like = await json<SearchAnswer>(['search', 'houses', '--like', 'a', '-k', '1'])
    expect(like.results[0]).toMatchObject({ id: 'b', distance: expect.closeTo(Math.hypot(1, 12), 4) })

    const again = await run([...add, 'rooms,area', '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({ added: 0, unchanged: 4, columns: ['rooms', 'area'] })
    const turned = await run([...add, 'area,rooms'])
    expect(turned).toMatchObject({ code: 1, stdout: '' })
    expect(turned.stderr).toContain('was made with other columns: rooms,area; asked were area,rooms')
  })

  it('makes no collection of a table that lacks a column, and adds no columns to one without', async () => {
    const path = join(notes, 'short.csv')
    await writeFile(path, 'id,a,text\n1,2,words of a text\n2,3,\n')
    const missing = await run(['add', 'short', path, '--vector-columns', 'a,z', '--prune'])
    expect(missing.code).toBe(1)
    expect(missing.stderr).toBe(
      `failed ${path}: there is no column "z" for the vector; columns found: id, a, text\n`,
    )
    expect((await run(['collections', 'show', 'short'])).stderr).toContain('COLLECTION_NOT_FOUND')
    expect((await run(['add', 'short', path, '--vector-columns', 'a,'])).code).toBe(2)
    expect((await run(['add', 'notes', path, '--vector-columns', 'all'])).stderr).toContain('SPACE_NOT_FOUND')

    // where rows have texts, they are searched too
    expect(await json<AddReport>(['add', 'short', path, '--vector-columns', 'all'])).toMatchObject({
      added: 2,
    })
    const summary = await json<CollectionSummary>(['collections', 'show', 'short'])
    expect(summary.spaces.map(({ name }) => name)).toEqual(['text', 'columns'])
    expect(await firstId(['short', 'some words'])).toBe('1')
  })

  it('makes, lists, shows and deletes collections', async () => {
    const spaces = JSON.stringify([{ name: 'mine', dim: 3, metrics: ['euclidean'] }])
    await json(['collections', 'create', 'own', '--spaces', spaces])
    const input = '{"id": "x", "vectors": {"mine": [1, 2, 3]}}\n'
    expect(await json<AddReport>(['add', 'own', '-', '--format', 'jsonl'], { input })).toMatchObject({
      added: 1,
    })
    const summary = await json<CollectionSummary>(['collections', 'show', 'own'])
    expect(summary).toMatchObject({
      name: 'own',
      items: 1,
      spaces: [{ name: 'mine', dim: 3, encoder: null }],
    })
    const listed = await json<{ collections: CollectionSummary[] }>(['collections'])
    expect(listed.collections.map(({ name }) => name)).toContain('own')
    expect(await run(['collections', 'delete', 'own'])).toMatchObject({ code: 0, stdout: 'deleted own\n' })
    expect(await run(['collections', 'show', 'own'])).toMatchObject({ code: 1, stdout: '' })
  })

  it('lists items page by page, or all as JSON lines, and deletes some', async () => {
    const input = Array.from({ length: 5 }, (_, i) =>
      JSON.stringify({ id: `i${i}`, text: `text ${i}` }),
    ).join('\n')
    await json(['add', 'pages', '-'], { input })
    const page = await json<{ items: Item[]; cursor: string }>(['items', 'list', 'pages', '--limit', '2'])
    expect(page.items.map(({ id }) => id)).toEqual(['i0', 'i1'])
    const next = await json<{ items: Item[] }>([
      'items',
      'list',
      'pages',
      '--limit',
      '2',
      '--cursor',
      page.cursor,
    ])
    expect(next.items.map(({ id }) => id)).toEqual(['i2', 'i3'])
    expect(await json(['items', 'delete', 'pages', 'i1', 'i3', 'nobody'])).toEqual({ deleted: 2 })
    const { stdout } = await run(['items', 'list', 'pages', '--all', '--limit', '2', '--json'])
    const ids = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Item).id)
    expect(ids).toEqual(['i0', 'i2', 'i4'])
  })

  it('takes any script in names and any character in ids', async () => {
    const ids = ['../x', 'a b', 'ä/ö?#%', '日本語', '%2e', 'x'.repeat(300)]
    const input = ids.map((id) => JSON.stringify({ id, text: `about ${id}` })).join('\n')
    expect(await json<AddReport>(['add', '日本語', '-'], { input })).toMatchObject({
      added: ids.length,
      failed: [],
    })
    const { items } = await json<{ items: Item[] }>(['items', 'list', '日本語', '--include', 'text'])
    expect(items.map(({ id }) => id)).toEqual(ids)
    for (const id of ['../x', 'ä/ö?#%']) {
      expect(await json<Item>(['items', 'get', '日本語', id])).toMatchObject({ id, text: `about ${id}` })
    }
  })

  it('filters searches, listings, counts and deletions, and explains itself', async () => {
    const input = Array.from({ length: 12 }, (_, i) => {
      return JSON.stringify({
        id: `f${i}`,
        text: `film number ${i}`,
        metadata: { year: 2000 + (i % 4), tags: ['a', `t${i % 2}`] },
      })
    }).join('\n')
    await json(['collections', 'create', 'films', '--indexed', 'year', '--indexed', 'tags'])
    await json<AddReport>(['add', 'films', '-'], { input })
    const where = ['--where', '{"year": {"$gte": 2002}, "tags": "t1"}']
    const answer = await json<SearchAnswer>(['search', 'films', 'film', ...where, '--facet', 'year'])
    expect(answer.results.map(({ id }) => id).sort()).toEqual(['f11', 'f3', 'f7'])
    expect(answer.facets).toEqual({ year: [{ value: 2003, count: 3 }] })
    expect(answer.plan.filter).toMatchObject({ matches: 3, selectivity: 0.25 })
    const explained = await run(['search', 'films', 'film', ...where, '--explain'])
    expect(explained.stdout).toMatch(/compared 3 vectors in space "text" by cosine/)
    expect(explained.stdout).toMatch(
      /filter: 3 items match \(25 %\), (known from before|found in indexed fields)/,
    )

    const { items } = await json<{ items: Item[] }>(['items', 'list', 'films', ...where, '--include', 'text'])
    expect(items.map(({ id }) => id)).toEqual(['f3', 'f7', 'f11'])
    const facets = await run(['facets', 'films', 'tags', 'year', '--limit', '1', ...where])
    expect(facets.stdout).toMatch(/^3 items match\n\ntags:\n +3 {2}a\nyear:\n +3 {2}2003\n$/)
    expect((await run(['collections', 'index', 'films', 'tags'])).stdout).toBe('indexed: tags\n')
    expect((await json<CollectionSummary>(['collections', 'show', 'films'])).indexed).toEqual(['tags'])
    expect((await run(['items', 'delete', 'films', ...where])).stdout).toBe('deleted 3\n')
    expect(await json(['facets', 'films', ...where])).toEqual({ matches: 0, facets: {} })
    expect((await run(['items', 'delete', 'films'])).code).toBe(2)
    await json(['collections', 'delete', 'films'])
  })

  const refused: [string, string[], string][] = [
    ['an unknown collection', ['search', 'nowhere', 'x'], 'COLLECTION_NOT_FOUND'],
    ['an unknown item', ['items', 'get', 'notes', 'nobody'], 'ITEM_NOT_FOUND'],
    ['an unknown space', ['search', 'notes', 'x', '--space', 'mine'], 'SPACE_NOT_FOUND'],
    ['an unknown metric', ['search', 'notes', 'x', '--metric', 'manhattan'], 'METRIC_UNKNOWN'],
    ['a k beyond the limit', ['search', 'notes', 'x', '-k', '1000000000'], 'INVALID_REQUEST'],
    ['a name that is not allowed', ['collections', 'create', '../x'], 'INVALID_NAME'],
    ['a name of 300 characters', ['collections', 'create', 'x'.repeat(300)], 'INVALID_NAME'],
    ['an unknown encoder', ['collections', 'create', 'e', '--encoder', 'nobody'], 'ENCODER_NOT_FOUND'],
    ['an unknown operator', ['search', 'notes', 'x', '--where', '{"a":{"$near":1}}'], 'INVALID_FILTER'],
    ['deleting everything', ['items', 'delete', 'notes', '--where', '{}'], 'INVALID_FILTER'],
    ['words of nothing but exclusions', ['search', 'notes', ' -x'], 'INVALID_REQUEST'],
  ]
  it.each(refused)('refuses %s by name and ends with 1', async (_what, args, code) => {
    const { code: exit, stdout, stderr } = await run([...args, '--json'])
    expect(exit).toBe(1)
    expect(stdout).toBe('')
    expect(JSON.parse(stderr)).toMatchObject({ error: { code } })
  })

  it('refuses a search by picture by name', async () => {
    const path = join(await folders.make(), 'dot.png')
    await writeFile(path, Buffer.from('iVBORw0KGgo=', 'base64'))
    const { code, stderr } = await run(['search', 'notes', '--image', path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error (INVALID_REQUEST|INVALID_IMAGE): /)
    expect(await run(['search', 'notes', '--image', join(notes, 'none.png')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error FILE_UNREADABLE: .*none\.png/),
    })
  })

  it('lists encoders and chooses the default', async () => {
    const { stdout } = await run(['encoders', 'list'])
    expect(stdout).toMatch(/all-MiniLM-L6-v2\s+384\s+[\d.]+ MB\s+bundled, default/)
    expect(await run(['encoders', 'use', 'nobody'])).toMatchObject({ code: 1 })
    expect(await json(['encoders', 'use', 'all-MiniLM-L6-v2'])).toEqual({ default: 'all-MiniLM-L6-v2' })
  })

  it('refuses another encoder for a collection that is there', async () => {
    const same = await run(['add', 'notes', notes, '--encoder', 'all-MiniLM-L6-v2'])
    expect(same).toMatchObject({ code: 0 })
    const { code, stderr } = await run(['add', 'notes', notes, '--encoder', 'multilingual-e5-small'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error ENCODER_MISMATCH: collection "notes" was made with another encoder/)
  })
})
