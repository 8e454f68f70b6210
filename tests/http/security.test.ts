import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLoopback } from '#src/http/security.js'
import { type Call, openApp } from './open-app.js'

let call: Call
let close: () => Promise<void>

beforeAll(async () => {
  ;({ call, close } = await openApp({ token: 'sesame', allowedHosts: ['localhost', '127.0.0.1', '[::1]'] }))
})
afterAll(() => close())

const bearer = { authorization: 'Bearer sesame' }
const host = { host: 'localhost:7700' }

describe('a token', () => {
  test.each(['/v1/health', '/', '/docs', '/openapi.json'])('is not asked at %s', async (path) => {
    expect((await call('GET', path, { headers: host })).status).toBe(200)
  })

  test.each(['/v1/collections', '/v1/ready', '/v1/jobs', '/v1/models', '/v1/nothing', '/metrics'])(
    'is asked at %s',
    async (path) => {
      const without = await call('GET', path, { headers: host })
      expect([without.status, without.json.error.code]).toEqual([401, 'UNAUTHORIZED'])
      const wrong = await call('GET', path, { headers: { ...host, authorization: 'Bearer sesam' } })
      expect(wrong.status).toBe(401)
      expect((await call('GET', path, { headers: { ...host, ...bearer } })).status).not.toBe(401)
    },
  )

  test('is asked before a body is read or a method refused', async () => {
    expect((await call('POST', '/v1/collections', { json: {}, headers: host })).status).toBe(401)
    expect((await call('PUT', '/v1/collections', { headers: host })).status).toBe(401)
  })

  test('may be announced in any case', async () => {
    const headers = { ...host, authorization: 'bearer sesame' }
    expect((await call('GET', '/v1/collections', { headers })).status).toBe(200)
  })
})

describe('the host name', () => {
  test.each(['localhost', 'LOCALHOST:7700', '127.0.0.1:1', '[::1]', '[::1]:7700'])(
    '%s is ours',
    async (name) => {
      expect((await call('GET', '/v1/health', { headers: { host: name } })).status).toBe(200)
    },
  )

  test.each(['evil.example', 'localhost.evil.example:7700', '127.0.0.1.nip.io', ''])(
    '%j is refused everywhere',
    async (name) => {
      for (const path of ['/v1/health', '/', '/v1/collections', '/nothing']) {
        const answer = await call('GET', path, { headers: { host: name, ...bearer } })
        expect([answer.status, answer.json.error.code]).toEqual([403, 'FORBIDDEN'])
      }
    },
  )
})

test('no answer allows other origins', async () => {
  for (const method of ['GET', 'OPTIONS']) {
    const headers = {
      ...host,
      ...bearer,
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    }
    const answer = await call(method, '/v1/collections', { headers })
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  }
})

test('loopback addresses are known', () => {
  expect(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'].filter(isLoopback)).toHaveLength(5)
  expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example'].filter(isLoopback)).toHaveLength(0)
})
