import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  Backend,
  CollectionRecord,
  ImageWrite,
  ItemWrite,
  NearestQuery,
  SpaceRecord,
} from '#src/core/backend.js'
import { distance, METRICS } from '#src/core/metrics.js'
import { type Random, seededRandom } from '#src/core/random.js'
import { parseWhere } from '#src/query/parse-where.js'
import { imageWrite } from '../support/backend-items.js'

/** A backend under test, opened on an empty place. */
export interface OpenedBackend {
  backend: Backend
  /** Closes it and opens the same place again; missing where nothing outlives the process. */
  reopen?(): Promise<Backend>
  /** Called after every test, with the backend open or closed. */
  cleanup(): Promise<void>
}

const DIM = 8
const TEXT: SpaceRecord = {
  name: 'text',
  encoder: 'encoder-1',
  encoderName: 'some-encoder',
  dim: DIM,
  metrics: ['cosine'],
  unit: false,
  input: 'text',
  version: 1,
}
const OWN: SpaceRecord = {
  name: 'own',
  encoder: null,
  encoderName: null,
  dim: DIM,
  metrics: ['euclidean', 'dot'],
  unit: false,
  input: 'vectors',
  version: 1,
}
const RECORD: CollectionRecord = { name: 'notes', spaces: [TEXT, OWN] }
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3)
const PICTURE = imageWrite({ original: PNG, rendition: Uint8Array.of(1, 2, 3) })

