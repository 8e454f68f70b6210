import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { type Call, openApp } from './open-app.js'

const NUMBERS = 120

describe('outliers over HTTP', () => {
  let app: Awaited<ReturnType<typeof openApp>>
  let call: Call

  const fill = async (name: string, count: number, far: number): Promise<void> => {
    const random = seededRandom(count)
    const spaces = [{ name: 'v', dim: 4, metrics: ['euclidean'] }]
    await call('POST', '/v1/collections', { json: { name, spaces } })
    const items = Array.from({ length: count + far }, (_, i) => ({
      id: `i${i}`,
      vectors: { v: Array.from({ length: 4 }, () => (i < count ? 0 : 20) + random.normal()) },
    }))
    const added = await call('POST', `/v1/collections/${name}/items`, { json: { items } })
    expect(added.status).toBe(200)
  }
  const outliers = (query = '', collection = 'numbers') =>
    call('GET', `/v1/collections/${collection}/outliers${query}`)

  beforeAll(async () => {
    app = await openApp()
    call = app.call
    await fill('numbers', NUMBERS, 2)
  })
  afterAll(() => app.close())

  it('are fitted as a job with progress, and kept as versions', async () => {
    const started = await call('POST', '/v1/collections/numbers/detections', {
      json: { reference: 'mixed', rate: 0.05 },
    })
    expect(started.status).toBe(202)
    expect(started.json.job).toMatchObject({ kind: 'detect', collection: 'numbers' })
    const events = await call('GET', `/v1/jobs/${started.json.job.id}/events`)
    expect(String(events.json)).toContain('"state":"done"')
    const { json } = await call('GET', '/v1/collections/numbers/detections?space=v')
    expect(json.detections).toMatchObject([
      {
        version: 1,
        state: 'current',
        judged: NUMBERS + 2,
        settings: { threshold: 0.05, flags: { rate: 0.05 } },
      },
    ])
  })

  it('are answered with p-values, detectors, a threshold and what to know of it', async () => {
    const { status, json } = await outliers('?limit=2')
    expect(status).toBe(200)
    expect(json.outliers.map(({ id }: { id: string }) => id).toSorted()).toEqual(['i120', 'i121'])
    expect(json).toMatchObject({
      ...{ space: 'v', detection: 1, reference: 'mixed', scored: NUMBERS + 2 },
      ...{ threshold: { pValue: 0.05, rate: 0.05 }, report: { items: NUMBERS + 2 } },
    })
    expect(json.notes).toHaveLength(1)
    expect(json.outliers[0].detectors.forest).toEqual({
      score: expect.any(Number),
      pValue: expect.any(Number),
    })
    const item = await call('GET', `/v1/collections/numbers/items/${json.outliers[0].id}`)
    expect({ id: item.json.id, ...item.json.anomaly }).toEqual(json.outliers[0])
    const flagged = await outliers('?flagged=true&rate=0.2&limit=1000')
    expect(flagged.json.outliers).toHaveLength(flagged.json.flagged)
  })

  it('are filtered, and found by a filter', async () => {
    const only = encodeURIComponent(JSON.stringify({ $id: { $in: ['i120', 'i3'] } }))
    const { json } = await outliers(`?where=${only}`)
    expect(json.outliers.map(({ id }: { id: string }) => id)).toEqual(['i120', 'i3'])
    const where = encodeURIComponent(JSON.stringify({ '$anomaly.pValue': { $lte: 0.01 } }))
    const listed = await call('GET', `/v1/collections/numbers/items?where=${where}`)
    expect(listed.json.items.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(['i120', 'i121']),
    )
  })

  it('are corrected by people', async () => {
    const said = await call('POST', '/v1/collections/numbers/corrections', {
      json: { ids: ['i120'], verdict: 'fine' },
    })
    expect(said.json).toEqual({ corrected: 1 })
    const item = await call('GET', '/v1/collections/numbers/items/i120')
    expect(item.json.anomaly).toMatchObject({ flagged: false, correction: 'fine' })
    const known = await call('GET', '/v1/collections/numbers/corrections')
    expect(known.json.corrections).toMatchObject([{ id: 'i120', verdict: 'fine' }])
    const back = await call('POST', '/v1/collections/numbers/corrections', {
      json: { ids: ['i120'], verdict: null },
    })
    expect(back.json).toEqual({ corrected: 1 })
  })

  it('are judged by another collection, and by a part of it', async () => {
    await fill('fresh', 20, 3)
    const whole = await outliers('?against=numbers&limit=3', 'fresh')
    expect(whole.json.outliers.map(({ id }: { id: string }) => id).toSorted()).toEqual(['i20', 'i21', 'i22'])
    expect(whole.json).toMatchObject({ reference: 'clean', scored: 23 })
    const ids = Array.from({ length: 60 }, (_, i) => `i${i}`)
    const where = encodeURIComponent(JSON.stringify({ $id: { $in: ids } }))
    const part = await outliers(`?against=numbers&againstWhere=${where}&fdr=0.2`, 'fresh')
    expect(part.json).toMatchObject({ report: { items: 60 }, threshold: { fdr: 0.2 } })
  })

  it.each([
    ['outliers?rate=0', 400, 'rate'],
    ['outliers?rate=0.1&fdr=0.1', 400, 'fdr'],
    ['outliers?detector=stars', 400, 'detector'],
    ['outliers?against=numbers&where={}', 400, 'where'],
    ['outliers?limit=0', 400, 'limit'],
  ])('GET %s is refused with %i, naming %s', async (path, status, field) => {
    const answer = await call('GET', `/v1/collections/numbers/${path}`)
    expect([answer.status, answer.json.error.details.field]).toEqual([status, field])
  })

  it.each([
    ['detections', { rate: 5 }, 400, 'INVALID_REQUEST'],
    ['detections', { reference: 'dirty' }, 400, 'INVALID_REQUEST'],
    ['detections', { colour: 1 }, 400, 'INVALID_REQUEST'],
    ['detections', { space: 'none' }, 404, 'SPACE_NOT_FOUND'],
    ['detections', { where: { $odd: 1 } }, 400, 'INVALID_FILTER'],
    ['corrections', { ids: ['nobody'], verdict: 'fine' }, 404, 'ITEM_NOT_FOUND'],
    ['corrections', { ids: ['i1'], verdict: 'odd' }, 400, 'INVALID_REQUEST'],
    ['corrections', { ids: 'i1', verdict: 'fine' }, 400, 'INVALID_REQUEST'],
  ])('POST %s with %j is refused with %i %s', async (path, json, status, code) => {
    const answer = await call('POST', `/v1/collections/numbers/${path}`, { json })
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
  })

  it('says that there are too few items', async () => {
    await fill('few', 3, 0)
    const answer = await outliers('', 'few')
    expect([answer.status, answer.json.error.code]).toEqual([422, 'TOO_FEW_ITEMS'])
  })
})
