import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AnomalyScore, Backend, ItemWrite } from '#src/core/backend.js'
import type { Job } from '#src/core/jobs.js'
import { fillOnce, imageItem, introduce, toyEncoder, toyPicture } from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

const FIRST = toyEncoder('toy-1', 4, { scores: true })
const SECOND = toyEncoder('toy-2', 5, { scores: true })
const PLAIN = toyEncoder('toy-3', 3)
/** Scores of the items `i0`, `i1`, …. */
const SCORES = [10, 250, 30, 200, 199, 30, 255]

/** What every `Backend` has to do with anomaly scores and with jobs. */
export function backendRecordsContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, scores: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({ name: 'photos', spaces: [] })
      await upsert(...SCORES.map((score, i) => imageItem(`i${i}`, toyPicture(score, i))))
      await introduce(backend, 'photos', 'look', FIRST)
    })
    afterEach(() => opened.cleanup())

    const upsert = (...writes: ItemWrite[]): Promise<void> => backend.upsert('photos', writes)
    const strangest = async (options: { limit?: number; flagged?: boolean } = {}): Promise<string[]> => {
      const query = { detector: 'reconstruction', limit: 100, ...options }
      return (await backend.strangest('photos', 'look', query)).map(({ id }) => id)
    }
    const count = () => backend.countAnomalies('photos', 'look', 'reconstruction')
    const anomalyOf = async (id: string) =>
      (await backend.get('photos', [id], { anomaly: true })).get(id)?.anomaly

    it('gives the strangest first, those of equal scores in the order of first writing', async () => {
      expect(await strangest()).toEqual(['i6', 'i1', 'i3', 'i4', 'i2', 'i5', 'i0'])
      expect(await strangest({ limit: 2 })).toEqual(['i6', 'i1'])
      expect(await strangest({ flagged: true })).toEqual(['i6', 'i1', 'i3'])
      expect(await strangest({ flagged: true, limit: 1 })).toEqual(['i6'])
      expect(await strangest({ flagged: false })).toEqual(['i4', 'i2', 'i5', 'i0'])
      expect(await count()).toEqual({ scored: 7, flagged: 3 })
      const [first] = await backend.strangest('photos', 'look', { detector: 'reconstruction', limit: 1 })
      expect(first).toEqual({
        ...{ id: 'i6', version: 1, detector: 'reconstruction', score: 255, error: 0.255 },
        ...{ percentile: 255 / 2.56, flagged: true },
      })
    })

    it('gives an item’s scores where they are asked for, by space', async () => {
      const score: AnomalyScore = {
        ...{ detector: 'reconstruction', score: 10, error: 0.01, percentile: 10 / 2.56, flagged: false },
      }
      expect(await anomalyOf('i0')).toEqual({ look: [{ ...score, version: 1 }] })
      await introduce(backend, 'photos', 'plain', PLAIN)
      expect(await anomalyOf('i0')).toEqual({ look: [{ ...score, version: 1 }] })
      expect((await backend.get('photos', ['i0'], {})).get('i0')).not.toHaveProperty('anomaly')
      await upsert({ ...imageItem('bare', toyPicture(0)), image: null })
      expect(await anomalyOf('bare')).toEqual({})
      const { items } = await backend.list('photos', { limit: 1, fields: { anomaly: true } })
      expect(items[0]?.anomaly?.look?.[0]).toMatchObject(score)
    })

    it('has none of a detector or space that gave none', async () => {
      await introduce(backend, 'photos', 'plain', PLAIN)
      expect(await backend.strangest('photos', 'plain', { detector: 'reconstruction', limit: 9 })).toEqual([])
      expect(await backend.strangest('photos', 'look', { detector: 'other', limit: 9 })).toEqual([])
      expect(await backend.countAnomalies('photos', 'look', 'other')).toEqual({ scored: 0, flagged: 0 })
    })

    it('replaces, keeps and removes scores with what they are of', async () => {
      const ifRevision = (await backend.stamps('photos', ['i1'])).get('i1')?.revision
      await upsert(
        imageItem('i0', toyPicture(240, 9), 'look', [FIRST]),
        { ...imageItem('i1', toyPicture(0)), image: 'keep', ifRevision, vectors: { look: 'keep' } },
        imageItem('i6', toyPicture(255, 6)),
        imageItem('new', toyPicture(220, 8), 'look', [FIRST]),
      )
      await backend.remove('photos', ['i3'])
      expect(await strangest()).toEqual(['i1', 'i0', 'new', 'i4', 'i2', 'i5'])
      expect(await count()).toEqual({ scored: 6, flagged: 3 })
      expect(await anomalyOf('i6')).toEqual({})
      const unscored = FIRST.encode(toyPicture(0))
      delete unscored.anomalies
      await upsert({ ...imageItem('new', toyPicture(220, 8)), vectors: { look: [unscored] } })
      expect(await count()).toEqual({ scored: 5, flagged: 2 })
    })

    it('keeps the versions’ scores apart and swaps them with the version', async () => {
      await backend.stageEncoder('photos', 'look', SECOND.version)
      const encoded = SECOND.encode(toyPicture(1))
      const stamps = await backend.stamps('photos', ['i0', 'i1'])
      const [usual] = encoded.anomalies ?? []
      const odd = { ...encoded, anomalies: [{ ...usual, score: 0.5, flagged: true } as AnomalyScore] }
      const rows = [...stamps].map(([id, { revision }]) => ({ id, revision, encoded: odd }))
      expect(await backend.fill('photos', 'look', 2, rows)).toBe(2)
      expect(await count()).toEqual({ scored: 7, flagged: 3 })
      expect((await anomalyOf('i0'))?.look?.[0]).toMatchObject({ version: 1, score: 10 })
      await upsert(imageItem('i2', toyPicture(77, 2), 'look', [FIRST, SECOND]))
      await fillOnce(backend, { collection: 'photos', space: 'look', version: 2, encoder: SECOND })
      expect(await backend.promoteEncoder('photos', 'look', 2)).toBe(true)
      expect(await strangest()).toEqual(['i6', 'i3', 'i4', 'i2', 'i5', 'i0', 'i1'])
      expect(await count()).toEqual({ scored: 7, flagged: 4 })
      expect((await anomalyOf('i0'))?.look?.[0]).toMatchObject({ version: 2, score: 0.5, flagged: true })
      expect(await backend.promoteEncoder('photos', 'look', 1)).toBe(true)
      expect((await anomalyOf('i2'))?.look?.[0]).toMatchObject({ version: 1, score: 77 })
      expect(await count()).toEqual({ scored: 7, flagged: 3 })
    })

    it('refuses spaces and collections that are unknown', async () => {
      const query = { detector: 'reconstruction', limit: 1 }
      await expect(backend.strangest('x', 'look', query)).rejects.toMatchObject({
        code: 'COLLECTION_NOT_FOUND',
      })
      await expect(backend.strangest('photos', 'x', query)).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
      await backend.stageEncoder('photos', 'staged', SECOND.version)
      await expect(backend.countAnomalies('photos', 'staged', 'reconstruction')).rejects.toMatchObject({
        code: 'SPACE_NOT_FOUND',
      })
      await backend.close()
      await expect(backend.strangest('photos', 'look', query)).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(count()).rejects.toMatchObject({ code: 'CLOSED' })
    })

    it('has them again after it was closed and opened, where it is durable', async () => {
      if (!opened.reopen) return
      backend = await opened.reopen()
      expect(await strangest({ limit: 3 })).toEqual(['i6', 'i1', 'i3'])
      await backend.remove('photos', ['i6'])
      expect(await count()).toEqual({ scored: 6, flagged: 2 })
    })
  })

  describe(`backend contract, jobs: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
    })
    afterEach(() => opened.cleanup())

    const job = (id: string, state: Job['state'] = 'running'): Job => ({
      ...{ id, kind: 'train', collection: 'photos', state, createdAt: new Date(0).toISOString() },
      progress: { done: 1, total: 2, unit: 'images', message: 'encoding' },
    })

    it('are given back as they were last recorded, newest first', async () => {
      expect(await backend.recordedJobs()).toEqual([])
      await backend.recordJob(job('a'))
      await backend.recordJob(job('b'))
      const failed: Job = {
        ...job('a', 'failed'),
        error: { code: 'CANCELLED', message: 'no', details: { x: 1 } },
      }
      await backend.recordJob(failed)
      expect(await backend.recordedJobs()).toEqual([job('b'), failed])
      if (opened.reopen) expect(await (await opened.reopen()).recordedJobs()).toEqual([job('b'), failed])
    })

    it('are the latest hundred', async () => {
      for (let i = 0; i < 105; i++) {
        await backend.recordJob(job(`j${i}`))
        await backend.recordJob(job(`j${i}`, 'done'))
      }
      const kept = await backend.recordedJobs()
      expect(kept.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => `j${104 - i}`))
      expect(kept.every(({ state }) => state === 'done')).toBe(true)
    })

    it('are refused after it was closed', async () => {
      await backend.close()
      await expect(backend.recordJob(job('a'))).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(backend.recordedJobs()).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}
