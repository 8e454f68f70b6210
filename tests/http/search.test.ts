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
