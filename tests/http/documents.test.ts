import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ERROR_CODES } from '#src/core/errors.js'
import { type Call, openApp } from './open-app.js'

let call: Call
let app: Awaited<ReturnType<typeof openApp>>['app']
let close: () => Promise<void>

beforeAll(async () => {
  ;({ app, call, close } = await openApp({ version: '9.8.7' }))
})
afterAll(() => close())

test('every route served is in the OpenAPI document, and every one in it is served', async () => {
  const { json } = await call('GET', '/openapi.json')
  expect(json).toMatchObject({ openapi: '3.1.0', info: { title: 'kindred', version: '9.8.7' } })
  const described = Object.entries<object>(json.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const served = app.routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  expect(described.toSorted()).toEqual(served.toSorted())
  for (const route of described) {
    const [method = '', path = ''] = route.split(' ')
    const answer = await call(method, path.replaceAll(/\{\w+\}/g, 'x'))
    expect([route, answer.json?.error?.code]).not.toEqual([route, 'NOT_FOUND'])
    expect([route, answer.status]).not.toEqual([route, 405])
  }
})

test('the document names what it refers to', async () => {
  const { json } = await call('GET', '/openapi.json')
  const references = JSON.stringify(json).matchAll(/"#\/components\/schemas\/(\w+)"/g)
  const names = new Set([...references].map(([, name]) => name))
  expect(names.size).toBeGreaterThan(5)
  for (const name of names) expect(json.components.schemas).toHaveProperty(name ?? '')
})

test('the document tells which routes ask for a token where there is one, and all error codes', async () => {
  const { json } = await call('GET', '/openapi.json')
  expect(json.components.securitySchemes.token).toMatchObject({ type: 'http', scheme: 'bearer' })
  expect(json.paths['/v1/collections'].get.security).toEqual([{}, { token: [] }])
  expect(json.paths['/v1/health'].get.security).toEqual([])
  expect(json.components.schemas.Error.properties.error.properties.code.enum).toEqual([...ERROR_CODES])
})

test('the docs page lists every route', async () => {
  const { json } = await call('GET', '/openapi.json')
  const { json: html } = await call('GET', '/docs')
  for (const path of Object.keys(json.paths)) expect(html).toContain(`<code>${path}</code>`)
})

test.each(['/', '/docs'])(
  'the page at %s asks no other host, and its policy lets its own parts run',
  async (path) => {
    const { headers, json: html } = await call('GET', path)
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|https?:/)
    for (const [, , content = ''] of html.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)) {
      expect(policy).toContain(`'sha256-${createHash('sha256').update(content).digest('base64')}'`)
    }
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect(html).not.toMatch(/ on\w+="| style="|@import|url\(/)
  },
)

test('the start page uses only routes that are served', async () => {
  const { json: html } = await call('GET', '/')
  const { json } = await call('GET', '/openapi.json')
  for (const [, path = ''] of html.matchAll(/call\('(\/\w+)/g))
    expect(json.paths).toHaveProperty(`/v1${path}`)
})

test('health tells the version and the process', async () => {
  expect((await call('GET', '/v1/health')).json).toEqual({ status: 'ok', version: '9.8.7', pid: process.pid })
})

test('HEAD is answered where GET is', async () => {
  expect((await app.request('/v1/health', { method: 'HEAD' })).status).toBe(200)
})
