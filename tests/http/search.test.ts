import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { type Call, createVectors, openApp } from './open-app.js'

let call: Call
let close: () => Promise<void>
const COUNT = 1200

beforeAll(async () => {
  ;({ call, close } = await openApp())
  await createVectors(call)
  const random = seededRandom(3)
  const items = Array.from({ length: COUNT }, (_, i) => ({
    id: `i${i}`,
    metadata: { i },
    vectors: { mine: [random.normal(), random.normal(), random.normal(), random.normal()] },
  }))
  await call('POST', '/v1/collections/c/items', { json: { items } })
})
afterAll(() => close())

const search = (body: unknown) => call('POST', '/v1/collections/c/search', { json: body })

test('the nearest come first, with what include names', async () => {
  const { status, json } = await search({ query: { vector: [1, 2, 3, 4] }, k: 5, include: ['vectors'] })
  expect(status).toBe(200)
  expect(json.results).toHaveLength(5)
  const distances = json.results.map((result: { distance: number }) => result.distance)
  expect(distances).toEqual(distances.toSorted((a: number, b: number) => a - b))
  expect(json.results[0]).toMatchObject({
    id: expect.stringMatching(/^i/),
    vectors: { mine: [[expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number)]] },
  })
  expect(json.results[0].metadata).toBeUndefined()
  expect(json.results[0].score).toBeCloseTo(1 - json.results[0].distance, 6)
  expect(json.plan).toMatchObject({ space: 'mine', metric: 'cosine' })
  expect(json.tookMs).toBeGreaterThan(0)
})

test('an item does not find itself', async () => {
  const { json } = await search({ query: { id: 'i7' }, k: 10 })
  expect(json.results).toHaveLength(10)
  expect(json.results.map((result: { id: string }) => result.id)).not.toContain('i7')
})

test('a long answer, written in pieces, is whole', async () => {
  const { json } = await search({
    query: { vector: [1, 2, 3, 4] },
    k: 10_000,
    include: ['metadata', 'vectors'],
  })
  expect(json.results).toHaveLength(COUNT)
  expect(new Set(json.results.map((result: { metadata: { i: number } }) => result.metadata.i)).size).toBe(
    COUNT,
  )
  expect(json.plan.space).toBe('mine')
})

test('metric, space, exact and ef are passed on', async () => {
  const { json } = await search({
    query: { vector: [1, 0, 0, 0] },
    space: 'mine',
    metric: 'euclidean',
    mode: 'dense',
    exact: true,
    ef: 50,
    k: 1,
  })
  expect(json.plan).toMatchObject({ metric: 'euclidean', strategy: 'exact' })
  expect(json.results[0].score).toBeCloseTo(1 / (1 + json.results[0].distance), 6)
})

test('words are searched, marked, and fused with what they mean', async () => {
  const made = await call('POST', '/v1/collections', { json: { name: 'words', keywords: ['title'] } })
  expect(made).toMatchObject({ status: 201, json: { name: 'words', keywords: ['title'] } })
  const items = [
    { id: 'tea', text: 'Green tea wants hot water.', metadata: { title: 'Kitchen' } },
    { id: 'moon', text: 'The moon draws the tides.' },
  ]
  await call('POST', '/v1/collections/words/items', { json: { items } })
  const ask = (body: unknown) => call('POST', '/v1/collections/words/search', { json: body })
  const words = await ask({ query: { text: '"hot water" kitchens' }, mode: 'keyword' })
  expect(words.json.results).toEqual([
    {
      id: 'tea',
      score: expect.any(Number),
      metadata: { title: 'Kitchen' },
      passage: items[0]?.text,
      highlights: [{ text: items[0]?.text, start: 0, marks: [[16, 25]] }],
    },
  ])
  expect(words.json.plan).toEqual({ mode: 'keyword', strategy: 'keyword', scanned: 0 })
  const both = await ask({ query: { text: 'tides' }, alpha: 0.6, fusion: 'score' })
  expect(both.json.plan).toMatchObject({ mode: 'hybrid', alpha: 0.6, fusion: 'score', space: 'text' })
  expect(both.json.results[0]).toMatchObject({
    id: 'moon',
    scores: { dense: expect.any(Number), keyword: expect.any(Number) },
    distance: expect.any(Number),
  })
  const refused = await ask({ query: { text: '-tea' } })
  expect(refused).toMatchObject({
    status: 400,
    json: { error: { code: 'INVALID_REQUEST', details: { field: 'query.text' } } },
  })
})

