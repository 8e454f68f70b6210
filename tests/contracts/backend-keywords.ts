import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, ItemWrite } from '#src/core/backend.js'
import type { KeywordQuery } from '#src/core/keyword-query.js'
import { seededRandom } from '#src/core/random.js'
import type { Metadata } from '#src/core/types.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { searchKeywords } from '../support/memory-keywords.js'
import type { OpenedBackend } from './backend.js'

interface Written {
  id: string
  text: string | null
  metadata?: Metadata
}

const PATHS = ['title', 'tags', 'by.name']
const NOTES: Written[] = [
  {
    id: 'git',
    text: 'git revert makes a new commit that takes an earlier one back',
    metadata: { title: 'Undoing' },
  },
  {
    id: 'tea',
    text: 'Green tea wants water of eighty degrees',
    metadata: { tags: ['kitchen', 'hot water'] },
  },
  { id: 'café', text: 'Le café naïf du Président', metadata: { by: { name: 'Zoë' } } },
  { id: 'tower', text: '東京タワーの近くに住む女性の笑顔', metadata: { tags: ['展望台'] } },
  {
    id: 'birds',
    text: 'Birds were flying over the committed runners',
    metadata: { tags: [1, null, { x: 'water' }] },
  },
  { id: 'silent', text: null, metadata: { title: 'only a title' } },
  { id: 'nothing', text: null },
]

