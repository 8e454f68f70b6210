import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { type Call, createVectors, openApp, vectorItem } from './open-app.js'

let call: Call
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, close } = await openApp())
})
afterAll(() => close())
beforeEach(async () => {
  await call('DELETE', '/v1/collections/c')
  await createVectors(call)
})

const line = (id: string, x = 1) => JSON.stringify(vectorItem(id, x))
const lines = (count: number) => Array.from({ length: count }, (_, i) => line(`i${i}`, i + 1))
const send = (body: RequestInit['body'], type = 'application/x-ndjson') =>
  call('POST', '/v1/collections/c/items', { body, headers: { 'content-type': type } })
const count = async () => (await call('GET', '/v1/collections/c')).json.items

test('lines are written, blank ones passed over, the last needs no end', async () => {
  expect((await send(`${line('a')}\n\n  \r\n${line('b')}\r\n${line('日本')}`)).json).toEqual({
    upserted: 3,
    unchanged: 0,
    lines: 5,
  })
  expect((await send(`${line('a')}\n`)).json).toEqual({ upserted: 0, unchanged: 1, lines: 1 })
  expect((await send('')).json).toEqual({ upserted: 0, unchanged: 0, lines: 0 })
})

test('a long body in small pieces, cut within lines and letters, is read whole', async () => {
  const bytes = new TextEncoder().encode(`${lines(2500).join('\n')}\n${line('日本語')}`)
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + 997))
      at += 997
    },
  })
  expect((await send(body)).json).toEqual({ upserted: 2501, unchanged: 0, lines: 2501 })
  expect(await count()).toBe(2501)
})

test('a bad line is told by its number, and what was acknowledged before it stays', async () => {
  const all = lines(2500)
  all[2199] = '{"id": "broken"'
  const { status, json } = await send(all.join('\n'))
  expect([status, json.error.code]).toEqual([400, 'INVALID_JSON'])
  expect(json.error.message).toMatch(/^line 2200: /)
  expect(json.error.details).toMatchObject({
    line: 2200,
    acknowledged: { upserted: 2000, unchanged: 0, lines: 2000 },
  })
  expect(await count()).toBe(2000)
})

test.each([
  ['a wrong type', '{"id":"x","text":5}', 'INVALID_REQUEST', 'text'],
  ['an unknown field', '{"id":"x","txt":"a"}', 'INVALID_REQUEST', 'txt'],
  [
    'a value that only the engine can refuse',
    '{"id":"x","vectors":{"mine":[1,2]}}',
    'DIMENSION_MISMATCH',
    'vectors.mine',
  ],
  ['no object', '[]', 'INVALID_REQUEST', undefined],
])('%s on a line is told by its number', async (_, bad, code, field) => {
  const { json } = await send([line('a'), '', bad, line('b')].join('\n'))
  expect(json.error.code).toBe(code)
  expect(json.error.message).toMatch(/^line 3: /)
  expect(json.error.details).toMatchObject({ line: 3, acknowledged: { upserted: 0, lines: 0 } })
  expect(json.error.details.field).toBe(field)
  expect(await count()).toBe(0)
})

test('an id twice in one step is refused; in two steps the later one wins', async () => {
  const twice = await send([line('a'), line('a', 2)].join('\n'))
  expect(twice.json.error).toMatchObject({ code: 'DUPLICATE_ID', details: { line: 2 } })
  const far = [...lines(LIMITS.ndjsonStep), line('i0', 99)]
  expect((await send(far.join('\n'))).json).toEqual({ upserted: 1001, unchanged: 0, lines: 1001 })
  expect((await call('GET', '/v1/collections/c/items/i0?include=vectors')).json.vectors.mine[0][0]).toBe(99)
})

test('bytes that are no UTF-8 are refused by their line', async () => {
  const bytes = Buffer.concat([Buffer.from(`${line('a')}\n{"id":"`), Buffer.from([0xff]), Buffer.from('"}')])
  expect((await send(new Uint8Array(bytes))).json.error).toMatchObject({
    code: 'INVALID_JSON',
    details: { line: 2 },
  })
})

test('an endless line is refused before it is held in memory', async () => {
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1 << 20
      controller.enqueue(new Uint8Array(1 << 20).fill(0x61))
    },
  })
  const { json } = await send(endless)
  expect(json.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { line: 1 } })
  expect(sent).toBeLessThan(LIMITS.ndjsonLineBytes + (4 << 20))
})

test('NDJSON is taken for items only', async () => {
  const answer = await call('POST', '/v1/collections', {
    body: '{"name":"x"}',
    headers: { 'content-type': 'application/x-ndjson' },
  })
  expect(answer.status).toBe(415)
})
