import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, ItemWrite, NearestQuery, SpaceRecord } from '#src/core/backend.js'
import {
  fillOnce,
  imageItem,
  introduce,
  type ToyEncoder,
  toyEncoder,
  toyPicture,
} from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

const [FIRST, SECOND, THIRD] = [toyEncoder('toy-1', 4), toyEncoder('toy-2', 6), toyEncoder('toy-3', 4)]
const TEXT: SpaceRecord = {
  ...{ name: 'text', encoder: 'text-1', encoderName: 'some-text-encoder', dim: 3, metrics: ['cosine'] },
  ...{ unit: true, input: 'text', version: 1 },
}
const COUNT = 30
const PICTURES = Array.from({ length: COUNT }, (_, i) => toyPicture(i))

/** What every `Backend` has to do with versions of encoders. */
export function backendEncodersContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, encoder versions: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({ name: 'photos', spaces: [TEXT] })
      await upsert(...PICTURES.map((picture, i) => imageItem(`i${i}`, picture)))
    })
    afterEach(() => opened.cleanup())

    const upsert = (...writes: ItemWrite[]): Promise<void> => backend.upsert('photos', writes)
    const stage = (encoder: ToyEncoder): Promise<number> =>
      backend.stageEncoder('photos', 'look', encoder.version)
    const fill = (encoder: ToyEncoder, version: number): Promise<number> =>
      fillOnce(backend, { collection: 'photos', space: 'look', version, encoder })
    const promote = (version: number): Promise<boolean> => backend.promoteEncoder('photos', 'look', version)
    const drop = (version: number): Promise<void> => backend.dropEncoder('photos', 'look', version)
    const bringIn = (encoder: ToyEncoder): Promise<number> => introduce(backend, 'photos', 'look', encoder)
    const query = (encoder: ToyEncoder, picture: Uint8Array): NearestQuery => ({
      ...{ space: 'look', encoder: encoder.id, metric: 'euclidean', k: 1 },
      vectors: [encoder.vector(picture)],
    })
    const nearest = async (encoder: ToyEncoder, picture: Uint8Array): Promise<string | undefined> => {
      const [hit] = (await backend.nearest('photos', query(encoder, picture))).hits
      if (hit) expect(hit.distance).toBeLessThan(1e-3)
      return hit?.id
    }
    const look = async (): Promise<SpaceRecord | undefined> =>
      (await backend.getCollection('photos'))?.spaces.find((space) => space.name === 'look')
    const states = async (): Promise<Record<number, string>> => {
      const versions = await backend.encoderVersions('photos', 'look')
      return Object.fromEntries(versions.map(({ version, state }) => [version, state]))
    }
    const rowOf = async (id: string, encoder: ToyEncoder, picture: Uint8Array) => {
      const revision = (await backend.stamps('photos', [id])).get(id)?.revision ?? 0
      return { id, revision, encoded: encoder.encode(picture) }
    }

    describe('a first version', () => {
      it('is in no record and not searched until it is whole', async () => {
        expect(await stage(FIRST)).toBe(1)
        expect(await look()).toBeUndefined()
        expect((await backend.stats('photos')).vectors).toEqual({ text: { live: 0, indexed: 0 } })
        await expect(nearest(FIRST, toyPicture(1))).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
        expect(await fill(FIRST, 1)).toBe(COUNT)
        await expect(nearest(FIRST, toyPicture(1))).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
        expect((await backend.stamps('photos', ['i1'])).get('i1')?.spaces).toEqual([])
        expect(await promote(1)).toBe(true)
        expect(await look()).toEqual({
          ...{ name: 'look', encoder: 'toy-1', encoderName: 'toy', dim: 4, unit: false },
          ...{ metrics: ['cosine', 'euclidean'], input: 'image', version: 1, settings: { fittedOn: 4 } },
        })
        expect(await nearest(FIRST, toyPicture(7))).toBe('i7')
        expect((await backend.stats('photos')).vectors.look?.live).toBe(COUNT)
        expect((await backend.stamps('photos', ['i1'])).get('i1')?.spaces).toEqual(['look'])
      })

      it('takes what is written while it is filled', async () => {
        await stage(FIRST)
        await upsert(imageItem('new', toyPicture(100), 'look', [FIRST]))
        expect(await fill(FIRST, 1)).toBe(COUNT)
        expect(await promote(1)).toBe(true)
        expect(await nearest(FIRST, toyPicture(100))).toBe('new')
      })

      it('takes its space with it when it is dropped, and the next begins anew', async () => {
        await stage(FIRST)
        await fill(FIRST, 1)
        await drop(1)
        await drop(1)
        await expect(backend.encoderVersions('photos', 'look')).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
        await expect(upsert(imageItem('x', toyPicture(50), 'look', [FIRST]))).rejects.toMatchObject({
          code: 'SPACE_NOT_FOUND',
        })
        expect(await bringIn(SECOND)).toBe(1)
        expect(await nearest(SECOND, toyPicture(3))).toBe('i3')
      })

      it('may be of a collection without any item', async () => {
        await backend.createCollection({ name: 'empty', spaces: [] })
        expect(await introduce(backend, 'empty', 'look', FIRST)).toBe(1)
        expect((await backend.nearest('empty', query(FIRST, toyPicture(1)))).hits).toEqual([])
        await backend.upsert('empty', [imageItem('a', toyPicture(1), 'look', [FIRST])])
        const { hits } = await backend.nearest('empty', query(FIRST, toyPicture(1)))
        expect(hits.map(({ id }) => id)).toEqual(['a'])
      })
    })

    describe('a staged version', () => {
      beforeEach(async () => {
        await bringIn(FIRST)
      })

      it('lies beside the current one, which goes on being searched', async () => {
        expect(await stage(SECOND)).toBe(2)
        expect(await fill(SECOND, 2)).toBe(COUNT)
        expect(await look()).toMatchObject({ encoder: 'toy-1', version: 1, dim: 4 })
        expect((await look())?.staged).toMatchObject({
          ...{ version: 2, state: 'staged', encoder: 'toy-2', dim: 6, vectors: COUNT },
          ...{ settings: { fittedOn: 6 }, report: { error: 0.25, of: 'toy-2' } },
        })
        expect(await nearest(FIRST, toyPicture(7))).toBe('i7')
        await expect(nearest(SECOND, toyPicture(7))).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
        const stored = (await backend.get('photos', ['i7'], { vectors: true })).get('i7')
        expect(stored?.vectors).toEqual({ look: [FIRST.vector(toyPicture(7))] })
        expect((await backend.stats('photos')).vectors.look?.live).toBe(COUNT)
      })

      it('gets what is written meanwhile, as the current one does', async () => {
        await stage(SECOND)
        await fill(SECOND, 2)
        await upsert(
          imageItem('new', toyPicture(100), 'look', [SECOND, FIRST]),
          imageItem('i3', toyPicture(101), 'look', [FIRST, SECOND]),
        )
        await backend.remove('photos', ['i4'])
        expect(await nearest(FIRST, toyPicture(100))).toBe('new')
        expect(await promote(2)).toBe(true)
        expect(await nearest(SECOND, toyPicture(100))).toBe('new')
        expect(await nearest(SECOND, toyPicture(101))).toBe('i3')
        const { hits } = await backend.nearest('photos', { ...query(SECOND, toyPicture(3)), k: 100 })
        expect(hits).toHaveLength(COUNT)
        expect(hits.map(({ id }) => id)).not.toContain('i4')
      })

      it('is not whole while an item with a picture lacks it', async () => {
        await stage(SECOND)
        expect(await promote(2)).toBe(false)
        await fill(SECOND, 2)
        await upsert(imageItem('late', toyPicture(100), 'look', [FIRST]))
        expect(await promote(2)).toBe(false)
        expect(await look()).toMatchObject({ encoder: 'toy-1' })
        expect(await nearest(FIRST, toyPicture(100))).toBe('late')
        expect(await fill(SECOND, 2)).toBe(1)
        expect(await promote(2)).toBe(true)
        expect(await nearest(SECOND, toyPicture(100))).toBe('late')
      })

      it('does not wait for items without a picture', async () => {
        await upsert({ ...imageItem('note', toyPicture(0)), image: null })
        expect(await bringIn(SECOND)).toBe(2)
      })

      it('is filled only with what is as it was read, and lacks it', async () => {
        await stage(SECOND)
        const rows = await Promise.all(
          ['i0', 'i1', 'i2', 'i3'].map((id, i) => rowOf(id, SECOND, toyPicture(i))),
        )
        await upsert(imageItem('i1', toyPicture(101), 'look', [FIRST]))
        await backend.remove('photos', ['i2'])
        expect(await backend.fill('photos', 'look', 2, rows)).toBe(2)
        expect(await backend.fill('photos', 'look', 2, rows)).toBe(0)
        expect(await backend.fill('photos', 'look', 2, [])).toBe(0)
        expect((await look())?.staged?.vectors).toBe(2)
        expect(await fill(SECOND, 2)).toBe(COUNT - 3)
        expect(await promote(2)).toBe(true)
        expect(await nearest(SECOND, toyPicture(101))).toBe('i1')
      })

      it('is refused rows of another encoder or dimension, and none of them is written', async () => {
        await stage(SECOND)
        const good = await rowOf('i0', SECOND, toyPicture(0))
        const wrong = await rowOf('i1', FIRST, toyPicture(1))
        const other = await rowOf('i1', toyEncoder('toy-2', 5), toyPicture(1))
        const look2 = ['photos', 'look', 2] as const
        await expect(backend.fill(...look2, [good, wrong])).rejects.toMatchObject({
          code: 'ENCODER_MISMATCH',
        })
        await expect(backend.fill(...look2, [good, other])).rejects.toMatchObject({
          code: 'DIMENSION_MISMATCH',
        })
        expect((await look())?.staged?.vectors).toBe(0)
      })

      it('is the only one', async () => {
        await stage(SECOND)
        await expect(stage(THIRD)).rejects.toMatchObject({ code: 'CONFLICT' })
        await expect(backend.stageEncoder('photos', 'text', FIRST.version)).rejects.toMatchObject({
          code: 'CONFLICT',
        })
        expect(await states()).toEqual({ 1: 'current', 2: 'staged' })
      })

      it('is dropped without a trace, and its number is not used again', async () => {
        await stage(SECOND)
        await fill(SECOND, 2)
        await drop(2)
        await drop(2)
        expect(await look()).not.toHaveProperty('staged')
        expect(await states()).toEqual({ 1: 'current' })
        expect(await nearest(FIRST, toyPicture(7))).toBe('i7')
        await expect(fill(SECOND, 2)).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
        await expect(promote(2)).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
        await expect(backend.encoderFiles('photos', 'look', 2)).rejects.toMatchObject({
          code: 'ENCODER_NOT_FOUND',
        })
        expect(await bringIn(THIRD)).toBe(3)
      })

      it('of the same encoder as the current one is filled by the same writes', async () => {
        await stage(FIRST)
        await upsert(imageItem('new', toyPicture(100), 'look', [FIRST]))
        expect(await fill(FIRST, 2)).toBe(COUNT)
        expect(await promote(2)).toBe(true)
        expect(await look()).toMatchObject({ version: 2, encoder: 'toy-1' })
        expect(await nearest(FIRST, toyPicture(100))).toBe('new')
      })
    })

    describe('a promoted version', () => {
      it('takes the place of the former, whose queries and writes are refused by name', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        expect(await states()).toEqual({ 1: 'retired', 2: 'current' })
        expect(await look()).toMatchObject({
          encoder: 'toy-2',
          dim: 6,
          version: 2,
          settings: { fittedOn: 6 },
        })
        expect(await look()).not.toHaveProperty('staged')
        for (const i of [0, 13, 29]) expect(await nearest(SECOND, toyPicture(i))).toBe(`i${i}`)
        await expect(nearest(FIRST, toyPicture(1))).rejects.toMatchObject({
          code: 'ENCODER_MISMATCH',
          message: expect.stringMatching(/toy-1.*toy-2/),
        })
        await expect(upsert(imageItem('x', toyPicture(9), 'look', [FIRST]))).rejects.toMatchObject({
          code: 'ENCODER_MISMATCH',
        })
        const stored = (await backend.get('photos', ['i7'], { vectors: true })).get('i7')
        expect(stored?.vectors).toEqual({ look: [SECOND.vector(toyPicture(7))] })
        const scanned: Float32Array[] = []
        for await (const batch of backend.scan('photos', 'look')) {
          expect(batch.vectors).toHaveLength(batch.ids.length * 6)
          scanned.push(batch.vectors)
        }
        expect(scanned.reduce((sum, { length }) => sum + length, 0)).toBe(COUNT * 6)
        expect(await promote(2)).toBe(true)
      })

      it('is searched with what is written after it', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        await upsert(
          imageItem('new', toyPicture(100), 'look', [SECOND]),
          imageItem('i3', toyPicture(101), 'look', [SECOND]),
        )
        await backend.remove('photos', ['i4', 'i5'])
        await upsert(imageItem('again', toyPicture(5), 'look', [SECOND]))
        expect(await nearest(SECOND, toyPicture(100))).toBe('new')
        expect(await nearest(SECOND, toyPicture(101))).toBe('i3')
        expect(await nearest(SECOND, toyPicture(5))).toBe('again')
        const { hits } = await backend.nearest('photos', { ...query(SECOND, toyPicture(4)), k: 100 })
        expect(hits.map(({ id }) => id)).not.toContain('i4')
        await backend.settled('photos')
        const live = COUNT
        expect((await backend.stats('photos')).vectors.look).toEqual({ live, indexed: live })
      })

      it('cannot be filled or dropped', async () => {
        await bringIn(FIRST)
        const row = await rowOf('i0', FIRST, toyPicture(0))
        await expect(backend.fill('photos', 'look', 1, [row])).rejects.toMatchObject({ code: 'CONFLICT' })
        await expect(drop(1)).rejects.toMatchObject({ code: 'CONFLICT' })
        expect(await nearest(FIRST, toyPicture(7))).toBe('i7')
      })

      it('is there at one moment: every search sees the one or the other', async () => {
        await bringIn(FIRST)
        await stage(SECOND)
        await fill(SECOND, 2)
        const seen: string[] = []
        let ended = false
        const search = async (encoder: ToyEncoder): Promise<void> => {
          const asked = query(encoder, toyPicture(11))
          const answer = await backend
            .nearest('photos', { ...asked, k: 5 })
            .catch((error: { code: string }) => error.code)
          if (answer === 'ENCODER_MISMATCH') return
          const hits = typeof answer === 'string' ? [] : answer.hits
          seen.push(encoder.id)
          expect(answer).not.toBeTypeOf('string')
          expect(hits).toHaveLength(5)
          expect(hits[0]).toMatchObject({ id: 'i11' })
          expect(hits[0]?.distance).toBeLessThan(1e-3)
        }
        const promotion = promote(2).finally(() => {
          ended = true
        })
        do await Promise.all([search(FIRST), search(SECOND)])
        while (!ended)
        expect(await promotion).toBe(true)
        await Promise.all([search(FIRST), search(SECOND)])
        expect(seen.at(-1)).toBe('toy-2')
        // once the new one was seen, the old one is not seen again
        expect(seen.lastIndexOf('toy-1')).toBeLessThan(seen.lastIndexOf('toy-2'))
      })

      it('goes in while others write, and loses nothing', async () => {
        await bringIn(FIRST)
        await stage(SECOND)
        let ended = false
        const filling = (async () => {
          do await fill(SECOND, 2)
          while (!(await promote(2)))
          ended = true
        })()
        let written = 0
        // as the engine does: a write that was prepared for the version before is prepared again
        const write = async (): Promise<void> => {
          const own = imageItem(`w${written++}`, toyPicture(200, written), 'look', [FIRST, SECOND])
          await upsert(own)
          if (written % 3 === 0) await backend.remove('photos', [`w${written - 2}`])
        }
        do await write()
        while (!ended)
        await filling
        await write()
        const live = Array.from({ length: written }, (_, i) => i).filter(
          (i) => (i + 2) % 3 !== 0 || i + 2 > written,
        )
        const { hits } = await backend.nearest('photos', { ...query(SECOND, toyPicture(0)), k: 10_000 })
        const found = new Set(hits.map(({ id }) => id))
        expect(found.size).toBe(hits.length)
        for (const i of live) {
          expect(found).toContain(`w${i}`)
          if (i % 5 === 0) expect(await nearest(SECOND, toyPicture(200, i + 1))).toBe(`w${i}`)
        }
        expect(hits).toHaveLength(COUNT + live.length)
      })
    })

    describe('a retired version', () => {
      it('is brought back when it is whole again', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        await upsert(imageItem('new', toyPicture(100), 'look', [SECOND]))
        await upsert(imageItem('i3', toyPicture(103), 'look', [SECOND]))
        await backend.remove('photos', ['i4'])
        expect(await promote(1)).toBe(false)
        expect(await fill(FIRST, 1)).toBe(2)
        expect(await promote(1)).toBe(true)
        expect(await states()).toEqual({ 1: 'current', 2: 'retired' })
        expect(await nearest(FIRST, toyPicture(100))).toBe('new')
        expect(await nearest(FIRST, toyPicture(103))).toBe('i3')
        await expect(nearest(SECOND, toyPicture(100))).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
        const { hits } = await backend.nearest('photos', { ...query(FIRST, toyPicture(4)), k: 100 })
        expect(hits).toHaveLength(COUNT)
        expect(hits.map(({ id }) => id)).not.toContain('i4')
      })

      it('may be kept up with writes', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        await upsert(imageItem('new', toyPicture(100), 'look', [SECOND, FIRST]))
        expect(await promote(1)).toBe(true)
        expect(await nearest(FIRST, toyPicture(100))).toBe('new')
      })

      it('is the latest only: older ones are dropped', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        expect(await bringIn(THIRD)).toBe(3)
        expect(await states()).toEqual({ 2: 'retired', 3: 'current' })
        await expect(promote(1)).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
        const newest = await backend.encoderVersions('photos', 'look')
        expect(newest.map(({ version, vectors }) => [version, vectors])).toEqual([
          [3, COUNT],
          [2, COUNT],
        ])
        await drop(2)
        expect(await states()).toEqual({ 3: 'current' })
        expect(await nearest(THIRD, toyPicture(9))).toBe('i9')
        await upsert(imageItem('i9', toyPicture(109), 'look', [THIRD]))
        expect(await nearest(THIRD, toyPicture(109))).toBe('i9')
      })

      it('stays while another is brought back with one staged', async () => {
        await bringIn(FIRST)
        await bringIn(SECOND)
        await stage(THIRD)
        expect(await promote(1)).toBe(true)
        expect(await states()).toEqual({ 1: 'current', 2: 'retired', 3: 'staged' })
        await fill(THIRD, 3)
        expect(await promote(3)).toBe(true)
        expect(await states()).toEqual({ 1: 'retired', 3: 'current' })
      })
    })

    describe('writes', () => {
      beforeEach(async () => {
        await bringIn(FIRST)
        await stage(SECOND)
        await fill(SECOND, 2)
      })

      it('must hold the current encoder’s vectors, and none of an unknown one', async () => {
        const mismatch = { code: 'ENCODER_MISMATCH' }
        const item = (...encoders: ToyEncoder[]) => imageItem('x', toyPicture(9), 'look', encoders)
        await expect(upsert(item(SECOND))).rejects.toMatchObject(mismatch)
        await expect(upsert({ ...item(), vectors: { look: [] } })).rejects.toMatchObject(mismatch)
        await expect(upsert(item(FIRST, THIRD))).rejects.toMatchObject(mismatch)
        await expect(upsert(item(FIRST, toyEncoder('toy-2', 7)))).rejects.toMatchObject({
          code: 'DIMENSION_MISMATCH',
        })
        expect((await backend.stamps('photos', ['x'])).size).toBe(0)
      })

      it('prepared before a promotion and written after it are refused', async () => {
        const prepared = imageItem('i1', toyPicture(101), 'look', [FIRST])
        const promoted = promote(2)
        await promoted
        await expect(upsert(prepared)).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
        expect(await nearest(SECOND, toyPicture(1))).toBe('i1')
        await upsert(imageItem('i1', toyPicture(101), 'look', [FIRST, SECOND]))
        expect(await nearest(SECOND, toyPicture(101))).toBe('i1')
      })

      it('keep the vectors of all versions', async () => {
        const ifRevision = (await backend.stamps('photos', ['i1'])).get('i1')?.revision
        const kept: ItemWrite = { ...imageItem('i1', toyPicture(1)), image: 'keep', ifRevision }
        await upsert({ ...kept, metadata: { new: true }, vectors: { look: 'keep' } })
        expect((await look())?.staged?.vectors).toBe(COUNT)
        expect(await promote(2)).toBe(true)
        expect(await nearest(SECOND, toyPicture(1))).toBe('i1')
      })

      it('that do not name a space or version remove its vectors', async () => {
        await upsert(imageItem('i1', toyPicture(1)))
        await upsert(imageItem('i2', toyPicture(2), 'look', [FIRST]))
        expect((await look())?.staged?.vectors).toBe(COUNT - 2)
        expect((await backend.stats('photos')).vectors.look?.live).toBe(COUNT - 1)
        expect(await promote(2)).toBe(false)
        expect(await fill(SECOND, 2)).toBe(2)
        expect(await promote(2)).toBe(true)
        expect(await nearest(SECOND, toyPicture(1))).toBe('i1')
      })
    })

    it('gives back what an encoder was made with', async () => {
      await bringIn(FIRST)
      const files = await backend.encoderFiles('photos', 'look', 1)
      expect(files).toEqual({ 'encoder.onnx': Uint8Array.of(1, 2, 4), 'empty.bin': new Uint8Array() })
      const [version] = await backend.encoderVersions('photos', 'look')
      expect(version).toMatchObject({
        ...{ version: 1, state: 'current', encoder: 'toy-1', encoderName: 'toy', dim: 4, unit: false },
        ...{ settings: { fittedOn: 4 }, report: { error: 0.25, of: 'toy-1' }, vectors: COUNT },
      })
      expect(new Date(version?.createdAt ?? '').toISOString()).toBe(version?.createdAt)
      const [text] = await backend.encoderVersions('photos', 'text')
      expect(text).toMatchObject({ version: 1, state: 'current', encoder: 'text-1', vectors: 0 })
      expect(await backend.encoderFiles('photos', 'text', 1)).toEqual({})
    })

    it('refuses what is unknown, and everything after it was closed', async () => {
      const unknown = (collection: string) => [
        backend.stageEncoder(collection, 'look', FIRST.version),
        backend.fill(collection, 'look', 1, []),
        backend.promoteEncoder(collection, 'look', 1),
        backend.dropEncoder(collection, 'look', 1),
        backend.encoderVersions(collection, 'look'),
        backend.encoderFiles(collection, 'look', 1),
      ]
      for (const outcome of await Promise.allSettled(unknown('x'))) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'COLLECTION_NOT_FOUND' } })
      }
      await expect(backend.encoderVersions('photos', 'x')).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
      await backend.dropEncoder('photos', 'x', 1)
      await bringIn(FIRST)
      await expect(promote(9)).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
      await expect(backend.encoderFiles('photos', 'look', 9)).rejects.toMatchObject({
        code: 'ENCODER_NOT_FOUND',
      })
      await backend.close()
      for (const outcome of await Promise.allSettled(unknown('photos'))) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
      }
    })

    it('has all but a staged version again after it was closed and opened, where it is durable', async () => {
      if (!opened.reopen) return
      await bringIn(FIRST)
      await bringIn(SECOND)
      await stage(THIRD)
      await fill(THIRD, 3)
      await backend.stageEncoder('photos', 'other', FIRST.version)
      const before = await backend.encoderVersions('photos', 'look')
      backend = await opened.reopen()
      expect(await backend.encoderVersions('photos', 'look')).toEqual(before.slice(1))
      expect((await backend.getCollection('photos'))?.spaces.map((space) => space.name)).toEqual([
        'text',
        'look',
      ])
      await expect(backend.encoderVersions('photos', 'other')).rejects.toMatchObject({
        code: 'SPACE_NOT_FOUND',
      })
      expect(await nearest(SECOND, toyPicture(7))).toBe('i7')
      expect(await promote(1)).toBe(true)
      expect(await nearest(FIRST, toyPicture(7))).toBe('i7')
      expect(await bringIn(THIRD)).toBe(4)
      backend = await opened.reopen()
      expect(await nearest(THIRD, toyPicture(7))).toBe('i7')
      expect((await backend.encoderFiles('photos', 'look', 4))['encoder.onnx']).toEqual(
        Uint8Array.of(1, 2, 4),
      )
    })
  })
}