/** What every `Backend` has to do; see `src/core/backend.ts`. */
export function backendContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection(RECORD)
    })
    afterEach(() => opened.cleanup())

    const upsert = (...writes: ItemWrite[]): Promise<void> => backend.upsert('notes', writes)
    const nearestIds = async (
      query: Partial<NearestQuery> & { vectors: Float32Array[] },
    ): Promise<string[]> => {
      const answer = await backend.nearest('notes', ownQuery(query))
      return answer.hits.map((hit) => hit.id)
    }
    const revisionOf = async (id: string): Promise<number> =>
      (await backend.stamps('notes', [id])).get(id)?.revision ?? 0

    describe('collections', () => {
      it('are listed and given back as they were made', async () => {
        await backend.createCollection({ name: '日本語', spaces: [OWN] })
        expect(await backend.getCollection('notes')).toEqual(RECORD)
        const names = (await backend.listCollections()).map((record) => record.name)
        expect(names.sort()).toEqual(['notes', '日本語'].sort())
        expect(await backend.getCollection('nothing')).toBeUndefined()
      })

      it('cannot be made twice', async () => {
        await expect(backend.createCollection(RECORD)).rejects.toMatchObject({ code: 'COLLECTION_EXISTS' })
      })

      it('are deleted with everything in them', async () => {
        await upsert(item('a', { own: vector(1), image: PICTURE }))
        expect(await backend.deleteCollection('notes')).toBe(true)
        expect(await backend.deleteCollection('notes')).toBe(false)
        expect(await backend.getCollection('notes')).toBeUndefined()
        await backend.createCollection(RECORD)
        expect((await backend.stats('notes')).items).toBe(0)
        expect(await backend.image('notes', 'a')).toBeUndefined()
        expect(await nearestIds({ vectors: [vector(1)] })).toEqual([])
      })

      it('are refused by every method if they are unknown', async () => {
        const unknown = { code: 'COLLECTION_NOT_FOUND' }
        await expect(backend.stats('x')).rejects.toMatchObject(unknown)
        await expect(backend.upsert('x', [item('a', {})])).rejects.toMatchObject(unknown)
        await expect(backend.remove('x', ['a'])).rejects.toMatchObject(unknown)
        await expect(backend.stamps('x', ['a'])).rejects.toMatchObject(unknown)
        await expect(backend.get('x', ['a'], {})).rejects.toMatchObject(unknown)
        await expect(backend.list('x', { limit: 1, fields: {} })).rejects.toMatchObject(unknown)
        await expect(backend.image('x', 'a')).rejects.toMatchObject(unknown)
        await expect(backend.nearest('x', ownQuery({ vectors: [vector(1)] }))).rejects.toMatchObject(unknown)
        await expect(collect(backend.scan('x', 'own'))).rejects.toMatchObject(unknown)
        await expect(backend.settled('x')).rejects.toMatchObject(unknown)
      })

      it('keep their items apart', async () => {
        await backend.createCollection({ ...RECORD, name: 'other' })
        await upsert(item('a', { own: vector(1) }))
        expect((await backend.stats('other')).items).toBe(0)
        expect((await backend.get('other', ['a'], {})).size).toBe(0)
      })
    })

    describe('items', () => {
      it('are given back as they were written, with the fields asked for', async () => {
        const metadata = { year: 2024, tags: ['x', null], deep: { ok: true, text: '日本 "quoted" \u2028' } }
        await upsert(item('ünï/日本 語', { text: 'some text', metadata, own: vector(3) }))
        const all = { metadata: true, text: true, vectors: true }
        const stored = (await backend.get('notes', ['ünï/日本 語'], all)).get('ünï/日本 語')
        expect(stored).toMatchObject({ id: 'ünï/日本 語', metadata, text: 'some text', hasImage: false })
        expect(stored?.vectors?.own).toEqual([vector(3)])
        const bare = (await backend.get('notes', ['ünï/日本 語'], {})).get('ünï/日本 語')
        expect(bare?.metadata).toBeUndefined()
        expect(bare?.text).toBeUndefined()
        expect(bare?.vectors).toBeUndefined()
      })

      it('are given only where they exist', async () => {
        await upsert(item('a', {}), item('b', {}))
        const found = await backend.get('notes', ['b', 'nothing', 'a'], { metadata: true })
        expect([...found.keys()].sort()).toEqual(['a', 'b'])
        expect((await backend.get('notes', [], {})).size).toBe(0)
        expect((await backend.stamps('notes', ['nothing'])).size).toBe(0)
      })

      it('are replaced whole', async () => {
        const image = PICTURE
        await upsert(
          item('a', { text: 'old', metadata: { x: 1 }, own: vector(1), image, textVectors: [vector(2)] }),
        )
        await upsert(item('a', { metadata: { y: 2 }, own: vector(5) }))
        const all = { metadata: true, text: true, vectors: true }
        const stored = (await backend.get('notes', ['a'], all)).get('a')
        expect(stored).toMatchObject({ metadata: { y: 2 }, text: null, hasImage: false })
        expect(stored?.metadata).toEqual({ y: 2 })
        expect(stored?.vectors).toEqual({ own: [vector(5)] })
        expect(await backend.image('notes', 'a')).toBeUndefined()
        const stats = await backend.stats('notes')
        expect(stats.items).toBe(1)
        expect(stats.vectors.text?.live).toBe(0)
        expect(stats.vectors.own?.live).toBe(1)
      })

      it('are as the last write left them, however often they were read before', async () => {
        const read = async (id: string) => {
          const stored = (await backend.get('notes', [id, 'b'], { metadata: true })).get(id)
          return stored?.metadata
        }
        await upsert(item('a', { metadata: { n: 0 } }), item('b', { metadata: { n: 'b' } }))
        for (let n = 1; n <= 5; n++) {
          expect(await read('a')).toEqual({ n: n - 1 })
          await upsert(item('a', { metadata: { n } }))
          const metadata = await read('a')
          expect(metadata).toEqual({ n })
          Object.assign(metadata ?? {}, { n: 'the reader may change what it got' })
          expect(await read('a')).toEqual({ n })
        }
        await backend.remove('notes', ['a'])
        expect(await read('a')).toBeUndefined()
        await upsert(item('a', { metadata: { again: true } }))
        expect(await read('a')).toEqual({ again: true })
        await backend.removeWhere('notes', parseWhere({ again: true }))
        expect(await read('a')).toBeUndefined()
        expect(await read('b')).toEqual({ n: 'b' })
        await backend.deleteCollection('notes')
        await backend.createCollection(RECORD)
        expect(await read('b')).toBeUndefined()
      })

      it('keep the bytes and the type of their picture', async () => {
        await upsert(item('a', { image: PICTURE }), item('b', {}))
        const image = await backend.image('notes', 'a')
        expect(image?.type).toBe('image/png')
        expect(Array.from(image?.bytes ?? [])).toEqual(Array.from(PNG))
        expect(await backend.image('notes', 'b')).toBeUndefined()
        expect(await backend.image('notes', 'nothing')).toBeUndefined()
        expect((await backend.get('notes', ['a'], {})).get('a')?.hasImage).toBe(true)
      })

      it('are not changed by what the caller does to its arrays afterwards', async () => {
        const own = vector(1)
        const writing = upsert(item('a', { own }))
        own.fill(9)
        await writing
        own.fill(7)
        const stored = (await backend.get('notes', ['a'], { vectors: true })).get('a')
        expect([vector(1), vector(1).fill(9)]).toContainEqual(stored?.vectors?.own?.[0])
        stored?.vectors?.own?.[0]?.fill(4)
        expect((await backend.nearest('notes', ownQuery({ vectors: [vector(1)], k: 1 }))).hits).toHaveLength(
          1,
        )
        const again = (await backend.get('notes', ['a'], { vectors: true })).get('a')
        expect(again?.vectors?.own?.[0]?.[0]).not.toBe(4)
      })

      it('are removed, and only what was there is named', async () => {
        await upsert(item('a', { own: vector(1) }), item('b', { own: vector(2) }))
        expect(await backend.remove('notes', ['a', 'nothing'])).toEqual(['a'])
        expect(await backend.remove('notes', ['a'])).toEqual([])
        expect((await backend.get('notes', ['a'], {})).size).toBe(0)
        expect((await backend.stats('notes')).items).toBe(1)
        expect(await nearestIds({ vectors: [vector(1)] })).toEqual(['b'])
      })

      it('can be written again after they were removed', async () => {
        await upsert(item('a', { own: vector(1) }))
        await backend.remove('notes', ['a'])
        await upsert(item('a', { own: vector(2) }))
        const answer = await backend.nearest('notes', ownQuery({ vectors: [vector(2)] }))
        expect(answer.hits.map((hit) => hit.id)).toEqual(['a'])
        expect(answer.hits[0]?.distance).toBeCloseTo(0, 5)
      })
    })

    describe('stamps', () => {
      it('tell hashes, spaces, picture and a revision that grows', async () => {
        await upsert(item('a', { text: 'hello', textVectors: [vector(1)], own: vector(2) }))
        const first = (await backend.stamps('notes', ['a'])).get('a')
        expect(first).toMatchObject({ fingerprint: 'print-a', textHash: 'hash-hello', hasImage: false })
        expect(first?.spaces.toSorted()).toEqual(['own', 'text'])
        await upsert(item('a', { image: PICTURE }))
        const second = (await backend.stamps('notes', ['a'])).get('a')
        expect(second).toMatchObject({ textHash: null, hasImage: true, spaces: [] })
        expect(second?.revision).toBeGreaterThan(first?.revision ?? Number.POSITIVE_INFINITY)
      })

      it('have the revision that get tells', async () => {
        await upsert(item('a', {}))
        const stored = (await backend.get('notes', ['a'], {})).get('a')
        expect(stored?.revision).toBe(await revisionOf('a'))
        expect(stored?.revision).toBeGreaterThan(0)
      })
    })

    describe('conditional writes', () => {
      it('keep vectors and picture that are there', async () => {
        const image = PICTURE
        await upsert(item('a', { text: 'hello', textVectors: [vector(1), vector(2)], own: vector(3), image }))
        const write = item('a', { text: 'hello', metadata: { new: true } })
        const ifRevision = await revisionOf('a')
        await upsert({ ...write, ifRevision, image: 'keep', vectors: { text: 'keep', own: 'keep' } })
        const stored = (await backend.get('notes', ['a'], { metadata: true, vectors: true })).get('a')
        expect(stored?.metadata).toEqual({ new: true })
        expect(stored?.vectors).toEqual({ text: [vector(1), vector(2)], own: [vector(3)] })
        expect(Array.from((await backend.image('notes', 'a'))?.bytes ?? [])).toEqual(Array.from(PNG))
        expect(await nearestIds({ vectors: [vector(3)] })).toEqual(['a'])
      })

      it('lose the vectors of a space that is not named', async () => {
        await upsert(item('a', { text: 'hello', textVectors: [vector(1)], own: vector(3) }))
        const ifRevision = await revisionOf('a')
        await upsert({ ...item('a', { text: 'hello' }), ifRevision, vectors: { text: 'keep' } })
        expect((await backend.stamps('notes', ['a'])).get('a')?.spaces).toEqual(['text'])
        expect(await nearestIds({ vectors: [vector(3)] })).toEqual([])
      })

      it('are refused with CONFLICT and the ids after another write, and nothing is written', async () => {
        await upsert(item('a', { own: vector(1) }), item('b', { own: vector(2) }))
        const old = await revisionOf('a')
        const held = await revisionOf('b')
        await upsert(item('a', { own: vector(3) }))
        const writes = [
          { ...item('b', { own: vector(9) }), ifRevision: held },
          { ...item('a', { own: vector(8) }), ifRevision: old },
          item('c', { own: vector(7) }),
        ]
        await expect(upsert(...writes)).rejects.toMatchObject({ code: 'CONFLICT', details: { ids: ['a'] } })
        const stored = await backend.get('notes', ['a', 'b', 'c'], { vectors: true })
        expect(stored.get('a')?.vectors?.own).toEqual([vector(3)])
        expect(stored.get('b')?.vectors?.own).toEqual([vector(2)])
        expect(stored.has('c')).toBe(false)
      })

      it('hold for removed and for missing items', async () => {
        await upsert(item('a', {}))
        const revision = await revisionOf('a')
        await expect(upsert({ ...item('a', {}), ifRevision: 0 })).rejects.toMatchObject({ code: 'CONFLICT' })
        await backend.remove('notes', ['a'])
        await expect(upsert({ ...item('a', {}), ifRevision: revision })).rejects.toMatchObject({
          code: 'CONFLICT',
          details: { ids: ['a'] },
        })
        await upsert({ ...item('a', {}), ifRevision: 0 })
        await expect(upsert({ ...item('a', {}), ifRevision: revision })).rejects.toMatchObject({
          code: 'CONFLICT',
        })
      })

      it('let exactly one of several at the same time win', async () => {
        await upsert(item('a', {}))
        const ifRevision = await revisionOf('a')
        const writes = Array.from({ length: 8 }, (_, i) =>
          upsert({ ...item('a', { metadata: { i } }), ifRevision }),
        )
        const outcomes = await Promise.allSettled(writes)
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
        const stored = (await backend.get('notes', ['a'], { metadata: true })).get('a')
        expect(stored?.metadata).toEqual({ i: winner })
      })
    })

    describe('refused writes', () => {
      it('of another encoder leave nothing behind', async () => {
        const wrong = item('b', { text: 'x', textVectors: [vector(1)] })
        wrong.vectors.text = [{ encoder: 'encoder-2', passages: [{ vector: vector(1), start: 0, end: 1 }] }]
        await expect(upsert(item('a', { own: vector(1) }), wrong)).rejects.toMatchObject({
          code: 'ENCODER_MISMATCH',
        })
        expect((await backend.stats('notes')).items).toBe(0)
        expect(await nearestIds({ vectors: [vector(1)] })).toEqual([])
      })

      it('to an unknown space leave nothing behind', async () => {
        const wrong = item('b', {})
        wrong.vectors.nowhere = [{ encoder: null, passages: [{ vector: vector(1), start: 0, end: 0 }] }]
        await expect(upsert(item('a', { own: vector(1) }), wrong)).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
        expect((await backend.stats('notes')).items).toBe(0)
      })
    })

    describe('list', () => {
      it('gives pages in the order of first writing, until there are no more', async () => {
        const ids = Array.from({ length: 25 }, (_, i) => `item-${(i * 7) % 25}`)
        for (const part of [ids.slice(0, 10), ids.slice(10)]) await upsert(...part.map((id) => item(id, {})))
        await upsert(item(ids[3] ?? '', { metadata: { again: true } }))
        const pages = await allPages(backend, 10)
        expect(pages.map((page) => page.length)).toEqual([10, 10, 5])
        expect(pages.flat()).toEqual(ids)
      })

      it('has no cursor where the last page is full', async () => {
        await upsert(item('a', {}), item('b', {}))
        const page = await backend.list('notes', { limit: 2, fields: { text: true } })
        expect(page.items).toHaveLength(2)
        if (page.cursor !== undefined) {
          const next = await backend.list('notes', { limit: 2, cursor: page.cursor, fields: {} })
          expect(next.items).toHaveLength(0)
          expect(next.cursor).toBeUndefined()
        }
      })

      it('neither repeats nor skips an item that stays while others come and go', async () => {
        const ids = Array.from({ length: 20 }, (_, i) => `item-${i}`)
        await upsert(...ids.map((id) => item(id, {})))
        const first = await backend.list('notes', { limit: 8, fields: {} })
        await backend.remove('notes', ['item-0', 'item-7', 'item-8', 'item-15'])
        await upsert(item('item-3', { metadata: { rewritten: true } }), item('new', {}))
        const rest: string[] = []
        let cursor = first.cursor
        while (cursor !== undefined) {
          const page = await backend.list('notes', { limit: 8, cursor, fields: {} })
          rest.push(...page.items.map(({ id }) => id))
          cursor = page.cursor
        }
        const stayed = ids.slice(8).filter((id) => !['item-8', 'item-15'].includes(id))
        expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 8))
        expect(rest).toEqual([...stayed, 'new'])
      })

      it('refuses a cursor that it never gave', async () => {
        const query = { limit: 1, cursor: 'not a cursor', fields: {} }
        await expect(backend.list('notes', query)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
      })
    })

    describe('nearest', () => {
      it.each(METRICS)('equals brute force by %s, exactly and from the index', async (metric) => {
        const random = seededRandom(11)
        const items = randomItems(random, 300)
        await upsert(...items)
        await backend.settled('notes')
        for (let i = 0; i < 10; i++) {
          const query = ownQuery({ vectors: [randomVector(random)], metric, k: 12 })
          const expected = bruteForce(items, query)
          const exact = await backend.nearest('notes', { ...query, exact: true })
          expect(exact.strategy).toBe('exact')
          expectHits(exact.hits, expected)
          const usual = await backend.nearest('notes', { ...query, ef: 200 })
          const found = usual.hits.filter((hit) => expected.some(({ id }) => id === hit.id))
          expect(usual.hits).toHaveLength(12)
          expect(found.length).toBeGreaterThanOrEqual(11)
        }
      })

      it('counts items, not passages, and tells the best passage', async () => {
        const near = vector(1)
        const many = Array.from({ length: 30 }, (_, i) => nudged(near, 0.001 * (i + 1)))
        await upsert(
          item('many', { text: 'x'.repeat(40), textVectors: many.toReversed() }),
          item('b', { text: 'bb', textVectors: [nudged(near, 0.5)] }),
          item('c', { text: 'cc', textVectors: [nudged(near, 0.9)] }),
        )
        for (const exact of [true, false]) {
          const query = { ...ownQuery({ vectors: [near], k: 3, exact }), ...textSpace }
          const { hits } = await backend.nearest('notes', query)
          expect(hits.map((hit) => hit.id)).toEqual(['many', 'b', 'c'])
          expect(hits[0]).toMatchObject({ start: 29, end: 30 })
          const first = await backend.nearest('notes', { ...query, k: 2 })
          expect(first.hits.map((hit) => hit.id)).toEqual(['many', 'b'])
        }
      })

      it('takes the least distance over several query vectors', async () => {
        await upsert(item('a', { own: axis(0) }), item('b', { own: axis(1) }), item('c', { own: axis(2) }))
        const query = ownQuery({ vectors: [axis(0), axis(2)], k: 2 })
        const { hits } = await backend.nearest('notes', query)
        expect(hits.map((hit) => hit.id).sort()).toEqual(['a', 'c'])
        for (const hit of hits) expect(hit.distance).toBeCloseTo(0, 5)
      })

      it('leaves out what is excluded and still finds k', async () => {
        const items = randomItems(seededRandom(3), 50)
        await upsert(...items)
        const query = ownQuery({ vectors: [vector(1)], k: 50 })
        const all = bruteForce(items, query).map((hit) => hit.id)
        const exclude = all.slice(0, 20)
        expect(await nearestIds({ ...query, exclude, k: 10 })).toEqual(all.slice(20, 30))
        expect(await nearestIds({ ...query, exclude, k: 50 })).toHaveLength(30)
      })

      it('puts equal distances in the order of first writing', async () => {
        const ids = ['d', 'a', 'c', 'b']
        await upsert(...ids.map((id) => item(id, { own: vector(1) })))
        expect(await nearestIds({ vectors: [vector(1)], exact: true })).toEqual(ids)
      })

      it('answers all there is where k is more, and nothing from an empty space', async () => {
        expect(await nearestIds({ vectors: [vector(1)] })).toEqual([])
        await upsert(item('a', { own: vector(1) }), item('b', { own: vector(2) }), item('no vector', {}))
        expect((await nearestIds({ vectors: [vector(1)], k: 10_000 })).sort()).toEqual(['a', 'b'])
      })

      it('refuses another encoder, another dimension and an unknown space', async () => {
        const query = ownQuery({ vectors: [vector(1)] })
        await expect(backend.nearest('notes', { ...query, encoder: 'encoder-1' })).rejects.toMatchObject({
          code: 'ENCODER_MISMATCH',
        })
        await expect(
          backend.nearest('notes', { ...query, ...textSpace, encoder: 'encoder-2' }),
        ).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
        await expect(
          backend.nearest('notes', { ...query, vectors: [new Float32Array(DIM + 1)] }),
        ).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' })
        await expect(backend.nearest('notes', { ...query, space: 'nowhere' })).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
      })

      it('sees every write that was acknowledged before', async () => {
        const random = seededRandom(5)
        for (let i = 0; i < 30; i++) {
          const own = randomVector(random)
          await upsert(item(`item-${i % 10}`, { own }))
          const [hit] = (await backend.nearest('notes', ownQuery({ vectors: [own], k: 1 }))).hits
          expect(hit?.id).toBe(`item-${i % 10}`)
          expect(hit?.distance).toBeCloseTo(0, 4)
          if (i % 3 === 0) {
            await backend.remove('notes', [`item-${i % 10}`])
            expect(await nearestIds({ vectors: [own] })).not.toContain(`item-${i % 10}`)
          }
        }
      })

      it('goes on while others write, with whole answers', async () => {
        const random = seededRandom(7)
        const steady = Array.from({ length: 20 }, (_, i) =>
          item(`steady-${i}`, { own: nudged(axis(0), 0.01 * i) }),
        )
        await upsert(...steady)
        const writing = (async () => {
          for (let round = 0; round < 15; round++) {
            const own = (): Float32Array => nudged(axis(1), random.uniform())
            await upsert(...Array.from({ length: 10 }, (_, i) => item(`moving-${i}`, { own: own() })))
            await backend.remove('notes', [`moving-${round % 10}`])
          }
        })()
        let ended = false
        const end = writing.finally(() => {
          ended = true
        })
        const wanted = steady.map(({ id }) => id)
        do {
          const ids = await nearestIds({ vectors: [axis(0)], k: 20 })
          expect(ids).toEqual(wanted)
        } while (!ended)
        await end
      })
    })

    describe('scan', () => {
      it('give a sample, one vector an item, by a seed', async () => {
        const items = randomItems(seededRandom(14), 60)
        await upsert(...items, item('gone', { own: vector(1) }))
        await backend.remove('notes', ['gone'])
        const written = new Map(items.map(({ id, vectors }) => [id, vectors.own]))
        for (const [count, expected] of [
          [10, 10],
          [45, 45],
          [1_000, 60],
        ] as const) {
          const { ids, vectors } = await backend.sample('notes', 'own', { count, seed: 5 })
          expect(new Set(ids).size).toBe(expected)
          expect(ids).toHaveLength(expected)
          expect(vectors).toHaveLength(expected * DIM)
          for (const [i, id] of ids.entries()) {
            const own = written.get(id)
            const passages = own === 'keep' ? [] : (own ?? []).flatMap(({ passages }) => passages)
            expect(passages.map((passage) => passage.vector)).toContainEqual(
              vectors.slice(i * DIM, (i + 1) * DIM),
            )
          }
        }
        const draw = async (seed: number): Promise<string[]> =>
          (await backend.sample('notes', 'own', { count: 10, seed })).ids
        expect(await draw(5)).toEqual(await draw(5))
        expect(await draw(5)).not.toEqual(await draw(6))
        await expect(backend.sample('notes', 'x', { count: 1, seed: 1 })).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
      })

      it('gives every live vector once, as it was when it began', async () => {
        const items = randomItems(seededRandom(13), 40)
        await upsert(...items, item('gone', { own: vector(1) }))
        await backend.remove('notes', ['gone'])
        const scan = backend.scan('notes', 'own', { batch: 15 })[Symbol.asyncIterator]()
        const first = await scan.next()
        await upsert(item('late', { own: vector(2) }), item('item-39', { own: vector(3) }))
        await backend.remove('notes', ['item-38'])
        const seen = new Map<string, Float32Array>()
        for (let step = first; !step.done; step = await scan.next()) {
          const { ids, vectors } = step.value
          expect(ids.length).toBeLessThanOrEqual(15)
          expect(vectors).toHaveLength(ids.length * DIM)
          ids.forEach((id, i) => {
            expect(seen.has(id)).toBe(false)
            seen.set(id, vectors.slice(i * DIM, (i + 1) * DIM))
          })
        }
        expect([...seen.keys()]).toEqual(items.map(({ id }) => id))
        for (const { id, vectors } of items) {
          const written = vectors.own
          if (written !== 'keep') expect(seen.get(id)).toEqual(written?.[0]?.passages[0]?.vector)
        }
      })

      it('gives an id once for each of its passages', async () => {
        await upsert(item('a', { text: 'abc', textVectors: [vector(1), vector(2), vector(3)] }))
        const batches = await collect(backend.scan('notes', 'text'))
        expect(batches.flatMap(({ ids }) => ids)).toEqual(['a', 'a', 'a'])
        expect(await collect(backend.scan('notes', 'own'))).toEqual([])
        await expect(collect(backend.scan('notes', 'nowhere'))).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
      })
    })

    it('has everything in its indexes when it is settled', async () => {
      await upsert(...randomItems(seededRandom(17), 120))
      await backend.remove('notes', ['item-5'])
      await backend.settled('notes')
      const { items, vectors } = await backend.stats('notes')
      expect(items).toBe(119)
      expect(vectors.own).toEqual({ live: 119, indexed: 119 })
      expect(vectors.text).toEqual({ live: 0, indexed: 0 })
    })

    describe('close', () => {
      it('refuses everything after it, and may be called again', async () => {
        await backend.close()
        await backend.close()
        const closed = { code: 'CLOSED' }
        await expect(backend.listCollections()).rejects.toMatchObject(closed)
        await expect(backend.getCollection('notes')).rejects.toMatchObject(closed)
        await expect(backend.createCollection({ ...RECORD, name: 'x' })).rejects.toMatchObject(closed)
        await expect(backend.deleteCollection('notes')).rejects.toMatchObject(closed)
        await expect(backend.stats('notes')).rejects.toMatchObject(closed)
        await expect(upsert(item('a', {}))).rejects.toMatchObject(closed)
        await expect(backend.remove('notes', ['a'])).rejects.toMatchObject(closed)
        await expect(backend.stamps('notes', ['a'])).rejects.toMatchObject(closed)
        await expect(backend.get('notes', ['a'], {})).rejects.toMatchObject(closed)
        await expect(backend.list('notes', { limit: 1, fields: {} })).rejects.toMatchObject(closed)
        await expect(backend.image('notes', 'a')).rejects.toMatchObject(closed)
        await expect(backend.nearest('notes', ownQuery({ vectors: [vector(1)] }))).rejects.toMatchObject(
          closed,
        )
        await expect(collect(backend.scan('notes', 'own'))).rejects.toMatchObject(closed)
        await expect(backend.settled('notes')).rejects.toMatchObject(closed)
      })

      it('waits for writes that began', async () => {
        const writing = upsert(...randomItems(seededRandom(19), 50))
        await backend.close()
        await writing
      })
    })

    it('has everything again after it was closed and opened, where it is durable', async () => {
      if (!opened.reopen) return
      const image = PICTURE
      const items = randomItems(seededRandom(23), 60)
      await upsert(...items)
      await upsert(
        item('a', { text: 'hello', textVectors: [vector(1), vector(2)], metadata: { x: [1] }, image }),
      )
      await backend.remove('notes', ['item-3'])
      const before = await backend.stamps('notes', ['a', 'item-4'])
      backend = await opened.reopen()
      expect(await backend.getCollection('notes')).toEqual(RECORD)
      expect(await backend.stamps('notes', ['a', 'item-4'])).toEqual(before)
      const all = { metadata: true, text: true, vectors: true }
      const stored = (await backend.get('notes', ['a'], all)).get('a')
      expect(stored).toMatchObject({ text: 'hello', metadata: { x: [1] }, hasImage: true })
      expect(stored?.vectors).toEqual({ text: [vector(1), vector(2)] })
      expect(Array.from((await backend.image('notes', 'a'))?.bytes ?? [])).toEqual(Array.from(PNG))
      const live = items.filter(({ id }) => id !== 'item-3')
      const query = ownQuery({ vectors: [vector(5)], k: 20 })
      expectHits((await backend.nearest('notes', { ...query, exact: true })).hits, bruteForce(live, query))
      expect((await allPages(backend, 1_000)).flat()).toEqual([...live.map(({ id }) => id), 'a'])
      await upsert(item('item-4', { own: vector(9) }))
      const after = (await backend.stamps('notes', ['item-4'])).get('item-4')
      expect(after?.revision).toBeGreaterThan(before.get('item-4')?.revision ?? Number.POSITIVE_INFINITY)
    })
  })
}

