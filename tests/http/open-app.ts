import { Kindred } from '#src/engine/kindred.js'
import { type AppOptions, createApp } from '#src/http/app.js'
import { MemoryBackend } from '../support/memory-backend.js'
import { temporaryFolder } from '../support/test-home.js'

/** An engine in a home of its own; collections live in memory. */
export async function openKindred(): Promise<{ kindred: Kindred; close(): Promise<void> }> {
  const home = temporaryFolder()
  const kindred = await Kindred.open({ home: home.path, backend: new MemoryBackend(7), encoderThreads: 1 })
  return {
    kindred,
    async close() {
      await kindred.close()
      home.remove()
    },
  }
}

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  json: any
}

export type Call = (
  method: string,
  path: string,
  options?: { json?: unknown; body?: RequestInit['body']; headers?: Record<string, string> },
) => Promise<Answer>

/** The app over a fresh engine, and a way to call it as a client would, without a socket. */
export async function openApp(options: Omit<AppOptions, 'kindred'> = {}) {
  const { kindred, close } = await openKindred()
  const app = createApp({ kindred, ...options })
  const call: Call = async (method, path, { json, body, headers } = {}) => {
    const init: RequestInit & { duplex?: 'half' } = { method, headers: { ...headers } }
    if (json !== undefined) {
      init.body = JSON.stringify(json)
      init.headers = { 'content-type': 'application/json', ...headers }
    }
    if (body !== undefined) {
      init.body = body
      init.duplex = 'half'
    }
    const response = await app.request(`http://localhost${path}`, init)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, headers: response.headers, json: isJson ? JSON.parse(text) : text }
  }
  return { app, kindred, call, close }
}

/** A collection `c` with one space `mine` of 4 dimensions, whose vectors the user brings. */
export async function createVectors(call: Call): Promise<void> {
  const answer = await call('POST', '/v1/collections', {
    json: { name: 'c', spaces: [{ name: 'mine', dim: 4, metrics: ['cosine', 'euclidean'] }] },
  })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.json))
}

export const vectorItem = (id: string, x = 1): { id: string; vectors: { mine: number[] } } => ({
  id,
  vectors: { mine: [x, 1, 0, 0] },
})

/** One red pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
