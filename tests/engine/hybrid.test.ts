import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ItemInput, SearchRequest, SearchResult } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const NOTES: ItemInput[] = [
  {
    id: 'git',
    text: 'git reset --soft HEAD~1 undoes the last commit and keeps the changes.',
    metadata: { title: 'Undo' },
  },
  {
    id: 'bread',
    text: 'Knead the dough for ten minutes, then let it rise in a warm place.',
    metadata: { tags: ['kitchen'] },
  },
  { id: 'moon', text: 'The moon circles the earth in a little over twenty-seven days.' },
  {
    id: 'error',
    text: 'Exit status E4711 means that the disk is full.',
    metadata: { tags: ['kitchen sink', 'disk'] },
  },
  { id: 'own', vectors: { own: [1, 2] }, metadata: { title: 'A picture of the moon' } },
]

describe.each(ENGINES)('hybrid search over %s', (_name, open) => {
  let engine: OpenedEngine
  let notes: Collection

  beforeAll(async () => {
    engine = await open()
    notes = await engine.kindred.collection('notes', {
      spaces: [
        { name: 'text', encoder: 'all-MiniLM-L6-v2' },
        { name: 'own', dim: 2 },
      ],
      keywords: ['title', 'tags'],
    })
    await notes.add(NOTES)
  })
  afterAll(() => engine.cleanup())

  const search = (text: string, request: Partial<SearchRequest> = {}) =>
    notes.search({ query: { text }, ...request })
  const ids = (results: readonly SearchResult[]): string[] => results.map(({ id }) => id)
  const marked = ({ highlights = [] }: SearchResult): string[] =>
    highlights.flatMap(({ text, marks }) => marks.map(([start, end]) => text.slice(start, end)))

  it('is what a text gets by default, and joins both lists', async () => {
    const { results, plan } = await search('how do I take a commit back', { k: 4 })
    expect(plan).toMatchObject({
      mode: 'hybrid',
      space: 'text',
      metric: 'cosine',
      fusion: 'rrf',
      alpha: 0.5,
      candidates: 50,
    })
    const [first, second] = results
    expect(first).toMatchObject({ id: 'git', metadata: { title: 'Undo' }, passage: NOTES[0]?.text })
    expect(first?.score).toBeCloseTo(1, 10)
    expect(first?.scores?.dense).toBeCloseTo(1 - (first?.distance ?? 0), 6)
    expect(first?.scores?.keyword).toBeGreaterThan(0)
    expect(marked(first as SearchResult)).toEqual(['commit'])
    expect(second?.scores).not.toHaveProperty('keyword')
    expect(second).not.toHaveProperty('highlights')
    expect(results).toHaveLength(4)
  })

  it('finds what only the words know, and what only the meaning knows', async () => {
    expect((await search('e4711')).results[0]).toMatchObject({
      id: 'error',
      highlights: [{ start: 0, marks: [[12, 17]] }],
    })
    expect((await search('bake a loaf')).results[0]).toMatchObject({
      id: 'bread',
      scores: { dense: expect.any(Number) },
    })
  })

  it('finds items without a text vector by their fields, without distance and passage', async () => {
    const { results } = await search('picture of the moon')
    const own = results.find(({ id }) => id === 'own')
    expect(own).toMatchObject({ scores: { keyword: expect.any(Number) } })
    expect(own).not.toHaveProperty('distance')
    expect(own).not.toHaveProperty('passage')
  })

  it('weighs its parts by alpha: at 0 and 1 it is the one list', async () => {
    const text = 'the disk in the kitchen'
    const keyword = await search(text, { mode: 'keyword' })
    const dense = await search(text, { mode: 'dense' })
    expect(ids((await search(text, { alpha: 0 })).results)).toEqual(ids(keyword.results))
    expect(ids((await search(text, { alpha: 1 })).results)).toEqual(ids(dense.results))
    const byScore = await search(text, { fusion: 'score', alpha: 0.25 })
    expect(byScore.plan).toMatchObject({ fusion: 'score', alpha: 0.25 })
    for (const { score } of byScore.results) expect(score).toBeLessThanOrEqual(1)
  })

  it('keeps to what is quoted and what is excluded in both lists', async () => {
    expect(ids((await search('commit -undo', { k: 10 })).results)).not.toContain('git')
    expect(ids((await search('something warm -kitchen', { k: 10 })).results)).toEqual(
      expect.not.arrayContaining(['bread', 'error']),
    )
    expect(ids((await search('"last commit" moon', { k: 10 })).results)).toEqual(['git'])
    expect(ids((await search('"commit last"', { k: 10 })).results)).toEqual([])
  })

  it('sends metric, exact and ef to its dense part', async () => {
    const { plan, results } = await search('commit', { metric: 'euclidean', exact: true })
    expect(plan).toMatchObject({ metric: 'euclidean', strategy: 'exact' })
    expect(results[0]?.scores?.dense).toBeCloseTo(1 / (1 + (results[0]?.distance ?? 0)), 6)
  })

  it('is dense where the text has no word', async () => {
    const { results } = await search('?!', { k: 2 })
    expect(results).toHaveLength(2)
    expect(results[0]?.scores).not.toHaveProperty('keyword')
  })

  it('answers by words alone, without an encoder and in any collection', async () => {
    const { results, plan } = await search('kitchen', { mode: 'keyword' })
    expect(plan).toEqual({ mode: 'keyword', strategy: 'keyword', scanned: 0 })
    expect(ids(results).sort()).toEqual(['bread', 'error'])
    expect(results[0]?.score).toBeGreaterThan(0)
    expect(results[0]).not.toHaveProperty('distance')
    const bare = await engine.kindred.createCollection('bare', { spaces: [{ name: 'own', dim: 2 }] })
    await bare.add([{ id: 'a', text: 'words beside a vector', vectors: { own: [1, 0] } }])
    const answer = await bare.search({ query: { text: 'vectors' }, mode: 'keyword', include: ['text'] })
    expect(answer.results[0]).toMatchObject({
      id: 'a',
      text: 'words beside a vector',
      passage: 'words beside a vector',
    })
    expect(marked(answer.results[0] as SearchResult)).toEqual(['vector'])
    await expect(bare.search({ query: { text: 'vectors' } })).rejects.toThrow('mode "keyword"')
  })

  it('shows the passage of a long text that the words are in', async () => {
    const filler = (n: number): string =>
      Array.from({ length: n }, (_, i) => `Sentence ${i} is about the weather.`).join(' ')
    const text = `${filler(80)} The zyzzyva is a weevil. ${filler(40)}`
    await notes.add([{ id: 'long', text }])
    for (const mode of ['hybrid', 'keyword'] as const) {
      const { results } = await search('zyzzyva', { mode, k: 1 })
      const [found] = results
      expect(found?.id, mode).toBe('long')
      expect(found?.passage?.length, mode).toBeLessThan(text.length)
      if (mode === 'keyword') expect(marked(found as SearchResult)).toEqual(['zyzzyva'])
      for (const highlight of found?.highlights ?? []) {
        expect(text.slice(highlight.start, highlight.start + highlight.text.length)).toBe(highlight.text)
      }
    }
    await notes.remove(['long'])
  })

  it('sees every write that was acknowledged', async () => {
    for (let i = 0; i < 10; i++) {
      await notes.add([{ id: 'changing', text: `the word is quux${i}` }])
      expect((await search(`quux${i}`, { k: 1 })).results[0]?.id).toBe('changing')
    }
    await notes.remove(['changing'])
    expect(ids((await search('quux9')).results)).not.toContain('changing')
  })

  it.each<[string, unknown, string]>([
    ['an unknown mode', { mode: 'sparse' }, 'mode'],
    ['an unknown fusion', { fusion: 'sum' }, 'fusion'],
    ['alpha of 1.1', { alpha: 1.1 }, 'alpha'],
    ['alpha of NaN', { alpha: Number.NaN }, 'alpha'],
    ['alpha as a string', { alpha: '0.5' }, 'alpha'],
    ['alpha of keyword search', { mode: 'keyword', alpha: 0.5 }, 'alpha'],
    ['fusion of dense search', { mode: 'dense', fusion: 'rrf' }, 'fusion'],
    ['ef of keyword search', { mode: 'keyword', ef: 10 }, 'ef'],
    ['exact of keyword search', { mode: 'keyword', exact: true }, 'exact'],
    ['the metric of keyword search', { mode: 'keyword', metric: 'dot' }, 'metric'],
    ['the space of keyword search', { mode: 'keyword', space: 'text' }, 'space'],
    ['hybrid search in a space of own vectors', { space: 'own' }, 'query.text'],
    ['keyword search of an item', { query: { id: 'git' }, mode: 'keyword' }, 'mode'],
    ['hybrid search of an item', { query: { id: 'git' }, mode: 'hybrid' }, 'mode'],
    ['two kinds of query', { query: { text: 'x', id: 'git' }, mode: 'keyword' }, 'query'],
    ['words of nothing but exclusions', { query: { text: '-git -moon' } }, 'query.text'],
    ['the same in keyword search', { query: { text: '-git' }, mode: 'keyword' }, 'query.text'],
  ])('refuses %s', async (_what, request, field) => {
    const whole = { query: { text: 'wind' }, ...(request as object) }
    await expect(notes.search(whole as never)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { field },
    })
  })

  it('takes what only excludes as it stands where it is asked for the meaning', async () => {
    expect((await search('-moon', { mode: 'dense', k: 1 })).results[0]?.id).toBe('moon')
  })
})

