import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, Judgement } from '#src/core/backend.js'
import type { Filter } from '#src/core/filter.js'
import { vectorCollection, vectorItem } from '../support/backend-items.js'
import { imageItem, introduce, toyEncoder, toyPicture } from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

const COUNT = 25
const THRESHOLD = 0.1

/** What every `Backend` has to do with detections: what judges items, what it said of them, and what people said. */
export function backendDetectionsContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, detections: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection(vectorCollection('things', 2))
      await add(...Array.from({ length: COUNT }, (_, i) => i))
    })
    afterEach(() => opened.cleanup())

    const item = (i: number, x = i) => vectorItem(`i${i}`, Float32Array.of(x + 1, 1))
    const add = (...numbers: number[]) =>
      backend.upsert(
        'things',
        numbers.map((i) => item(i)),
      )
    const fresh = (note = '') => ({
      settings: { threshold: THRESHOLD, note },
      report: { items: COUNT },
      files: { forest: Uint8Array.of(1, 2, 3), none: new Uint8Array() },
    })
    const stage = (note?: string) => backend.stageDetection('things', 'v', 1, fresh(note))
    const unjudged = (version: number, limit = 10) => backend.unjudged('things', 'v', version, { limit })
    /** Larger is stranger: item 0 has the p-value 1, item 24 the least. */
    const judgementsOf = (vectors: Float32Array[]): Judgement[] => {
      const score = vectors[0]?.[0] ?? 0
      const pValue = 1 / score
      return [
        { detector: 'verdict', score, pValue, flagged: pValue <= THRESHOLD },
        { detector: 'forest', score: -score, pValue: 0.5, flagged: false },
      ]
    }
    const judgeAll = async (version: number, limit = 10): Promise<string[]> => {
      const seen: string[] = []
      for (;;) {
        const items = await unjudged(version, limit)
        if (items.length === 0) return seen
        seen.push(...items.map(({ id }) => id))
        const rows = items.map(({ id, mark, vectors }) => ({ id, mark, judgements: judgementsOf(vectors) }))
        await backend.judge('things', 'v', version, rows)
      }
    }
    const introduceDetection = async (note?: string): Promise<number> => {
      const version = await stage(note)
      await judgeAll(version)
      expect(await backend.promoteDetection('things', 'v', version)).toBe(true)
      return version
    }
    const strangest = async (options: { flagged?: boolean; where?: Filter; detector?: string } = {}) => {
      const query = { detector: 'verdict', limit: 100, ...options }
      return (await backend.strangest('things', 'v', query)).map(({ id }) => id)
    }
    const counts = () => backend.countAnomalies('things', 'v', 'verdict')
    const states = async () =>
      (await backend.detections('things', 'v')).map(({ version, state }) => [version, state])
    const flagged: Filter = {
      ...{ op: 'eq', value: true },
      field: { kind: 'anomaly', part: 'flagged', space: 'v', detector: 'verdict' },
    }

    it('gives every item to be judged once, and counts only when all are judged', async () => {
      const version = await stage()
      expect(await backend.promoteDetection('things', 'v', version)).toBe(false)
      expect((await backend.getCollection('things'))?.spaces[0]).not.toHaveProperty('detection')
      const seen = await judgeAll(version, 7)
      expect(seen.toSorted()).toEqual(Array.from({ length: COUNT }, (_, i) => `i${i}`).toSorted())
      expect(await strangest()).toEqual([])
      expect(await backend.promoteDetection('things', 'v', version)).toBe(true)
      expect((await backend.getCollection('things'))?.spaces[0]?.detection).toMatchObject({
        ...{ version, settings: { threshold: THRESHOLD }, report: { items: COUNT } },
      })
      expect((await strangest()).slice(0, 3)).toEqual(['i24', 'i23', 'i22'])
      expect(await counts()).toEqual({ scored: COUNT, flagged: 16 })
      expect(await strangest({ flagged: true })).toHaveLength(16)
      expect((await strangest({ detector: 'forest' }))[0]).toBe('i0')
      expect(await backend.detectionFiles('things', 'v', version)).toEqual(fresh().files)
      const pValues = await backend.pValues('things', 'v')
      expect(pValues).toHaveLength(COUNT)
      expect(pValues[0]).toBeCloseTo(1 / 25)
    })

    it('shows an item with its verdict first, and finds items by it', async () => {
      const version = await introduceDetection()
      const stored = (await backend.get('things', ['i24'], { anomaly: true })).get('i24')
      expect(stored?.anomaly?.v?.map(({ detector }) => detector)).toEqual(['verdict', 'forest'])
      expect(stored?.anomaly?.v?.[0]).toMatchObject({
        ...{ version: 1, detection: version, score: 25, pValue: 1 / 25, flagged: true, error: null },
      })
      expect(stored?.anomaly?.v?.[0]?.percentile).toBeCloseTo(96)
      expect(await backend.count('things', flagged)).toBe(16)
      const surely: Filter = {
        ...{ op: 'lt', value: 0.0405 },
        field: { kind: 'anomaly', part: 'pValue', space: 'v', detector: 'verdict' },
      }
      expect(await strangest({ where: surely })).toEqual(['i24'])
      expect((await backend.list('things', { limit: 10, fields: {}, where: surely })).items[0]?.id).toBe(
        'i24',
      )
    })

    it('gives what is written later, and forgets what was said of vectors that are gone', async () => {
      const version = await introduceDetection()
      expect(await backend.count('things', flagged)).toBe(16)
      await backend.upsert('things', [item(0, 100), item(99, 200)])
      await backend.remove('things', ['i24'])
      expect(await counts()).toEqual({ scored: COUNT - 2, flagged: 15 })
      expect(await backend.count('things', flagged)).toBe(15)
      expect((await unjudged(version)).map(({ id }) => id).toSorted()).toEqual(['i0', 'i99'])
      await judgeAll(version)
      expect(await counts()).toEqual({ scored: COUNT, flagged: 17 })
      expect(await backend.count('things', flagged)).toBe(17)
      expect((await strangest()).slice(0, 2)).toEqual(['i99', 'i0'])
    })

    it('passes over items that were written while they were judged', async () => {
      const version = await stage()
      const items = await unjudged(version, 100)
      await backend.upsert('things', [item(3, 50)])
      await backend.remove('things', ['i4'])
      const rows = items.map(({ id, mark, vectors }) => ({ id, mark, judgements: judgementsOf(vectors) }))
      await backend.judge('things', 'v', version, rows)
      expect(await backend.promoteDetection('things', 'v', version)).toBe(false)
      expect((await unjudged(version)).map(({ id }) => id)).toEqual(['i3'])
      await judgeAll(version)
      expect(await backend.promoteDetection('things', 'v', version)).toBe(true)
      expect((await strangest())[0]).toBe('i3')
      expect(await counts()).toMatchObject({ scored: COUNT - 1 })
    })

    it('puts the next version in the place of the one before, which is kept without its judgements', async () => {
      const first = await introduceDetection('first')
      const dropped = await stage('never')
      await backend.dropDetection('things', 'v', dropped)
      const second = await introduceDetection('second')
      expect(second).toBeGreaterThan(dropped)
      expect(await states()).toEqual([
        [second, 'current'],
        [first, 'retired'],
      ])
      expect(await counts()).toEqual({ scored: COUNT, flagged: 16 })
      expect(await strangest()).toHaveLength(COUNT)
      await backend.dropDetection('things', 'v', second)
      expect(await states()).toEqual([
        [second, 'current'],
        [first, 'retired'],
      ])
      await expect(backend.detectionFiles('things', 'v', 77)).rejects.toMatchObject({
        code: 'DETECTION_NOT_FOUND',
      })
    })

    it('lets people decide what is flagged, until the item is another', async () => {
      const version = await introduceDetection()
      expect(
        await backend.correct('things', [
          { id: 'i24', verdict: 'fine' },
          { id: 'i1', verdict: 'strange' },
          { id: 'gone', verdict: 'fine' },
        ]),
      ).toEqual(['i24', 'i1'])
      expect(await counts()).toEqual({ scored: COUNT, flagged: 16 })
      expect(await strangest({ flagged: true })).not.toContain('i24')
      expect(await backend.count('things', flagged)).toBe(16)
      const shown = await backend.get('things', ['i24', 'i1'], { anomaly: true })
      expect(shown.get('i24')).toMatchObject({ correction: 'fine', anomaly: { v: [{ flagged: false }, {}] } })
      expect(shown.get('i1')).toMatchObject({ correction: 'strange' })
      expect((await backend.corrections('things')).map(({ id, verdict }) => [id, verdict])).toContainEqual([
        ...['i24', 'fine'],
      ])

      // the same content again, other metadata: what was said stays
      await backend.upsert('things', [{ ...item(24), metadata: { seen: true }, fingerprint: 'again' }])
      await judgeAll(version)
      expect(await strangest({ flagged: true })).not.toContain('i24')
      // another content
      await backend.upsert('things', [item(24, 70)])
      await judgeAll(version)
      expect((await strangest({ flagged: true }))[0]).toBe('i24')
      expect((await backend.corrections('things')).map(({ id }) => id)).toEqual(['i1'])

      await backend.correct('things', [{ id: 'i1', verdict: null }])
      expect(await strangest({ flagged: true })).not.toContain('i1')
      expect(await backend.corrections('things')).toEqual([])
      expect(await counts()).toEqual({ scored: COUNT, flagged: 16 })
    })

    it('lists and counts what is flagged up to another p-value, and by what people said, in any order', async () => {
      await introduceDetection()
      await backend.correct('things', [
        { id: 'i24', verdict: 'fine' },
        { id: 'i0', verdict: 'strange' },
      ])
      const query = { detector: 'verdict', limit: 100, flagged: true, upTo: 1 / 23 }
      const byVerdict = (await backend.strangest('things', 'v', query)).map(({ id }) => id)
      expect(byVerdict).toEqual(['i23', 'i22', 'i0'])
      expect(await backend.countAnomalies('things', 'v', 'verdict', 1 / 23)).toEqual({
        scored: COUNT,
        flagged: 3,
      })
      const byForest = await backend.strangest('things', 'v', { ...query, detector: 'forest' })
      expect(byForest.map(({ id }) => id)).toEqual(['i0', 'i22', 'i23'])
      // the verdict's flag, not the detector's own
      expect(await strangest({ detector: 'forest', flagged: true })).toHaveLength(16)
      expect(await strangest({ flagged: false })).toContain('i24')
    })

    it('belongs to the encoder version that it was fitted to', async () => {
      const [one, two] = [toyEncoder('toy-1', 4), toyEncoder('toy-2', 6)]
      await backend.createCollection({ name: 'photos', spaces: [] })
      await backend.upsert('photos', [imageItem('a', toyPicture(1)), imageItem('b', toyPicture(2))])
      const before = await introduce(backend, 'photos', 'look', one)
      const version = await backend.stageDetection('photos', 'look', before, fresh())
      const items = await backend.unjudged('photos', 'look', version, { limit: 10 })
      const rows = items.map(({ id, mark, vectors }) => ({ id, mark, judgements: judgementsOf(vectors) }))
      await backend.judge('photos', 'look', version, rows)
      expect(await backend.promoteDetection('photos', 'look', version)).toBe(true)
      await introduce(backend, 'photos', 'look', two)
      expect(await backend.detections('photos', 'look')).toEqual([])
      expect(await backend.strangest('photos', 'look', { detector: 'verdict', limit: 5 })).toEqual([])
      await expect(backend.stageDetection('photos', 'look', before, fresh())).rejects.toMatchObject({
        code: 'ENCODER_MISMATCH',
      })
      expect(await backend.promoteEncoder('photos', 'look', before)).toBe(true)
      expect(await backend.strangest('photos', 'look', { detector: 'verdict', limit: 5 })).toHaveLength(2)
    })

    it('refuses what is not there', async () => {
      await expect(backend.unjudged('things', 'v', 9, { limit: 1 })).rejects.toMatchObject({
        code: 'DETECTION_NOT_FOUND',
      })
      await expect(backend.detections('things', 'no')).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
      await expect(backend.correct('no', [])).rejects.toMatchObject({ code: 'COLLECTION_NOT_FOUND' })
      expect(await backend.pValues('things', 'v')).toHaveLength(0)
    })

    it('has all of it still when it is opened again, but for what was being filled', async () => {
      if (!opened.reopen) return
      const version = await introduceDetection()
      await backend.correct('things', [{ id: 'i24', verdict: 'fine' }])
      await stage('half')
      backend = await opened.reopen()
      expect(await states()).toEqual([[version, 'current']])
      expect(await counts()).toEqual({ scored: COUNT, flagged: 15 })
      expect((await backend.corrections('things')).map(({ id }) => id)).toEqual(['i24'])
      await add(60)
      expect((await unjudged(version)).map(({ id }) => id)).toEqual(['i60'])
    })
  })
}
