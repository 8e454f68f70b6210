import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DuplicatePage } from '#src/core/types.js'
import type { Kindred } from '#src/engine/kindred.js'
import { type Call, openApp } from './open-app.js'

const PATH = '/v1/collections/notes/duplicates'
let call: Call
let kindred: Kindred
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, kindred, close } = await openApp())
  await call('POST', '/v1/collections', { json: { name: 'notes', spaces: [{ name: 'own', dim: 2 }] } })
  const words = 'a note about the weather in the mountains, where it snows until May'
  const items = ['a', 'b', 'c'].map((id) => ({ id, text: words }))
  const other = { id: 'd', text: `${words.replace('snows', 'rains')}` }
  await call('POST', '/v1/collections/notes/items', { json: { items: [...items, other] } })
})
afterAll(() => close())

async function find(json: unknown): Promise<DuplicatePage> {
  const { status, json: started } = await call('POST', PATH, { json })
  expect(status).toBe(202)
  expect(started.job).toMatchObject({ kind: 'duplicates', collection: 'notes' })
  for await (const job of kindred.jobs.watch(started.job.id)) {
    if (job.state === 'running') continue
    expect(job).toMatchObject({ state: 'done', result: { collection: 'notes', items: 4 } })
  }
  return (await call('GET', PATH)).json
}

test('there is nothing to read before the first search', async () => {
  const { status, json } = await call('GET', PATH)
  expect([status, json.error.code]).toEqual([404, 'NOT_FOUND'])
})

test('a job finds them, and the latest result is read page by page', async () => {
  expect(await find({})).toMatchObject({
    found: { groups: 1, exact: 2, near: 1, similar: 0 },
    options: { relations: ['exact', 'near'], by: 'item', textThreshold: 0.7, space: null },
    groups: [
      {
        keep: 'a',
        duplicates: [
          { id: 'b', relation: 'exact', score: 1 },
          { id: 'c', relation: 'exact', score: 1 },
          { id: 'd', relation: 'near' },
        ],
      },
    ],
  })
  expect((await find({ relations: ['exact'] })).found).toMatchObject({ exact: 2, near: 0 })
  expect((await call('GET', `${PATH}?limit=1`)).json.groups).toHaveLength(1)
})

test('only items that match are looked at, where that is asked', async () => {
  const { json } = await call('POST', PATH, { json: { where: { $id: { $gt: 'a', $lt: 'd' } } } })
  for await (const job of kindred.jobs.watch(json.job.id)) {
    if (job.state !== 'running') expect(job).toMatchObject({ state: 'done', result: { items: 2 } })
  }
  expect((await call('GET', PATH)).json).toMatchObject({
    groups: [{ keep: 'b', duplicates: [{ id: 'c', relation: 'exact' }] }],
    options: { where: { $id: { $gt: 'a', $lt: 'd' } } },
  })
})

test.each([
  ['an unknown operator', { where: { n: { $near: 1 } } }, 'where.n.$near', 400, 'INVALID_FILTER'],
  ['an unknown field', { kinds: ['exact'] }, 'kinds', 400, 'INVALID_REQUEST'],
  ['an unknown relation', { relations: ['same'] }, 'relations[0]', 400, 'INVALID_REQUEST'],
  ['a threshold out of range', { textThreshold: 0.1 }, 'textThreshold', 400, 'INVALID_REQUEST'],
  ['a threshold without its relation', { threshold: 0.9 }, 'threshold', 400, 'INVALID_REQUEST'],
  ['an unknown space', { relations: ['similar'], space: 'x' }, 'space', 404, 'SPACE_NOT_FOUND'],
])('%s is refused by name', async (_what, body, field, status, code) => {
  const answer = await call('POST', PATH, { json: body })
  expect([answer.status, answer.json.error.code, answer.json.error.details.field]).toEqual([
    status,
    code,
    field,
  ])
})

test('a wrong page is refused, and so is a collection that is not there', async () => {
  for (const query of ['limit=0', 'limit=x', 'cursor=abc', 'page=2']) {
    expect((await call('GET', `${PATH}?${query}`)).status).toBe(400)
  }
  for (const method of ['GET', 'POST']) {
    const { status, json } = await call(method, '/v1/collections/nowhere/duplicates', {
      json: method === 'POST' ? {} : undefined,
    })
    expect([status, json.error.code]).toEqual([404, 'COLLECTION_NOT_FOUND'])
  }
})
