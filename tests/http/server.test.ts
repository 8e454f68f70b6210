import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ItemInput } from '#src/core/types.js'
import type { Kindred } from '#src/engine/kindred.js'
import { type RunningServer, startServer } from '#src/http/server.js'
import { readServerRecord } from '#src/http/server-record.js'
import { openKindred, vectorItem } from './open-app.js'

let kindred: Kindred
let server: RunningServer
let close: () => Promise<void>

beforeAll(async () => {
  ;({ kindred, close } = await openKindred())
  server = await startServer({ kindred, port: 0 })
  await kindred.createCollection('c', { spaces: [{ name: 'mine', dim: 4 }] })
  await (await kindred.getCollection('c')).add([vectorItem('a')])
})
afterAll(async () => {
  await server.close()
  await close()
})

const json = { 'content-type': 'application/json' }
const search = () =>
  fetch(`${server.url}/v1/collections/c/search`, {
    method: 'POST',
    headers: json,
    body: '{"query":{"vector":[1,0,0,0]}}',
  })

/** Speaks HTTP by hand; resolves with all that came until the other side ended. */
function raw(write: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1')
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes
    })
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)))
    socket.on('close', () => resolve(text))
    write(socket)
  })
}

describe('serving', () => {
  test('it answers over a socket', async () => {
    const response = await search()
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ results: [{ id: 'a' }] })
  })

  test('server.json tells where, only to its owner', async () => {
    const path = join(kindred.home, 'server.json')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      url: server.url,
      pid: process.pid,
      startedAt: expect.stringMatching(/^\d{4}-/),
    })
  })

  test('a port in use is named', async () => {
    await expect(startServer({ kindred, port: server.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`port ${server.port}`),
    })
    expect(await readServerRecord(kindred.home)).toMatchObject({ url: server.url })
  })

  test('an address that is not of this machine is refused', async () => {
    await expect(startServer({ kindred, host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
  })

  test('a foreign host name is refused', async () => {
    const text = await raw((socket) =>
      socket.write('GET /v1/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'),
    )
    expect(text).toMatch(/^HTTP\/1\.1 403 /)
  })

  test('ids that look like paths reach their item', async () => {
    const collection = await kindred.getCollection('c')
    for (const id of ['..%2Fx', '../x', 'a/./b', '日本語 ?#']) {
      await collection.add([vectorItem(id)])
      const response = await fetch(`${server.url}/v1/collections/c/items/${encodeURIComponent(id)}`)
      expect(await response.json()).toMatchObject({ id })
    }
    const text = await raw((socket) =>
      socket.write(
        'GET /v1/collections/c/items/%2e%2e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      ),
    )
    expect(text).toMatch(/^HTTP\/1\.1 (400|404) /)
  })

  test('it becomes ready when the encoder is loaded', async () => {
    const ready = () => fetch(`${server.url}/v1/ready`)
    const first = await ready()
    expect([200, 503]).toContain(first.status)
    await kindred.warm()
    let last = await ready()
    // The answer changes with the promise that this very request may have started.
    while (last.status === 503) last = await ready()
    expect(await last.json()).toMatchObject({ ready: true, encoder: 'all-MiniLM-L6-v2' })
  })
})

describe('bodies over the limit', () => {
  const head = (more: string) =>
    `POST /v1/collections/c/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}\r\n\r\n`

  test('a declared length is refused at once, and the client that goes on sending sees the answer', async () => {
    const text = await raw((socket) => {
      socket.write(head('Content-Length: 100000000'))
      const piece = Buffer.alloc(1 << 20, 0x20)
      const pump = (): void => {
        while (!socket.destroyed && socket.writable && socket.write(piece));
      }
      socket.on('drain', pump)
      pump()
    })
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).toContain('BODY_TOO_LARGE')
  })

  test('a chunked body is refused when it has become too large', async () => {
    const text = await raw((socket) => {
      socket.write(head('Transfer-Encoding: chunked'))
      const piece = Buffer.concat([
        Buffer.from('100000\r\n'),
        Buffer.alloc(1 << 20, 0x20),
        Buffer.from('\r\n'),
      ])
      const pump = (): void => {
        while (!socket.destroyed && socket.writable && socket.write(piece));
      }
      socket.on('drain', pump)
      pump()
    })
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).toContain('BODY_TOO_LARGE')
  })

  test('a chunked body within it is read, and so is one of fetch that streams', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from('{"query":{"vector":'))
        controller.enqueue(Buffer.from('[1,0,0,0]}}'))
        controller.close()
      },
    })
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers: json, body, duplex: 'half' }
    expect((await fetch(`${server.url}/v1/collections/c/search`, init)).status).toBe(200)
  })

  test('after a refusal the server still answers', async () => {
    expect((await search()).status).toBe(200)
  })
})

