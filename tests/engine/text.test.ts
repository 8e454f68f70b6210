import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { norm } from '#src/core/vectors.js'
import type { Collection } from '#src/engine/collection.js'
import type { Kindred } from '#src/engine/kindred.js'
import { alwaysLate } from '../support/always-late.js'
import { ENGINES, type OpenedEngine, openOverMemory } from '../support/engines.js'
import { MemoryBackend } from '../support/memory-backend.js'
import { PICTURES } from '../support/pictures.js'

const NOTES = [
  { id: 'git', text: 'git reset --soft HEAD~1 undoes the last commit and keeps the changes.' },
  { id: 'bread', text: 'Knead the dough for ten minutes, then let it rise in a warm place.' },
  { id: 'moon', text: 'The moon circles the earth in a little over twenty-seven days.' },
]

const meaning = (text: string) => ({ query: { text }, mode: 'dense' }) as const

describe.each(ENGINES)('texts over %s', (_name, open) => {
  let engine: OpenedEngine
  let kindred: Kindred
  let notes: Collection

  beforeAll(async () => {
    engine = await open()
    kindred = engine.kindred
    notes = await kindred.collection('notes')
    await notes.add(NOTES)
  })
  afterAll(() => engine.cleanup())

  it('are found by what they mean, with their passage', async () => {
    const { results, plan } = await notes.search({ ...meaning('take back my latest commit'), k: 2 })
    expect(results[0]).toMatchObject({ id: 'git', metadata: {}, passage: NOTES[0]?.text })
    expect(results[0]?.score).toBeGreaterThan(0.4)
    expect(plan).toMatchObject({ space: 'text', metric: 'cosine' })
    const bare = await notes.search({ ...meaning('bake a loaf'), k: 1, include: [] })
    expect(bare.results[0]).toMatchObject({ id: 'bread', passage: NOTES[1]?.text })
    expect(bare.results[0]).not.toHaveProperty('text')
  })

  it('are found by an item, which is left out itself', async () => {
    await notes.add([{ id: 'undo', text: 'How to undo a commit in git' }])
    const { results } = await notes.search({ query: { id: 'undo' }, k: 5 })
    expect(results[0]?.id).toBe('git')
    expect(results.map(({ id }) => id)).not.toContain('undo')
    await notes.remove(['undo'])
  })

  it('that are long are found by their best passage', async () => {
    const filler = Array.from(
      { length: 60 },
      (_, i) => `Sentence number ${i} talks about the weather of that day.`,
    )
    const needle = 'Penguins huddle together to keep warm in the Antarctic winter.'
    const text = [...filler.slice(0, 40), needle, ...filler.slice(40)].join(' ')
    await notes.add([{ id: 'long', text }])
    const { results } = await notes.search({ ...meaning('birds in the cold of Antarctica'), k: 1 })
    expect(results[0]?.id).toBe('long')
    expect(results[0]?.passage).toContain(needle)
    expect(results[0]?.passage?.length).toBeLessThan(text.length)
    const stored = await notes.get('long', { include: ['vectors'] })
    expect(stored?.vectors?.text?.length).toBeGreaterThan(1)
    await notes.remove(['long'])
    expect((await notes.summary()).spaces[0]?.vectors).toBe(NOTES.length)
  })

  it('are judged by an autoencoder over their vectors too, also after they were added', async () => {
    const dishes = await kindred.collection('dishes')
    const recipe = (dish: string) => ({
      id: dish,
      text: `How to cook ${dish}: wash, cut, boil and season it.`,
    })
    await dishes.add([...'abcdefghijklmnopqrst'].map((letter) => recipe(`soup ${letter}`)))
    await dishes.outliers()
    await dishes.add([{ id: 'lease', text: 'The tenant shall indemnify the landlord against all claims.' }])
    const { outliers, report } = await dishes.outliers({ detector: 'autoencoder', limit: 30 })
    expect(report.weights).toHaveProperty('autoencoder', 0)
    expect(outliers).toHaveLength(21)
    expect(outliers[0]?.id).toBe('lease')
    const scores = outliers.map(({ detectors }) => detectors?.autoencoder?.score ?? Number.NaN)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    const { reasons } = await dishes.explain('lease')
    expect(reasons).toContainEqual(expect.objectContaining({ detector: 'autoencoder', weight: 0 }))
  })

  it('are not encoded again while they stay the same', async () => {
    const load = vi.spyOn(kindred.encoders, 'load')
    try {
      expect(await notes.add(NOTES)).toEqual({ upserted: 0, unchanged: 3 })
      const before = await notes.get('git', { include: ['vectors'] })
      const tagged = NOTES.map((item) => ({ ...item, metadata: { tag: 1 } }))
      expect(await notes.add(tagged)).toEqual({ upserted: 3, unchanged: 0 })
      await notes.patch('git', { metadata: { more: true } })
      await notes.patch('git', { text: NOTES[0]?.text })
      expect(load).not.toHaveBeenCalled()
      expect(await notes.get('git', { include: ['vectors'] })).toEqual(before)
      expect((await notes.get('git'))?.metadata).toEqual({ tag: 1, more: true })
      await notes.patch('git', { text: 'A recipe for pancakes' })
      expect(load).toHaveBeenCalledOnce()
      const { results } = await notes.search({ query: { text: 'pancakes' }, k: 1 })
      expect(results[0]?.id).toBe('git')
      await notes.add(NOTES)
    } finally {
      load.mockRestore()
    }
  })

  it('lose their vectors with the text', async () => {
    await notes.add([{ id: 'lost', text: 'Volcanoes and lava', image: PICTURES['image/png'] }])
    await notes.patch('lost', { text: null })
    const { results } = await notes.search({ ...meaning('volcano'), k: 10 })
    expect(results.map(({ id }) => id)).not.toContain('lost')
    await notes.remove(['lost'])
  })

  it('of many adds of one id at the same time leave the vectors of the text that stays', async () => {
    const texts = NOTES.map(({ text }) => text)
    const adds = Array.from({ length: 9 }, (_, i) =>
      notes.add([{ id: 'raced', text: texts[i % 3], metadata: { i } }]),
    )
    await Promise.all([...adds, notes.patch('bread', { metadata: { raced: true } })])
    const stored = await notes.get('raced', { include: ['text', 'metadata', 'vectors'] })
    expect(stored?.text).toBe(texts[Number(stored?.metadata?.i) % 3])
    const { vectors } = await kindred.embed([stored?.text ?? ''])
    const distance = norm(
      Float32Array.from(stored?.vectors?.text?.[0] ?? [], (x, i) => x - (vectors[0]?.[i] ?? Number.NaN)),
    )
    expect(distance).toBeLessThan(1e-3)
    await notes.remove(['raced'])
  })

  it('refuse vectors of the user in a space that has an encoder', async () => {
    const vector = new Array(384).fill(1)
    await expect(notes.add([{ id: 'x', vectors: { text: vector } }])).rejects.toMatchObject({
      code: 'ENCODER_MISMATCH',
      details: { index: 0, id: 'x', field: 'vectors.text' },
    })
    const { results } = await notes.search({ query: { vector }, k: 1 })
    expect(results[0]).toHaveProperty('passage')
  })

  it('stop being encoded with CANCELLED, and nothing is written', async () => {
    const controller = new AbortController()
    const items = Array.from({ length: 300 }, (_, i) => ({
      id: `c${i}`,
      text: `Some sentence, number ${i}.`,
    }))
    const adding = notes.add(items, { signal: controller.signal, onProgress: () => controller.abort() })
    await expect(adding).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await notes.summary()).items).toBe(NOTES.length)
  })

  it('report progress while they are encoded', async () => {
    const seen: number[] = []
    const items = Array.from({ length: 100 }, (_, i) => ({ id: `p${i}`, text: `Progress of ${i}` }))
    await notes.add(items, {
      onProgress: (done, total) => {
        expect(total).toBe(100)
        seen.push(done)
      },
    })
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1)).toBe(100)
    expect(seen.length).toBeGreaterThan(1)
    await notes.remove(items.map(({ id }) => id))
  })
})

