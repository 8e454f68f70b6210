import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { keywordPlan } from '#src/backends/embedded/keyword-plan.js'
import { KeywordSearch } from '#src/backends/embedded/keyword-search.js'
import { type Connection, openDatabase } from '#src/backends/embedded/sqlite.js'
import type { ItemWrite } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import { keywordDocument } from '#src/query/keyword-document.js'
import { holds } from '#src/query/match-keywords.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { RecordingJobs } from '../support/backend-items.js'
import { leastTime } from '../support/least-time.js'
import { searchKeywords } from '../support/memory-keywords.js'
import { temporaryFolder } from '../support/test-home.js'

const random = seededRandom(11)
const WORDS = Array.from({ length: 2_000 }, (_, i) => `w${i.toString(36)}`)
/** The first words are in most of the texts. */
const draw = (): string => WORDS[Math.floor(random.uniform() ** 6 * WORDS.length)] ?? ''
const TEXTS = Array.from({ length: 8_000 }, () => Array.from({ length: 3 + random.int(10) }, draw).join(' '))
const ODD = [
  '',
  '東京タワーの笑顔',
  'naïve "quoted" text',
  "it's; DROP TABLE items; --",
  'a* AND b NOT c',
  '-5 \u0000 😀',
]

describe('keyword search in SQLite', () => {
  let home: ReturnType<typeof temporaryFolder>
  let backend: EmbeddedBackend
  let db: Connection
  let search: KeywordSearch

  beforeAll(async () => {
    home = temporaryFolder()
    backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
    await backend.createCollection({ name: 'texts', spaces: [] })
    await backend.createCollection({ name: 'odd', spaces: [] })
    await backend.upsert('texts', TEXTS.map(toWrite))
    await backend.upsert('odd', ODD.map(toWrite))
    db = openDatabase(join(home.path, 'kindred.db'), { readonly: true })
    search = new KeywordSearch(db)
  })
  afterAll(async () => {
    db.close()
    await backend.close()
    home.remove()
  })

  it('finds the true best though it does not look at all that have a common word', () => {
    const items = TEXTS.map((text, i) => ({ id: `t${i}`, text, metadata: {} }))
    for (let round = 0; round < 40; round++) {
      const text = Array.from({ length: 1 + random.int(5) }, draw).join(' ')
      const { query } = parseKeywords(text)
      if (!query) continue
      const k = [1, 10, 50][round % 3] ?? 1
      const hits = search.search({ op: 'keyword', collection: 1, query, k })
      const expected = searchKeywords(items, [], { query, k })
      expect(hits.length, text).toBe(expected.length)
      for (const [i, { score }] of hits.entries())
        expect(score, text).toBeCloseTo(expected[i]?.score ?? -1, 6)
    }
  })

  it('takes any text for a query: never an error, never SQL, and finds what a plain look finds', () => {
    const signs = fc.constantFrom(
      '"',
      '-',
      '*',
      ' ',
      'a',
      'b',
      'text',
      '東京',
      '笑',
      ':',
      '(',
      ')',
      'AND',
      'NOT',
      "'",
      ';',
      '{',
      '^',
      '+',
    )
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(signs).map((parts) => parts.join('')),
      fc.constantFrom(...ODD),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { query } = parseKeywords(text)
        if (!query) return
        const hits = search.search({ op: 'keyword', collection: 2, query, k: 100 })
        const items = ODD.map((odd, i) => ({ id: `t${i}`, text: odd, metadata: {} }))
        const expected = searchKeywords(items, [], { query, k: 100 })
        expect(hits.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort())
        search.match({ op: 'match', collection: 2, query, items: items.map(({ id }) => ({ id })) })
      }),
      { numRuns: 400 },
    )
    expect(db.prepare('SELECT count(*) FROM items').pluck().get()).toBe(TEXTS.length + ODD.length)
  })

  it('finds every text by each of its words', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), (text) => {
        const document = keywordDocument(text, [])
        const { query } = parseKeywords(text)
        for (const clause of [...(query?.any ?? []), ...(query?.all ?? [])])
          expect(holds(clause, document)).toBe(true)
      }),
    )
  })

  it('answers ten thousand words by the rarest of them', async () => {
    const ask = (words: number) => {
      const { query } = parseKeywords(
        Array.from({ length: words }, (_, i) => WORDS[i % WORDS.length]).join(' '),
      )
      if (!query) throw new Error('there are words')
      return search.search({ op: 'keyword', collection: 1, query, k: 10 })
    }
    expect(ask(10_000)).toHaveLength(10)
    // 10 if it grows with the words, 100 with their square
    expect((await leastTime(() => ask(10_000))) / (await leastTime(() => ask(1_000)))).toBeLessThan(40)
  })

  it('answers hundreds of phrases that must, and words that must not be there', () => {
    const phrases = Array.from({ length: 300 }, (_, i) => `"w${i} w1" -w${i}x`).join(' ')
    const { query } = parseKeywords(phrases)
    if (!query) throw new Error('there are words')
    expect(query.all.length).toBeGreaterThan(200)
    expect(search.search({ op: 'keyword', collection: 1, query, k: 10 })).toEqual([])
  })

  it('answers nothing of a collection that is gone', () => {
    const { query } = parseKeywords('w0')
    if (!query) throw new Error('there are words')
    expect(search.search({ op: 'keyword', collection: 99, query, k: 10 })).toEqual([])
  })
})

describe('the plan', () => {
  it('asks all words where that is cheap, or where no bound can be given', () => {
    expect(keywordPlan([{ clause: 'a', counts: [5] }], 100)).toEqual([{ must: ['a'], may: [], bound: 0 }])
    const even = [
      { clause: 'a', counts: [30_000] },
      { clause: 'b', counts: [30_000] },
    ]
    expect(keywordPlan(even, 100_000)).toHaveLength(1)
  })

  it('asks the rare words first and leaves the common ones to the scores', () => {
    const words = [
      { clause: 'rare', counts: [40] },
      { clause: 'common', counts: [45_000] },
    ]
    const [first, last] = keywordPlan(words, 100_000)
    expect(first).toMatchObject({ must: ['rare'], may: ['common'] })
    expect(first?.bound).toBeLessThan(1)
    expect(last).toEqual({ must: ['rare', 'common'], may: [], bound: 0 })
  })
})

function toWrite(text: string, i: number): ItemWrite {
  return { id: `t${i}`, text, metadata: {}, image: null, fingerprint: text, textHash: `${i}`, vectors: {} }
}