/** What every `Backend` has to do for keywords; see `src/core/backend.ts`. */
export function keywordContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, keywords: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({ name: 'notes', spaces: [], keywords: PATHS })
      await backend.upsert('notes', NOTES.map(toWrite))
    })
    afterEach(() => opened.cleanup())

    const find = async (text: string, k = 10): Promise<string[]> =>
      (await backend.keyword('notes', { query: asked(text), k })).map(({ id }) => id)

    it('finds words whatever their ending, case and diacritics', async () => {
      expect(await find('Commits')).toEqual(expect.arrayContaining(['git', 'birds']))
      expect(await find('FLY')).toEqual(['birds'])
      expect(await find('naif president')).toEqual(['café'])
      expect(await find('elephant')).toEqual([])
    })

    it('finds the strings of the metadata that the collection names, and no others', async () => {
      expect(await find('undo')).toEqual(['git'])
      expect(await find('title')).toEqual(['silent'])
      expect(await find('kitchen')).toEqual(['tea'])
      expect(await find('zoe')).toEqual(['café'])
      expect(await find('water')).toEqual(['tea'])
    })

    it('finds Japanese wherever its words are thought to end', async () => {
      for (const text of [
        '東京',
        '東京タワー',
        'タワー',
        '笑顔',
        '女性',
        '顔',
        '展望',
        '住む',
        'タワ',
        'ワーの',
      ]) {
        expect(await find(text), text).toEqual(['tower'])
      }
      expect(await find('大阪')).toEqual([])
    })

    it('finds phrases side by side only, and not across two values', async () => {
      expect(await find('"new commit"')).toEqual(['git'])
      expect(await find('"commit new"')).toEqual([])
      expect(await find('"hot water"')).toEqual(['tea'])
      expect(await find('"kitchen hot"')).toEqual([])
      expect(await find('"東京タワー"')).toEqual(['tower'])
      expect(await find('"new commit" tea')).toEqual(['git'])
    })

    it('finds beginnings, and leaves out what is excluded', async () => {
      expect(await find('degr*')).toEqual(['tea'])
      expect(await find('egr*')).toEqual([])
      expect(await find('commit -runner')).toEqual(['git'])
      expect(await find('commit -"new commit"')).toEqual(['birds'])
    })

    it('puts first what has more and rarer of the words', async () => {
      expect(await find('green water commit')).toEqual(['tea', 'birds', 'git'])
      expect((await find('commit water', 1)).length).toBe(1)
      const hits = await backend.keyword('notes', { query: asked('green water commit'), k: 10 })
      expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).toSorted((a, b) => b - a))
      expect(hits.at(-1)?.score).toBeGreaterThan(0)
    })

    it('sees every write that was acknowledged', async () => {
      const words = seededRandom(5)
      for (let i = 0; i < 20; i++) {
        const word = `word${words.int(1_000_000)}`
        await backend.upsert('notes', [toWrite({ id: 'changing', text: `now ${word}` })])
        expect(await find(word)).toEqual(['changing'])
        await backend.upsert('notes', [
          toWrite({ id: 'changing', text: 'now something else', metadata: { title: word } }),
        ])
        expect(await find(word)).toEqual(['changing'])
        await backend.upsert('notes', [toWrite({ id: 'changing', text: 'now something else' })])
        expect(await find(word)).toEqual([])
      }
      await backend.remove('notes', ['git', 'changing'])
      expect(await find('git something')).toEqual([])
    })

    it('forgets what was rolled back', async () => {
      const stale = { ...toWrite({ id: 'tea', text: 'coffee' }), ifRevision: 1_000_000 }
      const writes = [toWrite({ id: 'new', text: 'coffee' }), stale]
      await expect(backend.upsert('notes', writes)).rejects.toMatchObject({ code: 'CONFLICT' })
      expect(await find('coffee')).toEqual([])
      expect(await find('tea')).toEqual(['tea'])
    })

    it('keeps collections apart, and starts empty after one was deleted', async () => {
      await backend.createCollection({ name: 'other', spaces: [] })
      await backend.upsert('other', [
        toWrite({ id: 'x', text: 'tea for two', metadata: { title: 'kettle' } }),
      ])
      expect(await find('tea')).toEqual(['tea'])
      const other = async (text: string) => backend.keyword('other', { query: asked(text), k: 5 })
      expect((await other('tea')).map(({ id }) => id)).toEqual(['x'])
      expect(await other('kettle')).toEqual([])
      await backend.deleteCollection('other')
      await expect(other('tea')).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
      await backend.createCollection({ name: 'other', spaces: [], keywords: ['title'] })
      expect(await other('tea')).toEqual([])
      expect(await backend.getCollection('other')).toEqual({ name: 'other', spaces: [], keywords: ['title'] })
    })

    it('answers as one who looks at every item does, over random texts and queries', async () => {
      const random = seededRandom(3)
      // few words, so that they meet; the first ones are common
      const word = (): string => VOCABULARY[Math.floor(random.uniform() ** 3 * VOCABULARY.length)] ?? ''
      const sentence = (length: number): string => Array.from({ length }, word).join(' ')
      const items = Array.from({ length: 400 }, (_, i): Written => {
        return { id: `r${i}`, text: sentence(1 + random.int(12)), metadata: { tags: [word(), word()] } }
      })
      await backend.createCollection({ name: 'random', spaces: [], keywords: PATHS })
      await backend.upsert('random', items.map(toWrite))
      const left = items.map((item) => ({ ...item, metadata: item.metadata ?? {} }))
      const forms = [
        () => sentence(1 + random.int(4)),
        () => `"${sentence(2)}" ${word()}`,
        () => `${word()} ${word()} -${word()}`,
        () => `${word().slice(0, 3)}* ${word()}`,
      ]
      for (let round = 0; round < 80; round++) {
        const text = forms[round % forms.length]?.() ?? ''
        const query = parseKeywords(text).query
        if (!query) continue
        const k = 1 + random.int(30)
        const hits = await backend.keyword('random', { query, k })
        const scores = searchKeywords(left, PATHS, { query, k: 1_000 })
        expect(hits.length, text).toBe(Math.min(k, scores.length))
        const scoreOf = new Map(scores.map(({ id, score }) => [id, score]))
        for (const [i, { id, score }] of hits.entries()) {
          expect(score, text).toBeCloseTo(scores[i]?.score ?? -1, 6)
          expect(score, `${text}: ${id}`).toBeCloseTo(scoreOf.get(id) ?? -1, 6)
        }
      }
      // what was removed may still count for how rare a word is, but is found no more
      await backend.remove(
        'random',
        items.filter((_, i) => i % 3 === 0).map(({ id }) => id),
      )
      const rest = left.filter((_, i) => i % 3 !== 0)
      for (const text of VOCABULARY) {
        const query = parseKeywords(text).query
        if (!query) continue
        const hits = await backend.keyword('random', { query, k: 1_000 })
        const expected = searchKeywords(rest, PATHS, { query, k: 1_000 })
        expect(hits.map(({ id }) => id).sort(), text).toEqual(expected.map(({ id }) => id).sort())
      }
    })

    describe('matches', () => {
      it('tell where the words stand, as what is there now', async () => {
        const query = asked('commits "takes an"')
        const found = await backend.keywordMatches('notes', {
          query,
          items: [{ id: 'git' }, { id: 'gone' }, { id: 'tea' }],
        })
        expect([...found.keys()].sort()).toEqual(['git', 'tea'])
        const git = found.get('git')
        const text = NOTES[0]?.text ?? ''
        expect(git).toMatchObject({ admitted: true, start: 0, end: text.length })
        expect(git?.marks.map(([start, end]) => text.slice(start, end))).toEqual(['commit', 'takes an'])
        expect(git?.revision).toBe((await backend.stamps('notes', ['git'])).get('git')?.revision)
        expect(found.get('tea')).toMatchObject({ admitted: false, marks: [] })
      })

      it('look at the part that is given', async () => {
        const part = { start: 4, end: 10 }
        const found = await backend.keywordMatches('notes', {
          query: asked('git revert commit'),
          items: [{ id: 'git', part }],
        })
        expect(found.get('git')).toMatchObject({ ...part, marks: [[4, 10]] })
      })

      it('know what is excluded in the metadata too', async () => {
        const query = asked('green -kitchen')
        const found = await backend.keywordMatches('notes', {
          query,
          items: [{ id: 'tea' }, { id: 'silent' }],
        })
        expect(found.get('tea')?.admitted).toBe(false)
        expect(found.get('silent')).toMatchObject({ admitted: true, marks: [] })
      })
    })

    it('refuses unknown collections, and everything after its end', async () => {
      const query = { query: asked('tea'), k: 1 }
      const matched = { query: asked('tea'), items: [] }
      await expect(backend.keyword('x', query)).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
      await expect(backend.keywordMatches('x', matched)).rejects.toMatchObject({
        code: 'COLLECTION_NOT_FOUND',
      })
      await backend.close()
      await expect(backend.keyword('notes', query)).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(backend.keywordMatches('notes', matched)).rejects.toMatchObject({ code: 'CLOSED' })
    })

    it('has its index again after it was closed and opened, where it is durable', async () => {
      if (!opened.reopen) return
      backend = await opened.reopen()
      expect(await find('undo')).toEqual(['git'])
      expect((await backend.getCollection('notes'))?.keywords).toEqual(PATHS)
    })
  })
}

const VOCABULARY = (
  'river stone market winter engine letters gardening windows doctor musical history silver forest yellow questions ' +
  'travelled kitchen numbers islands summer 東京 笑顔 東京都 学校 naïve café runner running committed riverbed'
).split(' ')

function asked(text: string): KeywordQuery {
  const { query } = parseKeywords(text)
  if (!query) throw new Error(`"${text}" asks for nothing`)
  return query
}

function toWrite({ id, text, metadata = {} }: Written): ItemWrite {
  const textHash = text === null ? null : `hash-${text}`
  return { id, text, metadata, image: null, fingerprint: `${id}:${text}`, textHash, vectors: {} }
}
