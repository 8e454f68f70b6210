import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend } from '#src/core/backend.js'
import { imageWrite } from '../support/backend-items.js'
import { fillOnce, imageItem, toyEncoder, toyPicture } from '../support/toy-encoder.js'
import type { OpenedBackend } from './backend.js'

const TOY = toyEncoder('toy-1', 4)

/** What every `Backend` has to do with pictures. */
export function backendImagesContract(name: string, open: () => Promise<OpenedBackend>): void {
  describe(`backend contract, pictures: ${name}`, () => {
    let opened: OpenedBackend
    let backend: Backend

    beforeEach(async () => {
      opened = await open()
      backend = opened.backend
      await backend.createCollection({ name: 'photos', spaces: [] })
    })
    afterEach(() => opened.cleanup())

    const add = (...numbers: number[]): Promise<void> =>
      backend.upsert(
        'photos',
        numbers.map((i) => imageItem(`i${i}`, toyPicture(i))),
      )
    const lacking = { space: 'look', version: 1 }
    const pages = async (limit: number, options: { lacking?: typeof lacking } = {}): Promise<string[][]> => {
      const all: string[][] = []
      let cursor: string | undefined
      do {
        const page = await backend.images('photos', { limit, cursor, ...options })
        all.push(page.images.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor !== undefined)
      return all
    }

    it('gives the original where it is kept, the rendition where that is asked for or all there is', async () => {
      const rendition = Uint8Array.of(1, 2)
      const original = Uint8Array.of(3, 4, 5)
      await backend.upsert('photos', [
        { ...imageItem('uploaded', rendition), image: imageWrite({ rendition, original }) },
        { ...imageItem('read', rendition), image: imageWrite({ rendition, path: '/some/where.png' }) },
      ])
      expect(await backend.image('photos', 'uploaded')).toEqual({ bytes: original, type: 'image/png' })
      const webp = { bytes: rendition, type: 'image/webp' }
      expect(await backend.image('photos', 'uploaded', { rendition: true })).toEqual(webp)
      expect(await backend.image('photos', 'read')).toEqual(webp)
      expect(await backend.image('photos', 'read', { rendition: true })).toEqual(webp)
    })

    it('tells the hash of what was given, and none where there is no picture', async () => {
      const image = imageWrite({ rendition: toyPicture(1) })
      await backend.upsert('photos', [
        imageItem('a', toyPicture(1)),
        { ...imageItem('b', toyPicture(2)), image: null },
      ])
      const stamps = await backend.stamps('photos', ['a', 'b'])
      expect(stamps.get('a')).toMatchObject({ imageHash: image.hash, hasImage: true })
      expect(stamps.get('b')).toMatchObject({ imageHash: null, hasImage: false })
    })

    it('pages through all pictures in the order of first writing, with revisions', async () => {
      await add(...Array.from({ length: 25 }, (_, i) => (i * 7) % 25))
      await backend.upsert('photos', [{ ...imageItem('bare', toyPicture(0)), image: null }])
      await add(3)
      const all = await pages(10)
      expect(all.map((page) => page.length)).toEqual([10, 10, 5])
      expect(all.flat()).toEqual(Array.from({ length: 25 }, (_, i) => `i${(i * 7) % 25}`))
      const { images } = await backend.images('photos', { limit: 1_000 })
      expect(images[1]?.rendition).toEqual(toyPicture(7))
      const stamps = await backend.stamps(
        'photos',
        images.map(({ id }) => id),
      )
      for (const { id, revision } of images) expect(revision).toBe(stamps.get(id)?.revision)
    })

    it('counts items with a picture as they come, change and go', async () => {
      expect(await backend.countImages('photos')).toBe(0)
      await add(1, 2, 3)
      await backend.upsert('photos', [{ ...imageItem('bare', toyPicture(0)), image: null }])
      expect(await backend.countImages('photos')).toBe(3)
      await add(1)
      await backend.upsert('photos', [
        imageItem('bare', toyPicture(0)),
        { ...imageItem('i2', toyPicture(2)), image: null },
      ])
      expect(await backend.countImages('photos')).toBe(3)
      const ifRevision = (await backend.stamps('photos', ['i3'])).get('i3')?.revision
      await backend.upsert('photos', [{ ...imageItem('i3', toyPicture(3)), image: 'keep', ifRevision }])
      await backend.remove('photos', ['i1', 'i2'])
      expect(await backend.countImages('photos')).toBe(2)
      expect(await pages(10)).toEqual([['i3', 'bare']])
    })

    it('gives those that lack an encoder version, also while others are written', async () => {
      await add(...Array.from({ length: 30 }, (_, i) => i))
      await backend.stageEncoder('photos', 'look', TOY.version)
      expect((await pages(7, { lacking })).flat()).toHaveLength(30)
      const first = await backend.images('photos', { limit: 10, lacking })
      const rows = first.images.map(({ id, revision, rendition }) => {
        return { id, revision, encoded: TOY.encode(rendition) }
      })
      await backend.fill('photos', 'look', 1, rows)
      await backend.remove('photos', ['i12', 'i29'])
      await add(3, 15)
      await backend.upsert('photos', [imageItem('both', toyPicture(99), 'look', [TOY])])
      const rest: string[] = []
      let cursor = first.cursor
      while (cursor !== undefined) {
        const page = await backend.images('photos', { limit: 10, cursor, lacking })
        rest.push(...page.images.map(({ id }) => id))
        cursor = page.cursor
      }
      const stay = Array.from({ length: 30 }, (_, i) => `i${i}`).filter((id) => id !== 'i12' && id !== 'i29')
      expect(rest).toEqual(stay.slice(10))
      // what was rewritten lost its vector, and is found from the beginning
      expect((await pages(100, { lacking })).flat()).toEqual(['i3', ...stay.slice(10)])
      const version = { collection: 'photos', space: 'look', version: 1, encoder: TOY }
      expect(await fillOnce(backend, version, 4)).toBe(19)
      expect(await pages(100, { lacking })).toEqual([[]])
    })

    it('refuses a cursor that it never gave, and versions and collections that are unknown', async () => {
      await expect(backend.images('photos', { limit: 1, cursor: 'x' })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
      await expect(backend.images('photos', { limit: 1, lacking })).rejects.toMatchObject({
        code: 'SPACE_NOT_FOUND',
      })
      await backend.stageEncoder('photos', 'look', TOY.version)
      await expect(
        backend.images('photos', { limit: 1, lacking: { ...lacking, version: 2 } }),
      ).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
      const unknown = { code: 'COLLECTION_NOT_FOUND' }
      await expect(backend.images('x', { limit: 1 })).rejects.toMatchObject(unknown)
      await expect(backend.countImages('x')).rejects.toMatchObject(unknown)
      await backend.close()
      await expect(backend.images('photos', { limit: 1 })).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(backend.countImages('photos')).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}
