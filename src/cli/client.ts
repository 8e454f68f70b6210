import { EngineError, ERROR_CODES, type ErrorDetails } from '../core/errors.js'
import type {
  AddReceipt,
  CollectionOptions,
  CollectionSummary,
  Include,
  Item,
  Metadata,
  SearchAnswer,
} from '../core/types.js'
import type { EncoderSummary } from '../encoders/registry.js'

/** An item as it travels: like `ItemInput`, the picture in base64. */
export interface WireItem {
  id: string
  text?: string
  image?: string
  metadata?: Metadata
  vectors?: Record<string, number[]>
}

/** Sends a request to an engine: over a socket, or into an app of the same process. */
export type Send = (request: Request) => Promise<Response>

export interface Page {
  items: Item[]
  cursor?: string
}

/** The HTTP API as typed calls; every refusal is thrown as the EngineError that the engine meant. */
export class Client {
  readonly #send: Send
  readonly #base: string
  readonly #token: string | undefined

  /** @param options.base where the API lies: `http://127.0.0.1:7700` */
  constructor(send: Send, options: { base: string; token?: string }) {
    this.#send = send
    this.#base = options.base
    this.#token = options.token
  }

  async collections(): Promise<CollectionSummary[]> {
    const answer = await this.#call<{ collections: CollectionSummary[] }>('GET', '/v1/collections')
    return answer.collections
  }

  collection(name: string): Promise<CollectionSummary> {
    return this.#call('GET', `/v1/collections/${encodeURIComponent(name)}`)
  }

  createCollection(name: string, options: CollectionOptions = {}): Promise<CollectionSummary> {
    return this.#call('POST', '/v1/collections', { body: { name, ...options } })
  }

  async deleteCollection(name: string): Promise<void> {
    await this.#call('DELETE', `/v1/collections/${encodeURIComponent(name)}`)
  }

  /** All of them or none. */
  addItems(collection: string, items: readonly WireItem[], signal?: AbortSignal): Promise<AddReceipt> {
    return this.#call('POST', itemsPath(collection), { body: { items }, signal })
  }

  item(collection: string, id: string, include?: readonly Include[]): Promise<Item> {
    return this.#call('GET', `${itemsPath(collection)}/${encodeURIComponent(id)}${query({ include })}`)
  }

  items(
    collection: string,
    options: { limit?: number; cursor?: string; include?: readonly Include[] } = {},
  ): Promise<Page> {
    return this.#call('GET', `${itemsPath(collection)}${query(options)}`)
  }

  deleteItems(collection: string, ids: readonly string[]): Promise<{ deleted: number }> {
    return this.#call('POST', `${itemsPath(collection)}/delete`, { body: { ids } })
  }

  search(collection: string, request: unknown, signal?: AbortSignal): Promise<SearchAnswer> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/search`
    return this.#call('POST', path, { body: request, signal })
  }

  async encoders(): Promise<EncoderSummary[]> {
    const { encoders } = await this.#call<{ encoders: EncoderSummary[] }>('GET', '/v1/encoders')
    return encoders
  }

  async useEncoder(name: string): Promise<void> {
    await this.#call('POST', '/v1/encoders/use', { body: { name } })
  }

  /** The id of an encoder, which is known once it is loaded. */
  async encoderId(name: string): Promise<string | undefined> {
    await this.#call('POST', '/v1/embeddings', { body: { input: 'id', model: name } })
    return (await this.encoders()).find((encoder) => encoder.name === name)?.id
  }

  async #call<T>(
    method: string,
    path: string,
    options: { body?: unknown; signal?: AbortSignal } = {},
  ): Promise<T> {
    const headers = new Headers({ accept: 'application/json' })
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`)
    const request = new Request(this.#base + path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    })
    let response: Response
    let text: string
    try {
      response = await this.#send(request)
      text = await response.text()
    } catch (error) {
      if (options.signal?.aborted) throw new EngineError('CANCELLED', 'interrupted', { cause: error })
      if (error instanceof EngineError) throw error
      throw new EngineError('SERVER_UNREACHABLE', `the server at ${this.#base} ${unreachable(error)}`, {
        cause: error,
      })
    }
    const value = parse(text)
    if (!response.ok) throw refusal(response.status, value)
    if (value === undefined)
      throw new EngineError('SERVER_UNREACHABLE', `${this.#base} does not answer as kindred does`)
    return value as T
  }
}

function itemsPath(collection: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}/items`
}

function query(fields: Record<string, string | number | readonly string[] | undefined>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) parameters.set(name, String(value))
  return parameters.size === 0 ? '' : `?${parameters}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal(status: number, value: unknown): EngineError {
  const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined
  const { code, message, details } = (error ?? {}) as {
    code?: string
    message?: string
    details?: ErrorDetails
  }
  const known = ERROR_CODES.find((candidate) => candidate === code)
  return new EngineError(known ?? 'INTERNAL', message ?? `the server answered with status ${status}`, {
    details,
  })
}

function unreachable(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'ECONNREFUSED') return 'no longer answers (connection refused)'
  return `broke off before it answered (${code}); what it had acknowledged before is kept`
}
