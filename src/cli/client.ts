import type { Correction, DetectionVersion, EncoderVersion } from '../core/backend.js'
import { EngineError, ERROR_CODES, type ErrorDetails } from '../core/errors.js'
import type { ImageEncoderModel } from '../core/image-encoder.js'
import type { Job } from '../core/jobs.js'
import type {
  AddReceipt,
  CollectionOptions,
  CollectionSummary,
  DetectOptions,
  DuplicateOptions,
  DuplicatePage,
  Include,
  Item,
  Metadata,
  OutlierAnswer,
  OutlierExplanation,
  OutlierOptions,
  RenderedImageInput,
  SearchAnswer,
} from '../core/types.js'
import type { EncoderSummary } from '../encoders/registry.js'
import type { FacetAnswer, FacetOptions } from '../engine/filters.js'
import type { TrainOptions } from '../engine/train-request.js'

/** A picture that was rendered from a file, in base64. */
export type WireImage = Omit<RenderedImageInput, 'rendition'> & { rendition: string }

/** An item as it travels: like `ItemInput`, the picture in base64. */
export interface WireItem {
  id: string
  text?: string
  image?: string | WireImage
  metadata?: Metadata
  vectors?: Record<string, number[]>
}

/** An explanation as it travels: the picture on its own. */
export type WireExplanation = Omit<OutlierExplanation, 'picture'> & { hasPicture: boolean }

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
    options: { limit?: number; cursor?: string; include?: readonly Include[]; where?: unknown } = {},
  ): Promise<Page> {
    return this.#call('GET', `${itemsPath(collection)}${query(withWhere(options))}`)
  }

  deleteItems(
    collection: string,
    which: { ids: readonly string[] } | { where: unknown },
  ): Promise<{ deleted: number }> {
    return this.#call('POST', `${itemsPath(collection)}/delete`, { body: which })
  }

  facets(collection: string, { fields, ...options }: FacetOptions): Promise<FacetAnswer> {
    const asked = query({ ...withWhere(options), field: fields?.length ? fields : undefined })
    return this.#call('GET', `/v1/collections/${encodeURIComponent(collection)}/facets${asked}`)
  }

  setIndexed(collection: string, indexed: readonly string[]): Promise<CollectionSummary> {
    return this.#call('PATCH', `/v1/collections/${encodeURIComponent(collection)}`, { body: { indexed } })
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

  async train(collection: string, options: TrainOptions): Promise<Job> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/train`
    return (await this.#call<{ job: Job }>('POST', path, { body: options })).job
  }

  outliers(collection: string, { against, ...options }: OutlierOptions): Promise<OutlierAnswer> {
    const beside = typeof against === 'object' ? against : { collection: against }
    const asked = {
      ...withWhere(options),
      against: beside.collection,
      againstWhere:
        'where' in beside && beside.where !== undefined ? JSON.stringify(beside.where) : undefined,
    }
    return this.#call('GET', `/v1/collections/${encodeURIComponent(collection)}/outliers${query(asked)}`)
  }

  async detect(collection: string, options: DetectOptions): Promise<Job> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/detections`
    return (await this.#call<{ job: Job }>('POST', path, { body: options })).job
  }

  async detections(collection: string, space?: string): Promise<DetectionVersion[]> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/detections${query({ space })}`
    return (await this.#call<{ detections: DetectionVersion[] }>('GET', path)).detections
  }

  explanation(collection: string, id: string, space: string): Promise<WireExplanation> {
    return this.#call(
      'GET',
      `${itemsPath(collection)}/${encodeURIComponent(id)}/explanation${query({ space })}`,
    )
  }

  /** A PNG. */
  explanationImage(collection: string, id: string, space: string): Promise<Uint8Array> {
    return this.#bytes(
      `${itemsPath(collection)}/${encodeURIComponent(id)}/explanation/image${query({ space })}`,
    )
  }

  correct(
    collection: string,
    ids: readonly string[],
    verdict: Correction['verdict'] | null,
  ): Promise<{ corrected: number }> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/corrections`
    return this.#call('POST', path, { body: { ids, verdict } })
  }

  async findDuplicates(collection: string, options: DuplicateOptions): Promise<Job> {
    const path = `/v1/collections/${encodeURIComponent(collection)}/duplicates`
    return (await this.#call<{ job: Job }>('POST', path, { body: options })).job
  }

  duplicates(collection: string, options: { limit?: number; cursor?: string }): Promise<DuplicatePage> {
    return this.#call('GET', `/v1/collections/${encodeURIComponent(collection)}/duplicates${query(options)}`)
  }

  async versions(collection: string, space: string): Promise<EncoderVersion[]> {
    const path = `${spacePath(collection, space)}/versions`
    return (await this.#call<{ versions: EncoderVersion[] }>('GET', path)).versions
  }

  async revert(collection: string, space: string, version?: number): Promise<Job> {
    const body = version === undefined ? {} : { version }
    return (await this.#call<{ job: Job }>('POST', `${spacePath(collection, space)}/revert`, { body })).job
  }

  /** A fitted encoder with all its files. */
  async encoderModel(collection: string, space: string, version?: number): Promise<ImageEncoderModel> {
    const path = `${spacePath(collection, space)}/encoder`
    const asked = query({ version })
    const { files: names, ...model } = await this.#call<
      Omit<ImageEncoderModel, 'files'> & { files: string[] }
    >('GET', `${path}${asked}`)
    const files: Record<string, Uint8Array> = {}
    for (const name of names) {
      files[name] = await this.#bytes(`${path}/${encodeURIComponent(name)}${asked}`)
    }
    return { ...model, files }
  }

  async jobs(): Promise<Job[]> {
    return (await this.#call<{ jobs: Job[] }>('GET', '/v1/jobs')).jobs
  }

  /** Asks a job to stop. @returns it as it is then */
  cancelJob(id: string): Promise<Job> {
    return this.#call('DELETE', `/v1/jobs/${encodeURIComponent(id)}`)
  }

  /** A job as it is now, then after each change, and at last in its final state. */
  async *watchJob(id: string, signal?: AbortSignal): AsyncGenerator<Job, void, undefined> {
    const response = await this.#fetch('GET', `/v1/jobs/${encodeURIComponent(id)}/events`, { signal })
    if (!response.ok) throw refusal(response.status, parse(await response.text()))
    const decoder = new TextDecoder()
    let rest = ''
    for await (const part of response.body ?? []) {
      rest += decoder.decode(part as Uint8Array, { stream: true })
      const events = rest.split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) {
        const line = event.split('\n').find((text) => text.startsWith('data: '))
        if (line) yield JSON.parse(line.slice('data: '.length)) as Job
      }
    }
  }

  /** The id of an encoder, which is known once it is loaded. */
  async encoderId(name: string): Promise<string | undefined> {
    await this.#call('POST', '/v1/embeddings', { body: { input: 'id', model: name } })
    return (await this.encoders()).find((encoder) => encoder.name === name)?.id
  }

  async #bytes(path: string): Promise<Uint8Array> {
    const response = await this.#fetch('GET', path)
    if (!response.ok) throw refusal(response.status, parse(await response.text()))
    return new Uint8Array(await response.arrayBuffer())
  }

  async #call<T>(
    method: string,
    path: string,
    options: { body?: unknown; signal?: AbortSignal } = {},
  ): Promise<T> {
    const response = await this.#fetch(method, path, options)
    const text = await this.#whileOpen(() => response.text(), options.signal)
    const value = parse(text)
    if (!response.ok) throw refusal(response.status, value)
    if (value === undefined)
      throw new EngineError('SERVER_UNREACHABLE', `${this.#base} does not answer as kindred does`)
    return value as T
  }

  #fetch(
    method: string,
    path: string,
    options: { body?: unknown; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const headers = new Headers({ accept: 'application/json' })
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`)
    const request = new Request(this.#base + path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    })
    return this.#whileOpen(() => this.#send(request), options.signal)
  }

  async #whileOpen<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted) throw new EngineError('CANCELLED', 'interrupted', { cause: error })
      if (error instanceof EngineError) throw error
      throw new EngineError('SERVER_UNREACHABLE', `the server at ${this.#base} ${unreachable(error)}`, {
        cause: error,
      })
    }
  }
}

function spacePath(collection: string, space: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}/spaces/${encodeURIComponent(space)}`
}

function itemsPath(collection: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}/items`
}

function query(fields: Record<string, string | number | boolean | readonly string[] | undefined>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) parameters.set(name, String(value))
  return parameters.size === 0 ? '' : `?${parameters}`
}

/** A filter as it travels in an address. */
function withWhere<T extends { where?: unknown }>({
  where,
  ...rest
}: T): Omit<T, 'where'> & { where?: string } {
  return where === undefined ? rest : { ...rest, where: JSON.stringify(where) }
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
