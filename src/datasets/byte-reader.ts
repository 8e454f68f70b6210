import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { EngineError } from '../core/errors.js'

/** Takes bytes off a stream in pieces of any length. Never holds more than one piece and one chunk. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** @returns the next `length` bytes, fewer only where the stream ends; they share no memory with what comes later */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let missing = length
    while (missing > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next()
        if (next.done) break
        this.#rest = next.value
      }
      const part = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(part.length)
      missing -= part.length
      parts.push(part)
    }
    const taken = new Uint8Array(length - missing)
    let at = 0
    for (const part of parts) {
      taken.set(part, at)
      at += part.length
    }
    return taken
  }

  /** What has not been taken, in chunks as they come. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#rest.length > 0) yield this.#rest
    this.#rest = new Uint8Array(0)
    for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next()) yield next.value
  }

  /** Lets go of the stream. Idempotent. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}

/**
 * Undoes gzip where the first bytes are its own.
 *
 * @throws EngineError INVALID_DATASET while it is read, where the gzip is damaged or cut short
 */
export async function* unzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(chunks)
  try {
    const magic = await reader.take(2)
    const whole = joined(magic, reader.rest())
    if (magic[0] === 0x1f && magic[1] === 0x8b) yield* gunzipped(whole)
    else yield* whole
  } finally {
    await reader.close()
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}

async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip()
  const source = Readable.from(chunks)
  // the error comes out of the iteration as well
  pipeline(source, gunzip).catch(() => undefined)
  try {
    yield* gunzip
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) throw error
    throw new EngineError('INVALID_DATASET', `its gzip is damaged or cut short (${error.message})`, {
      cause: error,
    })
  }
}
