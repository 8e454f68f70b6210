import { afterAll, beforeAll, expect, test } from 'vitest'
import { leastTime } from '../support/least-time.js'
import { type Call, openApp } from './open-app.js'

let call: Call
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, close } = await openApp())
  const json = { name: 'c', spaces: [{ name: 'mine', dim: 2 }], indexed: ['year'] }
  expect((await call('POST', '/v1/collections', { json })).json.indexed).toEqual(['year'])
  const items = Array.from({ length: 40 }, (_, i) => ({
    id: `i${i}`,
    metadata: { year: 2000 + (i % 10), tags: [i % 2 === 0 ? 'even' : 'odd', 'all'] },
    vectors: { mine: [Math.cos(i / 40), Math.sin(i / 40)] },
  }))
  await call('POST', '/v1/collections/c/items', { json: { items } })
})
afterAll(() => close())

const idsOf = (answer: { id: string }[]): string[] => answer.map(({ id }) => id)
const address = (where: unknown): string => `where=${encodeURIComponent(JSON.stringify(where))}`

test('a search takes where and facets, and its plan tells of them', async () => {
  const where = { year: { $gte: 2008 }, tags: { $contains: 'odd' } }
  const request = { query: { vector: [1, 0] }, where, facets: ['tags'], k: 2, include: [] }
  const { status, json } = await call('POST', '/v1/collections/c/search', { json: request })
  expect(status).toBe(200)
  expect(idsOf(json.results)).toEqual(['i9', 'i19'])
  expect(json.facets).toEqual({
    tags: [
      { value: 'all', count: 4 },
      { value: 'odd', count: 4 },
    ],
  })
  expect(json.plan.filter).toMatchObject({ matches: 4, selectivity: 0.1 })
})

test('items are listed by where, page by page', async () => {
  const where = address({ year: 2003 })
  const { json } = await call('GET', `/v1/collections/c/items?${where}&limit=3&include=`)
  expect(idsOf(json.items)).toEqual(['i3', 'i13', 'i23'])
  const next = await call('GET', `/v1/collections/c/items?${where}&limit=3&cursor=${json.cursor}`)
  expect(idsOf(next.json.items)).toEqual(['i33'])
  expect(next.json.cursor).toBeUndefined()
})

test('facets and counts are told', async () => {
  const { json } = await call(
    'GET',
    `/v1/collections/c/facets?field=year,tags&limit=1&${address({ tags: 'even' })}`,
  )
  expect(json).toEqual({
    matches: 20,
    facets: { year: [{ value: 2000, count: 4 }], tags: [{ value: 'all', count: 20 }] },
  })
  expect((await call('GET', '/v1/collections/c/facets')).json).toEqual({ matches: 40, facets: {} })
})

test('what matches is deleted', async () => {
  const deletion = { json: { where: { year: 2007 } } }
  expect((await call('POST', '/v1/collections/c/items/delete', deletion)).json).toEqual({ deleted: 4 })
  expect((await call('GET', `/v1/collections/c/facets?${address({ year: 2007 })}`)).json.matches).toBe(0)
})

test('other fields are indexed', async () => {
  const { status, json } = await call('PATCH', '/v1/collections/c', { json: { indexed: ['tags'] } })
  expect([status, json.indexed]).toEqual([200, ['tags']])
  const request = { query: { vector: [1, 0] }, where: { tags: 'odd' }, k: 1 }
  const answer = await call('POST', '/v1/collections/c/search', { json: request })
  expect(idsOf(answer.json.results)).toEqual(['i1'])
})

test('100,000 values of $in are answered, 10,000 conditions are refused, neither in the square of their number', async () => {
  const ask = (where: object) =>
    call('POST', '/v1/collections/c/search', { json: { query: { vector: [1, 0] }, where, k: 1 } })
  const anyOf = (count: number) => ({ year: { $in: Array.from({ length: count }, (_, i) => i) } })
  const terms = (count: number) => ({ $or: Array.from({ length: count }, (_, i) => ({ year: i })) })
  expect((await ask(anyOf(100_000))).json.results).toHaveLength(1)
  const refused = await ask(terms(10_000))
  expect([refused.status, refused.json.error.code]).toEqual([400, 'INVALID_FILTER'])
  const few = await leastTime(() => ask(anyOf(10_000)), 3)
  // 10 if it grows with the number, 100 with its square
  expect((await leastTime(() => ask(anyOf(100_000)), 3)) / few).toBeLessThan(40)
  expect((await leastTime(() => ask(terms(10_000)), 3)) / few).toBeLessThan(40)
})
