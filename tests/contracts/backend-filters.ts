import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, ItemWrite, NearestQuery } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import type { Metadata } from '#src/core/types.js'
import { matcher } from '#src/query/matches.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { parseWhere } from '#src/query/parse-where.js'
import { vectorCollection, vectorItem } from '../support/backend-items.js'
import { metadatas, wheres } from '../support/filters.js'
import { imageItem, introduce, toyEncoder, toyPicture } from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

const DIM = 4

/** What every `Backend` has to do with filters. */
export function backendFiltersContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, filters: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend
    const random = seededRandom(3)

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({
        ...vectorCollection('notes', DIM),
        indexed: ['a', 'b.c', 'year', 'tags'],
      })
    })
    afterEach(() => opened.cleanup())

    const item = (id: string, metadata: Metadata): ItemWrite => ({
      ...vectorItem(
        id,
        Float32Array.from({ length: DIM }, () => random.normal()),
      ),
      ...{ metadata, text: 'green tea', textHash: 'green tea' },
    })
    const query = (where: unknown, options: Partial<NearestQuery> = {}): NearestQuery => ({
      ...{ space: 'v', encoder: null, vectors: [Float32Array.of(1, 0.1, 0, 0)], metric: 'cosine', k: 1_000 },
      ...{ where: parseWhere(where), ...options },
    })
    const nearest = async (where: unknown, options: Partial<NearestQuery> = {}): Promise<string[]> =>
      (await backend.nearest('notes', query(where, options))).hits.map(({ id }) => id)
    const { query: words } = parseKeywords('tea')
    const keyword = async (where: unknown): Promise<string[]> => {
      if (!words) throw new Error('there is a word')
      const hits = await backend.keyword('notes', { query: words, k: 1_000, where: parseWhere(where) })
      return hits.map(({ id }) => id)
    }
    const listed = async (where: unknown, limit = 1_000): Promise<string[]> => {
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = await backend.list('notes', { limit, cursor, fields: {}, where: parseWhere(where) })
        ids.push(...page.items.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor !== undefined)
      return ids
    }

    it('finds what the plain evaluator finds, whether fields are indexed or not', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(metadatas, { minLength: 1, maxLength: 15 }),
          fc.array(wheres, { minLength: 1, maxLength: 8 }),
          async (metadata, asked) => {
            await backend.removeWhere('notes', parseWhere({}))
            const items = metadata.map((one, i) => item(`i${i}`, one))
            await backend.upsert('notes', items)
            for (const where of asked) {
              const holds = matcher(parseWhere(where))
              const expected = items.filter(holds).map(({ id }) => id)
              expect([where, await listed(where)]).toEqual([where, expected])
              expect([where, (await nearest(where)).sort()]).toEqual([where, [...expected].sort()])
              expect([where, await keyword(where)]).toEqual([where, expected])
              expect([where, await backend.count('notes', parseWhere(where))]).toEqual([
                where,
                expected.length,
              ])
            }
          },
        ),
        { numRuns: 30, seed: 11 },
      )
    })

    it('answers with the nearest of those that match, and as many as there are', async () => {
      const items = Array.from({ length: 200 }, (_, i) => item(`i${i}`, { n: i % 10, year: 1990 + (i % 20) }))
      await backend.upsert('notes', items)
      await backend.settled('notes')
      const all = await nearest({}, { exact: true })
      expect(all).toHaveLength(200)
      for (const [where, holds] of [
        [{ n: 3 }, (i: number) => i % 10 === 3],
        [{ year: { $gte: 2000 } }, (i: number) => i % 20 >= 10],
        [{ n: { $lt: 5 }, year: { $ne: 1991 } }, (i: number) => i % 10 < 5 && i % 20 !== 1],
      ] as const) {
        const expected = all.filter((id) => holds(Number(id.slice(1))))
        expect(await nearest(where)).toEqual(expected)
        expect(await nearest(where, { k: 7 })).toEqual(expected.slice(0, 7))
        expect(await nearest(where, { k: 7, exact: true, exclude: expected.slice(0, 2) })).toEqual(
          expected.slice(2, 9),
        )
        const { filtered } = await backend.nearest('notes', query(where, { k: 3 }))
        expect(filtered).toMatchObject({ matches: expected.length, selectivity: expected.length / 200 })
      }
      expect(await nearest({ n: 99 })).toEqual([])
    })

    it('pages through what matches, in the order of first writing', async () => {
      await backend.upsert(
        'notes',
        Array.from({ length: 50 }, (_, i) => item(`i${i}`, { n: i })),
      )
      const where = { n: { $gte: 5, $lt: 40 } }
      const expected = Array.from({ length: 35 }, (_, i) => `i${i + 5}`)
      for (const limit of [1, 7, 35, 100]) expect(await listed(where, limit)).toEqual(expected)
      expect(await nearest(where)).toHaveLength(35)
      for (const limit of [1, 7, 35, 100]) expect(await listed(where, limit)).toEqual(expected)
      const page = { limit: 3, fields: {}, where: parseWhere(where) }
      const { cursor } = await backend.list('notes', page)
      await backend.remove('notes', ['i9'])
      await backend.upsert('notes', [item('i8', { n: 1 }), item('late', { n: 9 }), item('i6', { n: 3 })])
      const ids = (await backend.list('notes', { ...page, cursor })).items.map(({ id }) => id)
      expect(ids).toEqual(['i10', 'i11', 'i12'])
      expect((await listed(where)).at(-1)).toBe('late')
      const refused = { limit: 1, cursor: 'x', fields: {}, where: parseWhere(where) }
      await expect(backend.list('notes', refused)).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    })

    it('removes what matches, and only that', async () => {
      await backend.upsert(
        'notes',
        Array.from({ length: 20 }, (_, i) => item(`i${i}`, { n: i, year: i % 2 })),
      )
      expect(await nearest({ year: 1 })).toHaveLength(10)
      expect(await backend.removeWhere('notes', parseWhere({ year: 1 }))).toBe(10)
      expect(await backend.removeWhere('notes', parseWhere({ year: 1 }))).toBe(0)
      expect(await nearest({ year: 1 })).toEqual([])
      expect(await backend.count('notes')).toBe(10)
      expect(await nearest({ n: { $lt: 4 } })).toHaveLength(2)
      expect((await backend.stats('notes')).items).toBe(10)
    })

    it('counts the most frequent values, an array once for each of its values', async () => {
      await backend.upsert('notes', [
        item('a', { tags: ['x', 'y', 'x'], n: 1, other: { deep: 'p' } }),
        item('b', { tags: ['y'], n: 1, other: [{ deep: 'p' }, { deep: 'q' }] }),
        item('c', { tags: 'y', n: '1', other: { deep: null } }),
        item('d', { n: 2 }),
      ])
      const fields = ['tags', 'n', 'other.deep', 'nowhere']
      const all = await backend.facets('notes', { fields, limit: 10 })
      expect(all).toEqual({
        tags: [
          { value: 'y', count: 3 },
          { value: 'x', count: 1 },
        ],
        n: [
          { value: 1, count: 2 },
          { value: '1', count: 1 },
          { value: 2, count: 1 },
        ],
        'other.deep': [
          { value: 'p', count: 2 },
          { value: 'q', count: 1 },
          { value: null, count: 1 },
        ],
        nowhere: [],
      })
      // with the collection's vectors in memory, too
      await nearest({})
      expect(await backend.facets('notes', { fields, limit: 10 })).toEqual(all)
      const some = await backend.facets('notes', { fields: ['tags'], where: parseWhere({ n: 1 }), limit: 1 })
      expect(some).toEqual({ tags: [{ value: 'y', count: 2 }] })
    })

    it('sees every write that was acknowledged before', async () => {
      await backend.upsert(
        'notes',
        Array.from({ length: 30 }, (_, i) => item(`i${i}`, { n: i, year: 2000 })),
      )
      for (const field of ['year', 'n']) {
        for (let round = 0; round < 12; round++) {
          const where = { [field]: { $gt: 3_000 } }
          await backend.upsert('notes', [item(`i${round}`, { [field]: 4_000 })])
          expect(await nearest(where)).toContain(`i${round}`)
          expect(await nearest({ [field]: 4_000 })).toHaveLength(1)
          await backend.upsert('notes', [
            item(`i${round}`, { [field]: 1 }),
            item(`new ${round}`, { [field]: 5_000 }),
          ])
          expect(await nearest(where)).toEqual([`new ${round}`])
          await backend.remove('notes', [`new ${round}`])
          // takes the slot of the one that was removed
          await backend.upsert('notes', [item(`other ${round}`, { [field]: 2 })])
          expect(await nearest(where)).toEqual([])
        }
      }
    })

    it('answers with what matches while others write', async () => {
      const steady = Array.from({ length: 20 }, (_, i) => item(`steady-${i}`, { year: 2000, n: 2000 }))
      await backend.upsert('notes', steady)
      let ended = false
      const writing = (async () => {
        for (let round = 0; round < 25; round++) {
          const value = round % 2 === 0 ? 2000 : 1
          const moving = Array.from({ length: 10 }, (_, i) => item(`moving-${i}`, { year: value, n: value }))
          await backend.upsert('notes', moving)
          await backend.remove('notes', [`moving-${round % 10}`, `steady-x-${round}`])
          await backend.upsert('notes', [item(`foreign-${round}`, { year: 1, n: 1 })])
        }
      })().finally(() => {
        ended = true
      })
      do {
        for (const where of [{ year: 2000 }, { n: 2000 }]) {
          const ids = await nearest(where)
          expect(ids.filter((id) => id.startsWith('steady')).sort()).toEqual(
            steady.map(({ id }) => id).sort(),
          )
          expect(ids.filter((id) => id.startsWith('foreign'))).toEqual([])
        }
      } while (!ended)
      await writing
    })

    it('keeps which fields are indexed, and takes others', async () => {
      await backend.upsert('notes', [item('a', { z: 1 }), item('b', { z: 2 })])
      expect(await nearest({ z: 1 })).toEqual(['a'])
      await backend.setIndexed('notes', ['z'])
      expect((await backend.getCollection('notes'))?.indexed).toEqual(['z'])
      expect(await nearest({ z: 2 })).toEqual(['b'])
      await backend.setIndexed('notes', [])
      expect(await backend.getCollection('notes')).not.toHaveProperty('indexed')
      expect(await nearest({ z: { $exists: true } })).toHaveLength(2)
      await backend.setIndexed('notes', ['z', 'y'])
      if (opened.reopen) backend = await opened.reopen()
      else return
      expect((await backend.getCollection('notes'))?.indexed).toEqual(['z', 'y'])
      expect(await nearest({ z: 2 })).toEqual(['b'])
    })

    it('looks at how items were judged, by the current encoder version', async () => {
      const first = toyEncoder('toy-1', 4, { scores: true })
      const second = toyEncoder('toy-2', 5, { scores: true })
      await backend.createCollection({ name: 'photos', spaces: [] })
      const scores = [10, 250, 30, 200, 199]
      await backend.upsert(
        'photos',
        scores.map((score, i) => ({ ...imageItem(`i${i}`, toyPicture(score, i)), metadata: { i } })),
      )
      await introduce(backend, 'photos', 'look', first)
      const anomaly = { space: 'look', detector: 'reconstruction' }
      const ids = async (where: unknown): Promise<string[]> => {
        const page = { limit: 100, fields: {}, where: parseWhere(where, { anomaly }) }
        return (await backend.list('photos', page)).items.map(({ id }) => id)
      }
      expect(await ids({ '$anomaly.flagged': true })).toEqual(['i1', 'i3'])
      expect(await ids({ '$anomaly.score': { $lt: 100 }, i: { $gt: 0 } })).toEqual(['i2'])
      expect(await ids({ '$anomaly.percentile': null })).toEqual([])
      const where = parseWhere({ i: { $gte: 2 } })
      const strangest = async (flagged?: boolean): Promise<string[]> => {
        const asked = {
          detector: 'reconstruction',
          limit: 2,
          where,
          ...(flagged === undefined ? {} : { flagged }),
        }
        return (await backend.strangest('photos', 'look', asked)).map(({ id }) => id)
      }
      expect(await strangest()).toEqual(['i3', 'i4'])
      expect(await strangest(false)).toEqual(['i4', 'i2'])
      await introduce(backend, 'photos', 'look', second)
      expect(await ids({ '$anomaly.flagged': true })).toEqual(['i1', 'i3'])
    })

    it('refuses unknown collections, and everything after it was closed', async () => {
      const where = parseWhere({ a: 1 })
      for (const code of ['COLLECTION_NOT_FOUND', 'CLOSED']) {
        if (code === 'CLOSED') await backend.close()
        const refused = { code }
        await expect(backend.count('nowhere', where)).rejects.toMatchObject(refused)
        await expect(backend.removeWhere('nowhere', where)).rejects.toMatchObject(refused)
        await expect(backend.setIndexed('nowhere', [])).rejects.toMatchObject(refused)
        await expect(backend.facets('nowhere', { fields: ['a'], where, limit: 1 })).rejects.toMatchObject(
          refused,
        )
        await expect(backend.list('nowhere', { limit: 1, fields: {}, where })).rejects.toMatchObject(refused)
      }
    })
  })
}