test('examples ask for more like these and less like those, and never find themselves', async () => {
  const query = { positive: [{ id: 'i1', weight: 2 }, { vector: [1, 2, 3, 4] }], negative: [{ id: 'i2' }] }
  const { status, json } = await search({ query, k: COUNT })
  expect(status).toBe(200)
  const ids = json.results.map((result: { id: string }) => result.id)
  expect(ids).toHaveLength(COUNT - 2)
  expect(ids).not.toContain('i1')
  expect(ids).not.toContain('i2')
})

test('a cursor goes on where the page ended, and is of one query only', async () => {
  const query = { vector: [1, 2, 3, 4] }
  const rest = { include: [], calibrated: true }
  const whole = await search({ query, k: 25, exact: true, ...rest })
  const first = await search({ query, k: 10, offset: 0, ...rest })
  const second = await search({ query, k: 15, cursor: first.json.cursor, ...rest })
  expect([...first.json.results, ...second.json.results]).toEqual(whole.json.results)
  const other = await search({ query: { vector: [4, 2, 3, 4] }, cursor: first.json.cursor })
  expect(other.json.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'cursor' } })
})

test('groups, bounds and diversity are passed on', async () => {
  const query = { vector: [1, 2, 3, 4] }
  const groups = await search({ query, groupBy: 'i', k: 3, minScore: 0.5 })
  expect(groups.json.results.map((result: { group: number }) => `i${result.group}`)).toEqual(
    groups.json.results.map((result: { id: string }) => result.id),
  )
  const near = await search({ query, maxDistance: 0.1, k: COUNT })
  expect(near.json.results.every((result: { distance: number }) => result.distance <= 0.1)).toBe(true)
  expect((await search({ query, diversity: 0.5, k: 7 })).json.results).toHaveLength(7)
})

test('a batch is answered in its order; one bad search refuses all, naming its position', async () => {
  const batch = (searches: unknown) => call('POST', '/v1/collections/c/search/batch', { json: { searches } })
  const one = { query: { id: 'i3' }, k: 2, exact: true }
  const { status, json } = await batch([one, { ...one, query: { id: 'i4' } }])
  expect(status).toBe(200)
  const alone = await search(one)
  expect(json.answers).toHaveLength(2)
  expect(json.answers[0].results).toEqual(alone.json.results)
  expect((await batch([])).json).toEqual({ answers: [] })
  expect((await batch([one, { ...one, k: 'ten' }])).json.error).toMatchObject({
    code: 'INVALID_REQUEST',
    details: { index: 1, field: 'searches[1].k' },
  })
  expect((await batch([one, { query: { id: 'nobody' } }])).json.error).toMatchObject({
    code: 'ITEM_NOT_FOUND',
    details: { index: 1, field: 'searches[1].query.id' },
  })
  expect((await batch(Array.from({ length: 101 }, () => one))).json.error).toMatchObject({
    code: 'INVALID_REQUEST',
    details: { field: 'searches' },
  })
})

test('a collection of twenty items or more tells how unusual a similarity is, and whether a text was answered', async () => {
  await call('POST', '/v1/collections', { json: { name: 'judged' } })
  const things = ['kettle', 'teapot', 'saucepan', 'ladle', 'whisk', 'oven', 'fridge', 'plate', 'cup', 'spoon']
  const items = things.flatMap((thing) => [
    { id: thing, text: `A ${thing} stands in the kitchen.` },
    { id: `old ${thing}`, text: `Grandmother gave me her old ${thing}.` },
  ])
  await call('POST', '/v1/collections/judged/items', { json: { items } })
  const ask = (body: unknown) => call('POST', '/v1/collections/judged/search', { json: body })
  const real = await ask({ query: { text: 'the old teapot of my grandmother' }, calibrated: true })
  expect(real.json).toMatchObject({
    match: 'good',
    matchReason: {
      likelihood: expect.any(Number),
      percentile: expect.any(Number),
      deviations: expect.any(Number),
      words: expect.any(Number),
    },
  })
  expect(real.json.results[0].percentile).toBeGreaterThan(50)
  const nonsense = await ask({ query: { text: 'parliament asteroid invoice goalkeeper' } })
  expect(nonsense.json.match).toBe('none')
  expect(nonsense.json.results.length).toBe(10)
  expect(await ask({ query: { text: 'x' }, calibrated: 1 })).toMatchObject({ status: 400 })
})