describe('clients that go away', () => {
  test('work that was asked is aborted', async () => {
    const collection = await kindred.getCollection('c')
    const prototype: { add: typeof collection.add } = Object.getPrototypeOf(collection)
    const { add } = prototype
    let aborted: () => void = () => {}
    const seen = new Promise<void>((resolve) => {
      aborted = resolve
    })
    const client = new AbortController()
    prototype.add = function (items: readonly ItemInput[], options) {
      options?.signal?.addEventListener('abort', () => aborted())
      client.abort()
      return seen.then(() => add.call(this, items, options))
    }
    try {
      const body = JSON.stringify({ items: [vectorItem('never')] })
      const request = fetch(`${server.url}/v1/collections/c/items`, {
        method: 'POST',
        headers: json,
        body,
        signal: client.signal,
      })
      await expect(request).rejects.toMatchObject({ name: 'AbortError' })
      await seen
    } finally {
      prototype.add = add
    }
    expect(await collection.get('never')).toBeUndefined()
  })

  test('an event stream lets go of its job', async () => {
    let finish: () => void = () => {}
    const { id, finished } = kindred.jobs.start(
      { kind: 'test' },
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    )
    const client = new AbortController()
    const response = await fetch(`${server.url}/v1/jobs/${id}/events`, { signal: client.signal })
    const reader = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"state":"running"')
    client.abort()
    await expect(reader?.read()).rejects.toThrow()
    finish()
    await finished
    expect((await search()).status).toBe(200)
  })

  test('half a body leaves nothing behind', async () => {
    const socket = connect(server.port, '127.0.0.1')
    await new Promise<void>((resolve) => {
      socket.write(
        'POST /v1/collections/c/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"items":[',
        () => resolve(),
      )
    })
    socket.destroy()
    expect((await search()).status).toBe(200)
  })
})

describe('closing', () => {
  test('a running request is finished, event streams end, server.json goes', async () => {
    const { kindred: other, close: closeOther } = await openKindred()
    const running = await startServer({ kindred: other, port: 0, token: 'sesame' })
    expect(await readServerRecord(other.home)).toMatchObject({ token: 'sesame' })
    const collection = await other.createCollection('c', { spaces: [{ name: 'mine', dim: 4 }] })
    const headers = { ...json, authorization: 'Bearer sesame' }
    const { id, finished } = other.jobs.start(
      { kind: 'test' },
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    )
    finished.catch(() => {})
    const events = await fetch(`${running.url}/v1/jobs/${id}/events`, { headers })

    const items = Array.from({ length: 5000 }, (_, i) => vectorItem(`i${i}`, i + 1))
    let closed: Promise<void> | undefined
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        closed ??= running.close()
        controller.enqueue(Buffer.from(items.map((item) => JSON.stringify(item)).join('\n')))
        controller.close()
      },
    })
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-ndjson' },
      body,
      duplex: 'half',
    }
    const answer = await fetch(`${running.url}/v1/collections/c/items`, init).catch((error) => error)
    // Whether the connection was taken before the server closed is the system's to say; both ends are whole.
    if (answer instanceof Response) expect(await answer.json()).toMatchObject({ upserted: 5000 })
    else expect((await collection.summary()).items).toBe(0)
    expect(await events.text()).toContain('"state":"running"')
    await closed
    await running.close()
    expect(existsSync(join(other.home, 'server.json'))).toBe(false)
    await expect(fetch(`${running.url}/v1/health`)).rejects.toThrow()
    await closeOther()
  })

  test('a connection on which nothing was asked is not waited for', async () => {
    const { kindred: other, close: closeOther } = await openKindred()
    const running = await startServer({ kindred: other, port: 0 })
    const silent = connect(running.port, '127.0.0.1')
    await once(silent, 'connect')
    // the answer to a later connection: by then the server has taken the first one
    expect((await fetch(`${running.url}/v1/health`)).status).toBe(200)
    // a running request is given ten seconds
    await running.close()
    await closeOther()
    silent.destroy()
  }, 8_000)

  test('the record of another server is left alone', async () => {
    const { kindred: other, close: closeOther } = await openKindred()
    const first = await startServer({ kindred: other, port: 0 })
    const second = await startServer({ kindred: other, port: 0 })
    await first.close()
    expect(await readServerRecord(other.home)).toMatchObject({ url: second.url })
    await second.close()
    expect(await readServerRecord(other.home)).toBeUndefined()
    await closeOther()
  })
})