interface ItemParts {
  text?: string
  metadata?: ItemWrite['metadata']
  image?: ImageWrite
  own?: Float32Array
  /** Passages of one character each. */
  textVectors?: Float32Array[]
}

function item(id: string, { text, metadata = {}, image, own, textVectors }: ItemParts): ItemWrite {
  const vectors: ItemWrite['vectors'] = {}
  if (own) vectors.own = [{ encoder: null, passages: [{ vector: own, start: 0, end: text?.length ?? 0 }] }]
  if (textVectors) {
    const passages = textVectors.map((v, i) => ({ vector: v, start: i, end: i + 1 }))
    vectors.text = [{ encoder: TEXT.encoder, passages }]
  }
  return {
    id,
    text: text ?? null,
    metadata,
    image: image ?? null,
    fingerprint: `print-${id}`,
    textHash: text === undefined ? null : `hash-${text}`,
    vectors,
  }
}

const textSpace = { space: 'text', encoder: TEXT.encoder, metric: 'cosine' } as const

function ownQuery(query: Partial<NearestQuery> & { vectors: Float32Array[] }): NearestQuery {
  return { space: 'own', encoder: null, metric: 'euclidean', k: 10, ...query }
}

function vector(seed: number): Float32Array {
  return randomVector(seededRandom(seed))
}

