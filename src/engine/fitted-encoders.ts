import type { Backend, EncoderVersion } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { IMAGE_ENCODERS, type ImageEncoder } from '../core/image-encoder.js'

/** Encoders kept loaded though nobody uses them now. */
const MAX_IDLE = 4

/** A version of an image space's encoder, as far as loading it needs to know. */
export type FittedVersion = Pick<
  EncoderVersion,
  'version' | 'encoder' | 'encoderName' | 'dim' | 'unit' | 'settings'
>

interface Loaded {
  encoder: Promise<ImageEncoder>
  users: number
}

/** The image encoders of all collections: loaded from their files at first use, shared, let go when others are wanted. */
export class FittedEncoders {
  readonly #backend: Backend
  readonly #threads: number | undefined
  /** By encoder id, the least recently used first. */
  readonly #loaded = new Map<string, Loaded>()
  #closed = false

  /** @param threads of each encoder; default: chosen from the cores */
  constructor(backend: Backend, threads?: number) {
    this.#backend = backend
    this.#threads = threads
  }

  /**
   * Gives an encoder for as long as `work` runs.
   *
   * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID, CLOSED
   */
  async use<T>(
    collection: string,
    space: string,
    version: FittedVersion,
    work: (encoder: ImageEncoder) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine was closed')
    const id = version.encoder ?? ''
    const loaded = this.#loaded.get(id) ?? this.#load(collection, space, version)
    this.#loaded.delete(id)
    this.#loaded.set(id, loaded)
    loaded.users++
    try {
      return await work(await loaded.encoder)
    } catch (error) {
      if (await failed(loaded.encoder)) this.#loaded.delete(id)
      throw error
    } finally {
      loaded.users--
      await this.#letGo(MAX_IDLE)
    }
  }

  /** Refuses what is new, and what waits for an encoder. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#loaded.values()]
    this.#loaded.clear()
    for (const { encoder } of all) await (await encoder.catch(() => undefined))?.dispose()
  }

  #load(collection: string, space: string, version: FittedVersion): Loaded {
    const encoder = this.#read(collection, space, version)
    encoder.catch(() => undefined)
    return { encoder, users: 0 }
  }

  async #read(collection: string, space: string, version: FittedVersion): Promise<ImageEncoder> {
    const { encoder: id, encoderName, dim, unit, settings } = version
    const kind = IMAGE_ENCODERS.find((known) => known === encoderName)
    if (id === null || kind === undefined) {
      throw new EngineError(
        'ENCODER_INVALID',
        `space "${space}" has no encoder of images, but "${encoderName}"`,
      )
    }
    const files = await this.#backend.encoderFiles(collection, space, version.version)
    const { loadImageEncoder } = await import('../encoders/images/load-image-encoder.js')
    return loadImageEncoder({ kind, id, dim, unit, settings, files }, { threads: this.#threads })
  }

  async #letGo(keep: number): Promise<void> {
    const idle = [...this.#loaded].filter(([, { users }]) => users === 0)
    for (const [id, { encoder }] of idle.slice(0, Math.max(0, idle.length - keep))) {
      this.#loaded.delete(id)
      await (await encoder.catch(() => undefined))?.dispose()
    }
  }
}

async function failed(encoder: Promise<unknown>): Promise<boolean> {
  return encoder.then(
    () => false,
    () => true,
  )
}
