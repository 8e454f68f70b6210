import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend } from '#src/core/backend.js'
import { parseWhere } from '#src/query/parse-where.js'
import { imageWrite } from '../support/backend-items.js'
import { imageItem, toyPicture } from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

/** What every `Backend` has to do with what is derived from items: fingerprints and reports. */
export function backendDerivedContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, derived: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({ name: 'things', spaces: [] })
    })
    afterEach(() => opened.cleanup())

    const picture = (id: string, first: number) => imageItem(id, toyPicture(first))
    const words = (id: string, text: string) => ({
      ...imageItem(id, toyPicture(0)),
      ...{ image: null, text, textHash: `hash of ${text}` },
    })
    const print = (id: string, ...bytes: number[]) => ({
      id,
      source: `of ${id}`,
      bytes: Uint8Array.from(bytes),
    })
    const contents = async (kinds: string[] = [], limit = 100) => {
      const all = []
      let cursor: string | undefined
      do {
        const page = await backend.contents('things', { limit, kinds, cursor })
        expect(page.items.length).toBeLessThanOrEqual(limit)
        all.push(...page.items)
        cursor = page.cursor
      } while (cursor !== undefined)
      return all
    }

    it('tells what items hold, in the order of first writing, page by page', async () => {
      const image = imageWrite({ rendition: toyPicture(1) })
      await backend.upsert('things', [picture('b', 1), words('a', 'ä text'), words('c', 'x')])
      await backend.upsert('things', [words('b', 'new')])
      await backend.upsert('things', [{ ...words('d', 'both'), image }])
      expect(await contents([], 2)).toEqual([
        { id: 'b', textHash: 'hash of new', textBytes: 3, imageHash: null, pixels: 0, fingerprints: {} },
        { id: 'a', textHash: 'hash of ä text', textBytes: 7, imageHash: null, pixels: 0, fingerprints: {} },
        { id: 'c', textHash: 'hash of x', textBytes: 1, imageHash: null, pixels: 0, fingerprints: {} },
        {
          ...{ id: 'd', textHash: 'hash of both', textBytes: 4, imageHash: image.hash, pixels: 640 * 480 },
          fingerprints: {},
        },
      ])
    })

    it('tells only of items that match, where that is asked', async () => {
      const of = (id: string, n: number) => ({ ...words(id, `text ${id}`), metadata: { n } })
      await backend.upsert('things', ['a', 'b', 'c', 'd', 'e', 'f'].map(of))
      await backend.keepFingerprints('things', 'words', [print('c', 3)])
      const query = { limit: 2, kinds: ['words'], where: parseWhere({ n: { $in: [0, 2, 4, 5] } }) }
      const first = await backend.contents('things', query)
      expect(first.items.map(({ id }) => id)).toEqual(['a', 'c'])
      expect(first.items[1]?.fingerprints).toEqual({ words: { source: 'of c', bytes: Uint8Array.of(3) } })
      const second = await backend.contents('things', { ...query, cursor: first.cursor })
      expect(second.items.map(({ id }) => id)).toEqual(['e', 'f'])
      expect(second.cursor).toBeUndefined()
    })

    it('keeps fingerprints by kind, gives those that are asked for, and replaces them', async () => {
      await backend.upsert('things', [picture('a', 1), picture('b', 2)])
      await backend.keepFingerprints('things', 'look', [print('a', 1, 2), print('b'), print('gone', 9)])
      await backend.keepFingerprints('things', 'words', [print('a', 3)])
      await backend.keepFingerprints('things', 'look', [{ ...print('a', 7), source: 'newer' }])
      const [a, b] = await contents(['look', 'nothing'])
      expect(a?.fingerprints).toEqual({ look: { source: 'newer', bytes: Uint8Array.of(7) } })
      expect(b?.fingerprints).toEqual({ look: { source: 'of b', bytes: new Uint8Array() } })
      expect(Object.keys((await contents(['look', 'words']))[0]?.fingerprints ?? {})).toEqual([
        'look',
        'words',
      ])
    })

    it('keeps fingerprints while items change, and forgets them when items or collections go', async () => {
      await backend.upsert('things', [picture('a', 1)])
      await backend.keepFingerprints('things', 'look', [print('a', 1)])
      await backend.upsert('things', [picture('a', 2)])
      expect((await contents(['look']))[0]?.fingerprints).toHaveProperty('look')
      await backend.remove('things', ['a'])
      await backend.upsert('things', [picture('a', 1)])
      expect((await contents(['look']))[0]?.fingerprints).toEqual({})
      await backend.keepFingerprints('things', 'look', [print('a', 1)])
      await backend.keepReport('things', 'found', { head: {}, rows: ['1'] })
      await backend.deleteCollection('things')
      await backend.createCollection({ name: 'things', spaces: [] })
      await backend.upsert('things', [picture('a', 1)])
      expect((await contents(['look']))[0]?.fingerprints).toEqual({})
      expect(await backend.report('things', 'found', { limit: 1 })).toBeUndefined()
    })

    it('keeps a report, gives its rows page by page, and puts the next one in its place', async () => {
      expect(await backend.report('things', 'found', { limit: 10 })).toBeUndefined()
      const rows = Array.from({ length: 2_345 }, (_, i) => `row ${i}`)
      await backend.keepReport('things', 'found', { head: { of: 'first' }, rows })
      await backend.keepReport('things', 'other', { head: { of: 'another' }, rows: [] })
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await backend.report('things', 'found', { limit: 1_000, cursor })
        expect(page?.head).toEqual({ of: 'first' })
        seen.push(...(page?.rows ?? []))
        cursor = page?.cursor
      } while (cursor !== undefined)
      expect(seen).toEqual(rows)
      const first = await backend.report('things', 'found', { limit: 1 })
      await backend.keepReport('things', 'found', { head: { of: 'second' }, rows: ['x'] })
      expect(await backend.report('things', 'found', { limit: 10 })).toEqual({
        head: { of: 'second' },
        rows: ['x'],
      })
      expect(await backend.report('things', 'other', { limit: 10 })).toEqual({
        head: { of: 'another' },
        rows: [],
      })
      const refused = { code: 'INVALID_REQUEST' }
      const old = { limit: 1, cursor: first?.cursor }
      await expect(backend.report('things', 'found', old)).rejects.toMatchObject(refused)
      await expect(backend.report('things', 'found', { limit: 1, cursor: 'x' })).rejects.toMatchObject(
        refused,
      )
    })

    it('refuses a collection that is not there', async () => {
      const refused = { code: 'COLLECTION_NOT_FOUND' }
      await expect(backend.contents('no', { limit: 1, kinds: [] })).rejects.toMatchObject(refused)
      await expect(backend.keepFingerprints('no', 'look', [])).rejects.toMatchObject(refused)
      await expect(backend.keepReport('no', 'found', { head: {}, rows: [] })).rejects.toMatchObject(refused)
      await expect(backend.report('no', 'found', { limit: 1 })).rejects.toMatchObject(refused)
    })

    it('has all of it still when it is opened again', async () => {
      if (!opened.reopen) return
      await backend.upsert('things', [picture('a', 1)])
      await backend.keepFingerprints('things', 'look', [print('a', 1)])
      await backend.keepReport('things', 'found', { head: { n: 1 }, rows: ['a', 'b'] })
      backend = await opened.reopen()
      expect((await contents(['look']))[0]?.fingerprints).toHaveProperty('look')
      expect((await backend.report('things', 'found', { limit: 5 }))?.rows).toEqual(['a', 'b'])
    })
  })
}