describe.each(ENGINES)('the option keywords over %s', (_name, open) => {
  let engine: OpenedEngine
  beforeAll(async () => {
    engine = await open()
  })
  afterAll(() => engine.cleanup())

  it('is shown, and an existing collection must agree with it', async () => {
    const { kindred } = engine
    const made = await kindred.collection('made', { keywords: ['title', 'by.name'] })
    expect((await made.summary()).keywords).toEqual(['title', 'by.name'])
    await kindred.collection('made', { keywords: ['by.name', 'title'] })
    await kindred.collection('made')
    await expect(kindred.collection('made', { keywords: ['title'] })).rejects.toMatchObject({
      code: 'COLLECTION_EXISTS',
      details: { field: 'keywords' },
    })
    expect(await (await kindred.collection('plain')).summary()).not.toHaveProperty('keywords')
  })

  it.each<[string, unknown, string]>([
    ['a string', 'title', 'keywords'],
    ['a number in it', ['title', 3], 'keywords[1]'],
    ['an empty path', [''], 'keywords[0]'],
    ['a reserved key', ['$id'], 'keywords[0]'],
    ['an empty name in a path', ['a..b'], 'keywords[0]'],
    ['a path twice', ['a', 'a'], 'keywords'],
    ['too many', Array.from({ length: 33 }, (_, i) => `p${i}`), 'keywords'],
  ])('refuses %s', async (_what, keywords, field) => {
    await expect(engine.kindred.createCollection('x', { keywords } as never)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { field },
    })
  })
})