function randomVector(random: Random): Float32Array {
  return Float32Array.from({ length: DIM }, () => random.normal())
}

function axis(i: number): Float32Array {
  const unit = new Float32Array(DIM)
  unit[i] = 1
  return unit
}

/** `v` moved along the last axis. */
function nudged(v: Float32Array, by: number): Float32Array {
  const moved = v.slice()
  moved[DIM - 1] = (moved[DIM - 1] ?? 0) + by
  return moved
}

function randomItems(random: Random, count: number): ItemWrite[] {
  return Array.from({ length: count }, (_, i) => item(`item-${i}`, { own: randomVector(random) }))
}

function bruteForce(items: readonly ItemWrite[], query: NearestQuery): { id: string; distance: number }[] {
  const hits = items.map(({ id, vectors }) => {
    const given = vectors[query.space]
    const passages = given === undefined || given === 'keep' ? [] : (given[0]?.passages ?? [])
    const distances = passages.flatMap((p) => query.vectors.map((q) => distance(query.metric, q, p.vector)))
    return { id, distance: Math.min(...distances) }
  })
  return hits.sort((a, b) => a.distance - b.distance).slice(0, query.k)
}

function expectHits(
  hits: readonly { id: string; distance: number }[],
  expected: readonly { id: string; distance: number }[],
): void {
  expect(hits.map((hit) => hit.id)).toEqual(expected.map((hit) => hit.id))
  hits.forEach((hit, i) => {
    expect(hit.distance).toBeCloseTo(expected[i]?.distance ?? Number.NaN, 4)
  })
}

async function allPages(backend: Backend, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const page = await backend.list('notes', { limit, cursor, fields: {} })
    pages.push(page.items.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  return pages
}

async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of iterable) all.push(value)
  return all
}
