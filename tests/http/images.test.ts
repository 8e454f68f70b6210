import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DrawnImage, drawnImages } from '../support/drawn-images.js'
import { type Call, openApp } from './open-app.js'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

describe('images over HTTP', () => {
  let app: Awaited<ReturnType<typeof openApp>>
  let call: Call
  let drawn: DrawnImage[]

  const ended = async (job: { id: string }) => {
    const events = await call('GET', `/v1/jobs/${job.id}/events`)
    const states = String(events.json)
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => JSON.parse(line.slice('data: '.length)))
    return { states, last: states.at(-1) }
  }

  beforeAll(async () => {
    app = await openApp()
    call = app.call
    drawn = await drawnImages(60)
    await call('POST', '/v1/collections', { json: { name: 'shapes' } })
    const items = drawn.map(({ id, shape, png }) => ({ id, image: base64(png), metadata: { label: shape } }))
    const added = await call('POST', '/v1/collections/shapes/items', { json: { items } })
    expect(added.json).toEqual({ upserted: 60, unchanged: 0 })
  })
  afterAll(() => app.close())

  it('finds similar pictures by a picture in base64, as a data URL too', async () => {
    const [query] = await drawnImages(1, 5)
    for (const image of [
      base64(query?.png ?? new Uint8Array()),
      `data:image/png;base64,${base64(query?.png ?? new Uint8Array())}`,
    ]) {
      const { json } = await call('POST', '/v1/collections/shapes/search', {
        json: { query: { image }, k: 3 },
      })
      expect(json.plan.space).toBe('descriptor')
      expect(json.results.map(({ metadata }: { metadata: { label: string } }) => metadata.label)).toEqual([
        'disc',
        'disc',
        'disc',
      ])
    }
  })

  it('trains as a job with events, then answers in the new space, scores and reconstructs', async () => {
    const started = await call('POST', '/v1/collections/shapes/train', { json: { encoder: 'pca', dim: 5 } })
    expect(started.status).toBe(202)
    expect(started.json.job).toMatchObject({ kind: 'train', collection: 'shapes', state: 'running' })
    const { last } = await ended(started.json.job)
    expect(last).toMatchObject({ state: 'done', result: { space: 'pca', version: 1, dim: 5, scored: 60 } })
    expect((await call('GET', `/v1/jobs/${started.json.job.id}`)).json.state).toBe('done')

    const outliers = await call('GET', '/v1/collections/shapes/outliers?limit=3')
    expect(outliers.json).toMatchObject({ space: 'outliers', scored: 60, reference: 'mixed' })
    expect(outliers.json.outliers).toHaveLength(3)
    const [strangest] = outliers.json.outliers
    const id = encodeURIComponent(strangest.id)
    const item = await call('GET', `/v1/collections/shapes/items/${id}`)
    expect(item.json.anomaly).toEqual({ ...strangest, id: undefined })
    const picture = await call('GET', `/v1/collections/shapes/items/${id}/reconstruction?space=pca`)
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png'])
    const search = { query: { id: strangest.id }, space: 'pca', include: ['anomaly'] }
    const found = await call('POST', '/v1/collections/shapes/search', { json: search })
    expect(found.json.results[0].anomaly).toMatchObject({ space: 'pca', detector: 'reconstruction' })
  })

  it('shows the versions of an encoder and gives its files', async () => {
    const { json } = await call('GET', '/v1/collections/shapes/spaces/pca/versions')
    expect(json.versions).toMatchObject([
      { version: 1, state: 'current', encoderName: 'pca', dim: 5, vectors: 60 },
    ])
    const model = await call('GET', '/v1/collections/shapes/spaces/pca/encoder')
    expect(model.json).toMatchObject({ kind: 'pca', dim: 5 })
    expect([...model.json.files].sort()).toEqual(['decoder.onnx', 'encoder.onnx'])
    const file = await call('GET', '/v1/collections/shapes/spaces/pca/encoder/encoder.onnx')
    expect(file.headers.get('content-type')).toBe('application/octet-stream')
    const none = await call('GET', '/v1/collections/shapes/spaces/pca/encoder/other.onnx')
    expect([none.status, none.json.error.code]).toEqual([404, 'NOT_FOUND'])
  })

  it('refuses a vector that another encoder made, by name', async () => {
    const query = { vector: [1, 2, 3, 4, 5], encoder: 'of-another' }
    const { status, json } = await call('POST', '/v1/collections/shapes/search', {
      json: { query, space: 'pca' },
    })
    expect([status, json.error.code, json.error.details.received]).toEqual([
      409,
      'ENCODER_MISMATCH',
      'of-another',
    ])
  })

  it('cancels training and leaves the collection as it was', async () => {
    const before = await call('GET', '/v1/collections/shapes')
    const options = { encoder: 'autoencoder', epochs: 1000 }
    const started = await call('POST', '/v1/collections/shapes/train', { json: options })
    const twice = await call('POST', '/v1/collections/shapes/train', { json: options })
    expect([twice.status, twice.json.error.code]).toEqual([409, 'CONFLICT'])
    const cancelled = await call('DELETE', `/v1/jobs/${started.json.job.id}`)
    expect(cancelled.json).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } })
    expect((await call('GET', '/v1/collections/shapes')).json).toEqual(before.json)
  })

  it('brings an earlier version back', async () => {
    const again = await call('POST', '/v1/collections/shapes/train', { json: { encoder: 'pca', dim: 3 } })
    await ended(again.json.job)
    const back = await call('POST', '/v1/collections/shapes/spaces/pca/revert', { json: {} })
    expect((await ended(back.json.job)).last).toMatchObject({
      state: 'done',
      result: { space: 'pca', version: 1 },
    })
    const { json } = await call('GET', '/v1/collections/shapes')
    expect(json.spaces.find(({ name }: { name: string }) => name === 'pca')).toMatchObject({
      dim: 5,
      version: 1,
    })
  })

  it.each([
    ['train', { encoder: 'gan' }, 'encoder'],
    ['train', { encoder: 'vae', dim: 0 }, 'dim'],
    ['train', { encoder: 'vae', layers: 3 }, 'layers'],
    ['train', {}, 'encoder'],
    ['spaces/pca/revert', { version: 'old' }, 'version'],
  ])('%s refuses %j and names the field', async (path, body, field) => {
    const { status, json } = await call('POST', `/v1/collections/shapes/${path}`, { json: body })
    expect([status, json.error.code, json.error.details.field]).toEqual([400, 'INVALID_REQUEST', field])
  })

  it.each([
    ['outliers?limit=0', 400, 'INVALID_REQUEST'],
    ['outliers?rate=2', 400, 'INVALID_REQUEST'],
    ['outliers?rate=some', 400, 'INVALID_REQUEST'],
    ['outliers?reference=dirty', 400, 'INVALID_REQUEST'],
    ['outliers?against=nowhere', 404, 'COLLECTION_NOT_FOUND'],
    ['outliers?againstWhere={}', 400, 'INVALID_REQUEST'],
    ['detections?space=none', 404, 'SPACE_NOT_FOUND'],
    ['outliers?colour=red', 400, 'INVALID_REQUEST'],
    ['outliers?space=none', 404, 'SPACE_NOT_FOUND'],
    ['items/disc%200/image?rendition=maybe', 400, 'INVALID_REQUEST'],
    ['items/nobody/reconstruction', 404, 'ITEM_NOT_FOUND'],
    ['spaces/none/versions', 404, 'SPACE_NOT_FOUND'],
    ['spaces/text/encoder', 404, 'ENCODER_NOT_FOUND'],
  ])('GET %s is refused with %i %s', async (path, status, code) => {
    const answer = await call('GET', `/v1/collections/shapes/${path}`)
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
  })
})
