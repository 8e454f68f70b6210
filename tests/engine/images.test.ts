import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import type { Collection } from '#src/engine/collection.js'
import { ImageWorkers } from '#src/images/image-workers.js'
import { type DrawnImage, drawnImages, pngOf } from '../support/drawn-images.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const SIDE = 16

describe.each(ENGINES)('images over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection
  let drawn: DrawnImage[]
  const noise = (seed: number): Promise<Uint8Array> => {
    const random = seededRandom(seed)
    return pngOf(
      Uint8Array.from({ length: SIDE * SIDE }, () => random.int(256)),
      SIDE,
    )
  }
  const ids = (results: { id: string }[]): string[] => results.map(({ id }) => id.split(' ')[0] ?? '')

  beforeAll(async () => {
    engine = await open()
    drawn = await drawnImages(120)
    collection = await engine.kindred.createCollection('shapes')
    await collection.add(drawn.map(({ id, shape, png }) => ({ id, image: png, metadata: { label: shape } })))
  })
  afterAll(() => engine.cleanup())

  it('makes a space of images at the first picture, before anything is trained', async () => {
    const { spaces, items } = await collection.summary()
    expect(items).toBe(120)
    expect(spaces.map(({ name, input }) => [name, input])).toEqual([
      ['text', 'text'],
      ['descriptor', 'image'],
    ])
    expect(spaces[1]).toMatchObject({ encoderName: 'descriptor', version: 1, vectors: 120 })
  })

  it('finds similar pictures by a picture and by an item, in every metric', async () => {
    const [query] = await drawnImages(1, 99)
    for (const metric of ['cosine', 'euclidean', 'dot'] as const) {
      const byImage = await collection.search({ query: { image: query?.png ?? new Uint8Array() }, metric })
      expect(byImage.plan).toMatchObject({ space: 'descriptor', metric })
      expect(ids(byImage.results).filter((shape) => shape === 'disc').length).toBeGreaterThanOrEqual(8)
      const byItem = await collection.search({ query: { id: 'bar 1' }, metric })
      expect(byItem.plan.space).toBe('descriptor')
      expect(ids(byItem.results).filter((shape) => shape === 'bar').length).toBeGreaterThanOrEqual(8)
    }
  })

  it('finds more like these pictures and less like those, beside texts', async () => {
    const [disc] = await drawnImages(1, 99)
    const image = disc?.png ?? new Uint8Array()
    const like = await collection.search({
      query: { positive: [{ image }, { id: 'disc 0' }], negative: [{ id: 'bar 1' }] },
    })
    expect(like.plan).toMatchObject({ space: 'descriptor' })
    expect(ids(like.results).filter((shape) => shape === 'disc').length).toBeGreaterThanOrEqual(8)
    expect(like.results.map(({ id }) => id)).not.toContain('disc 0')
    await collection.patch('bar 1', { text: 'a long bar' })
    const query = { positive: [{ image }, { text: 'a long bar', weight: 3 }] }
    const joint = await collection.search({ query, k: 3 })
    expect(joint.plan.spaces).toEqual(['descriptor', 'text'])
    expect(joint.results.map(({ id }) => id)).toContain('bar 1')
    expect(joint.results.find(({ id }) => id === 'bar 1')).toHaveProperty('spaceScores.text')
    await collection.patch('bar 1', { text: null })
    const bad = { positive: [{ image: new Uint8Array(3) }] }
    await expect(collection.search({ query: bad })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      details: { field: 'query.positive[0].image' },
    })
  })

  it('writes nothing for a picture that is the same, and encodes one that changed', async () => {
    const [first, second] = drawn
    const item = { id: first?.id ?? '', image: first?.png, metadata: { label: 'disc' } }
    expect(await collection.add([item])).toEqual({ upserted: 0, unchanged: 1 })
    const before = await collection.get('disc 0', { include: ['vectors'] })
    await collection.patch('disc 0', { metadata: { seen: true } })
    expect(await collection.get('disc 0', { include: ['vectors'] })).toEqual(before)
    await collection.patch('disc 0', { image: second?.png ?? null })
    const after = await collection.get('disc 0', { include: ['vectors'] })
    const like = await collection.get('bar 1', { include: ['vectors'] })
    expect(after?.vectors).toEqual(like?.vectors)
    await collection.add([item])
  })

  it('takes a picture that was rendered elsewhere and keeps its path instead of the file', async () => {
    const file = await noise(5)
    const image = {
      rendition: file,
      width: 640,
      height: 480,
      hash: createHash('sha256').update('the file').digest('hex'),
      path: '/photos/1.jpg',
    }
    expect(await collection.add([{ id: 'elsewhere', image }])).toEqual({ upserted: 1, unchanged: 0 })
    expect(await collection.add([{ id: 'elsewhere', image }])).toEqual({ upserted: 0, unchanged: 1 })
    expect((await collection.image('elsewhere'))?.bytes).toEqual(file)
    await collection.remove(['elsewhere'])
  })

  it('keeps the file as given and a small rendition beside it', async () => {
    const wide = await sharp({ create: { width: 900, height: 300, channels: 3, background: '#3060a0' } })
      .jpeg()
      .toBuffer()
    await collection.add([{ id: 'wide', image: new Uint8Array(wide) }])
    expect((await collection.image('wide'))?.bytes.length).toBe(wide.length)
    const rendition = await collection.image('wide', { rendition: true })
    expect(await sharp(rendition?.bytes).metadata()).toMatchObject({ width: 256, height: 85 })
    await collection.remove(['wide'])
  })

  it('refuses what is no picture, whole batches of it, by item', async () => {
    const broken = new Uint8Array(await noise(6)).subarray(0, 60)
    const add = collection.add([
      { id: 'fine', image: await noise(7) },
      { id: 'broken', image: broken },
    ])
    await expect(add).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      details: { id: 'broken', field: 'image' },
    })
    expect(await collection.get('fine')).toBeUndefined()
    const huge = new Uint8Array(9 << 20)
    await expect(collection.add([{ id: 'huge', image: huge }])).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
    })
    const query = collection.search({ query: { image: broken } })
    await expect(query).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
    const rendered = { rendition: broken, width: 1, height: 1, hash: 'no hash', path: 'x' }
    await expect(collection.add([{ id: 'x', image: rendered }])).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { field: 'image.hash' },
    })
    await expect(
      collection.search({ query: { image: await noise(8) }, space: 'text' }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'query.image' } })
  })

  describe('with a trained encoder', () => {
    beforeAll(async () => {
      const { finished } = await collection.train({ encoder: 'pca', dim: 8 })
      await finished
    })

    it('answers in its space beside the descriptor', async () => {
      const { spaces } = await collection.summary()
      expect(spaces.find(({ name }) => name === 'pca')).toMatchObject({ dim: 8, vectors: 120, version: 1 })
      const { results, plan } = await collection.search({ query: { id: 'bar 1' }, space: 'pca', k: 5 })
      expect(plan.space).toBe('pca')
      expect(ids(results).filter((shape) => shape === 'bar').length).toBeGreaterThanOrEqual(3)
    })

    it('scores every picture, flags few, and finds a strange one first', async () => {
      await collection.add([{ id: 'strange', image: await noise(3) }])
      expect((await collection.get('strange'))?.anomaly).toMatchObject({
        ...{ space: 'pca', detector: 'reconstruction', flagged: true, percentile: 100, version: 1 },
      })
      const { outliers, scored, flagged, space, report } = await collection.outliers({ limit: 5 })
      expect({ first: outliers[0]?.id, scored, space }).toEqual({
        first: 'strange',
        scored: 121,
        space: 'outliers',
      })
      expect(outliers[0]).toMatchObject({ flagged: true, detector: 'verdict' })
      // what the trained encoder says is one of the detectors
      expect(outliers[0]?.detectors).toHaveProperty('reconstruction')
      expect(report.weights.reconstruction).toBeGreaterThan(0)
      expect(flagged).toBeLessThan(30)
      expect((await collection.get('strange'))?.anomaly).toMatchObject({
        ...{ space: 'outliers', detector: 'verdict', flagged: true, version: 1 },
      })
      expect((await collection.outliers({ space: 'pca', limit: 1 })).outliers[0]?.id).toBe('strange')
      const only = await collection.outliers({ flagged: true, limit: 1000 })
      expect(only.outliers.length).toBe(only.flagged)
      const [found] = (
        await collection.search({ query: { id: 'strange' }, space: 'pca', include: ['anomaly'], k: 1 })
      ).results
      expect(found?.anomaly).toMatchObject({ space: 'pca' })
      await collection.remove(['strange'])
      expect((await collection.outliers()).scored).toBe(120)
    })

    it('gives the picture that the encoder makes of one', async () => {
      const png = await collection.reconstruction('disc 3')
      expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width: SIDE, height: SIDE })
      await expect(collection.reconstruction('disc 3', { space: 'descriptor' })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
      await expect(collection.reconstruction('nobody')).rejects.toMatchObject({ code: 'ITEM_NOT_FOUND' })
      await collection.add([{ id: 'words', text: 'no picture' }])
      await expect(collection.reconstruction('words')).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await collection.remove(['words'])
    })

    it('has in its reconstruction the error that the item was judged by', async () => {
      const images = ImageWorkers.create({ threads: 1 })
      try {
        const reconstruction = await collection.reconstruction('disc 3')
        const picture = (await collection.image('disc 3', { rendition: true }))?.bytes ?? new Uint8Array()
        const { error, region } = await images.explain({ picture, reconstruction })
        const judged = (await collection.get('disc 3'))?.anomaly?.error ?? 0
        expect(judged).toBeGreaterThan(0)
        // the reconstruction as a picture has 8 bits and no values beyond black and white
        expect(Math.abs(Math.sqrt(error) - Math.sqrt(judged))).toBeLessThan(0.02)
        expect(region?.share).toBeGreaterThan(0)
      } finally {
        await images.close()
      }
    })

    it('replaces the version when it is trained again, and brings the old one back', async () => {
      const old = await collection.get('bar 1', { include: ['vectors'] })
      const { encoder } = await collection.space('pca')
      const { finished } = await collection.train({ encoder: 'pca', dim: 4 })
      expect(await finished).toMatchObject({ space: 'pca', version: 2, dim: 4 })
      const now = await collection.get('bar 1', { include: ['vectors'] })
      expect(now?.vectors?.pca?.[0]).toHaveLength(4)
      await expect(
        collection.search({ query: { vector: [1, 2, 3, 4], encoder: encoder ?? '' }, space: 'pca' }),
      ).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' })
      await expect(
        collection.search({ query: { vector: [1, 2, 3, 4, 5, 6, 7, 8] }, space: 'pca' }),
      ).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' })

      await collection.add([{ id: 'late', image: await noise(4) }])
      const back = await collection.revert('pca')
      expect(await back.finished).toEqual({ space: 'pca', version: 1 })
      expect(await collection.get('bar 1', { include: ['vectors'] })).toEqual(old)
      const late = await collection.get('late', { include: ['vectors'] })
      expect(late?.vectors?.pca?.[0]).toHaveLength(8)
      await collection.remove(['late'])
      await expect((await collection.revert('descriptor')).finished).rejects.toMatchObject({
        code: 'ENCODER_NOT_FOUND',
      })
    })

    it('leaves everything as it was when training is cancelled or refused', async () => {
      const before = await collection.summary()
      const { job, finished } = await collection.train({ encoder: 'autoencoder', epochs: 1000 })
      await engine.kindred.jobs.cancel(job)
      await expect(finished).rejects.toMatchObject({ code: 'CANCELLED' })
      const few = await collection.train({ encoder: 'pca', space: 'wide', dim: 1000 })
      await expect(few.finished).rejects.toMatchObject({ code: 'TOO_FEW_IMAGES' })
      expect(await collection.summary()).toEqual(before)
    })

    it('adds pictures to both versions while one replaces the other', async () => {
      const { finished } = await collection.train({ encoder: 'pca', dim: 6 })
      const extra = await drawnImages(30, 42)
      for (const { id, png } of extra) await collection.add([{ id: `more ${id}`, image: png }])
      await finished
      const { items, spaces } = await collection.summary()
      expect(spaces.find(({ name }) => name === 'pca')).toMatchObject({ dim: 6, vectors: items })
      expect((await collection.outliers()).scored).toBe(items)
      await collection.remove(extra.map(({ id }) => `more ${id}`))
    })

    it('answers while one version replaces the other', async () => {
      const { finished } = await collection.train({ encoder: 'pca', dim: 7 })
      let over = false
      const ended = finished.finally(() => {
        over = true
      })
      const ask = async (): Promise<void> => {
        while (!over) {
          const { results } = await collection.search({ query: { id: 'bar 1' }, space: 'pca', k: 3 })
          expect(results).toHaveLength(3)
        }
      }
      await Promise.all([ended, ask(), ask(), ask()])
    })

    it('refuses training options that mean nothing, by name', async () => {
      const refused = async (options: unknown, field: string): Promise<void> => {
        await expect(collection.train(options as never)).rejects.toMatchObject({
          code: 'INVALID_REQUEST',
          details: { field },
        })
      }
      await refused({ encoder: 'gan' }, 'encoder')
      await refused({ encoder: 'pca', epochs: 3 }, 'epochs')
      await refused({ encoder: 'autoencoder', beta: 1 }, 'beta')
      await refused({ encoder: 'vae', dim: 0 }, 'dim')
      await refused({ encoder: 'vae', channels: 2 }, 'channels')
      await refused({ encoder: 'vae', colour: true }, 'colour')
      await expect(collection.train({ encoder: 'pca', space: 'text' })).rejects.toMatchObject({
        code: 'CONFLICT',
      })
      await expect(collection.outliers({ space: 'nowhere' })).rejects.toMatchObject({
        code: 'SPACE_NOT_FOUND',
      })
    })

    it('shows the evidence lower bound of a VAE among the detectors, without a voice', async () => {
      await (await collection.train({ encoder: 'vae', dim: 3, epochs: 20 })).finished
      const { outliers, report } = await collection.outliers({ space: 'vae', limit: 3 })
      expect(report.weights).toMatchObject({ nelbo: 0, reconstruction: expect.any(Number) })
      expect(outliers[0]?.detectors).toHaveProperty('nelbo')
      const by = await collection.outliers({ space: 'vae', detector: 'nelbo', limit: 3 })
      const scores = by.outliers.map(({ detectors }) => detectors?.nelbo?.score ?? Number.NaN)
      expect(scores).toEqual([...scores].sort((a, b) => b - a))
      expect((await collection.outliers({ space: 'vae', detector: 'reconstruction' })).outliers).toHaveLength(
        10,
      )
    })

    it('has its detectors fitted again, as they were, where an encoder becomes another', async () => {
      await (await collection.detect({ space: 'pca', reference: 'clean', rate: 0.02 })).finished
      const { finished } = await collection.train({ encoder: 'pca', dim: 5 })
      const { version } = await finished
      const { space, reference, threshold, outliers } = await collection.outliers({ space: 'pca', limit: 1 })
      expect({ space, reference, threshold }).toEqual({
        ...{ space: 'pca', reference: 'clean', threshold: { pValue: 0.02, rate: 0.02 } },
      })
      expect(outliers[0]).toMatchObject({ version, detector: 'verdict' })
      for (const { id } of engine.kindred.jobs.list())
        for await (const job of engine.kindred.jobs.watch(id)) void job
      const back = await collection.revert('pca')
      await back.finished
      expect((await collection.outliers({ space: 'pca', limit: 1 })).outliers[0]?.version).toBe(version - 1)
    })
  })

  it('asks an encoder that is trained after the detectors were fitted', async () => {
    const later = await engine.kindred.createCollection('later')
    await later.add((await drawnImages(40, 13)).map(({ id, png }) => ({ id, image: png })))
    expect((await later.outliers()).report.weights).not.toHaveProperty('reconstruction')
    await (await later.train({ encoder: 'pca', dim: 4 })).finished
    await later.outliers()
    for (const { id } of engine.kindred.jobs.list())
      for await (const job of engine.kindred.jobs.watch(id)) void job
    expect((await later.outliers()).report.weights.reconstruction).toBeGreaterThan(0)
  })

  it('fits the descriptor to the pictures when they have become enough', async () => {
    const many = await engine.kindred.createCollection('many')
    const extra = await drawnImages(260, 11)
    await many.add(extra.map(({ id, png }) => ({ id, image: png })))
    const job = engine.kindred.jobs
      .list()
      .find(({ kind, collection: name }) => kind === 'refit' && name === 'many')
    for await (const state of engine.kindred.jobs.watch(job?.id ?? '')) {
      if (state.state === 'done') expect(state.result).toMatchObject({ space: 'descriptor', version: 2 })
    }
    const { spaces } = await many.summary()
    expect(spaces.find(({ name }) => name === 'descriptor')).toMatchObject({ version: 2, vectors: 260 })
    const versions = await many.encoderVersions('descriptor')
    expect(versions.map(({ version, state }) => [version, state])).toEqual([
      [2, 'current'],
      [1, 'retired'],
    ])
  })

  it('describes new pictures for likeness and for strangers at once as it does one after the other', async () => {
    const both = await engine.kindred.createCollection('both')
    await both.add(drawn.slice(0, 30).map(({ id, png }) => ({ id, image: png })))
    await both.outliers()
    await both.add([{ id: 'again', image: drawn[3]?.png }])
    const vectorsOf = async (id: string) => (await both.get(id, { include: ['vectors'] }))?.vectors
    const vectors = await vectorsOf('again')
    expect(Object.keys(vectors ?? {}).toSorted()).toEqual(['descriptor', 'outliers'])
    expect(vectors).toEqual(await vectorsOf(drawn[3]?.id ?? ''))
    expect((await both.outliers({ limit: 40 })).outliers.map(({ id }) => id)).toContain('again')
  })

  it('refuses to train where there is nothing to train on', async () => {
    const empty = await engine.kindred.createCollection('empty')
    const none = await empty.train({ encoder: 'autoencoder' })
    await expect(none.finished).rejects.toMatchObject({ code: 'TOO_FEW_IMAGES' })
    await empty.add([{ id: 'one', image: drawn[0]?.png }])
    const one = await empty.train({ encoder: 'vae' })
    await expect(one.finished).rejects.toMatchObject({ code: 'TOO_FEW_IMAGES' })
    await expect(empty.outliers()).rejects.toMatchObject({ code: 'TOO_FEW_ITEMS' })
  })
})