describe('an engine with its encoder', () => {
  it('embeds texts without storing them', async () => {
    const { kindred, cleanup } = await openOverMemory()
    await kindred.warm()
    const { encoder, dim, vectors, tokens } = await kindred.embed(['one', 'two words'])
    expect({ encoder, dim, count: vectors.length }).toEqual({
      encoder: 'all-MiniLM-L6-v2',
      dim: 384,
      count: 2,
    })
    expect(tokens).toBe(3 + 4)
    for (const vector of vectors) expect(norm(vector)).toBeCloseTo(1, 4)
    expect((await kindred.embed([])).vectors).toEqual([])
    const refused = { code: 'INVALID_TEXT', details: { index: 1 } }
    await expect(kindred.embed(['fine', ''])).rejects.toMatchObject(refused)
    await expect(kindred.embed('fine' as never)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(kindred.embed(['x'], { as: 'title' as never })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
    await expect(kindred.embed(['x'], { encoder: 'no-such' })).rejects.toMatchObject({
      code: 'ENCODER_NOT_FOUND',
    })
    await cleanup()
  })

  it('takes dimension and identity of a space from its encoder', async () => {
    const { kindred, cleanup } = await openOverMemory()
    const spaces = [
      { name: 'text', encoder: 'all-MiniLM-L6-v2', dim: 384, metrics: ['dot' as const] },
      { name: 'own', dim: 2 },
    ]
    const made = await kindred.createCollection('mixed', { spaces })
    const { id } = await kindred.encoders.load('all-MiniLM-L6-v2')
    expect((await made.summary()).spaces).toMatchObject([
      { name: 'text', encoder: id, dim: 384, metrics: ['dot'] },
      { name: 'own', encoder: null, dim: 2, metrics: ['cosine'] },
    ])
    await made.add([{ id: 'a', text: 'hello', vectors: { own: [1, 2] } }])
    expect((await made.search({ query: { text: 'hello' } })).plan).toMatchObject({
      space: 'text',
      metric: 'dot',
    })
    expect((await kindred.collection('mixed', { spaces })).name).toBe('mixed')
    const wrong = kindred.createCollection('wrong', {
      spaces: [{ name: 'text', encoder: 'all-MiniLM-L6-v2', dim: 5 }],
    })
    await expect(wrong).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' })
    await cleanup()
  })

  it('refuses a space whose encoder has become another, and says what to do', async () => {
    const backend = new MemoryBackend()
    const { kindred, cleanup } = await openOverMemory(backend)
    await backend.createCollection({
      name: 'old',
      spaces: [
        {
          name: 'text',
          encoder: 'an-older-id',
          encoderName: 'all-MiniLM-L6-v2',
          dim: 384,
          metrics: ['cosine'],
          unit: true,
          input: 'text',
          version: 1,
        },
      ],
    })
    const old = await kindred.getCollection('old')
    const { id } = await kindred.encoders.load('all-MiniLM-L6-v2')
    const refusal = {
      code: 'ENCODER_MISMATCH',
      message: expect.stringMatching(new RegExp(`an-older-id.*${id}.*add the items again`)),
    }
    await expect(old.search({ query: { text: 'x' } })).rejects.toMatchObject(refusal)
    await expect(old.add([{ id: 'a', text: 'x' }])).rejects.toMatchObject(refusal)
    expect((await old.summary()).items).toBe(0)
    await cleanup()
  })

  it('encodes after all what could have been kept, if the item was written meanwhile', async () => {
    const { kindred, cleanup } = await openOverMemory(alwaysLate(new MemoryBackend()))
    const notes = await kindred.collection('notes')
    await notes.add(NOTES)
    const [first] = NOTES
    const changed = [
      { id: 'new', text: 'something new' },
      { ...first, id: 'git', metadata: { tag: 1 } },
    ]
    expect(await notes.add(changed)).toEqual({ upserted: 2, unchanged: 0 })
    expect((await notes.get('git'))?.metadata).toEqual({ tag: 1 })
    const { results } = await notes.search({ query: { text: first?.text ?? '' }, k: 1 })
    expect(results[0]).toMatchObject({ id: 'git', score: expect.closeTo(1, 3) })
    await cleanup()
  })

  it('is never loaded where nothing is encoded', async () => {
    const { kindred, cleanup } = await openOverMemory()
    const load = vi.spyOn(kindred.encoders, 'load')
    const own = await kindred.createCollection('own', { spaces: [{ name: 'own', dim: 1 }] })
    await own.add([{ id: 'a', text: 'stored only', vectors: { own: [1] } }])
    await own.search({ query: { vector: [1] } })
    expect(load).not.toHaveBeenCalled()
    await cleanup()
  })
})
