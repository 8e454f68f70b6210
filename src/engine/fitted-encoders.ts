import type { Backend, EncoderVersion } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { IMAGE_ENCODERS, type ImageEncoder, type ImageEncoderModel } from '../core/image-encoder.js'

/** Encoders kept loaded though nobody uses them now. */
const MAX_IDLE = 4

/** A version of an image space's encoder, as far as loading it needs to know. */
export type FittedVersion = Pick<
  EncoderVersion,
  'version' | 'encoder' | 'encoderName' | 'dim' | 'unit' | 'settings'
>

/** A version of a space's encoder. */
export interface VersionPlace {
  space: string
  version: FittedVersion
}

interface Loaded {
  encoder: Promise<ImageEncoder>
  users: number
}

/** The image encoders of all collections: loaded from their files at first use, shared, let go when others are wanted. */
export class FittedEncoders {
  readonly #backend: Backend
  readonly #threads: number | undefined
  /** By encoder id, with those beside it, the least recently used first. */
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
   * @param beside descriptors of the same shape that describe what this one does: see {@link describeAlike}
   * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID, CLOSED
   */
  async use<T>(
    collection: string,
    space: string,
    version: FittedVersion,
    work: (encoder: ImageEncoder) => Promise<T>,
    beside: readonly VersionPlace[] = [],
  ): Promise<T> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine was closed')
    const id = [version, ...beside.map((other) => other.version)]
      .map(({ encoder }) => encoder ?? '')
      .join(' ')
    const loaded = this.#loaded.get(id) ?? this.#load(collection, [{ space, version }, ...beside])
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

  #load(collection: string, places: readonly [VersionPlace, ...VersionPlace[]]): Loaded {
    const encoder = this.#read(collection, places)
    encoder.catch(() => undefined)
    return { encoder, users: 0 }
  }

  async #read(
    collection: string,
    [own, ...beside]: readonly [VersionPlace, ...VersionPlace[]],
  ): Promise<ImageEncoder> {
    const { loadImageEncoder } = await import('../encoders/images/load-image-encoder.js')
    const model = await this.#model(collection, own)
    const others: StoredModel[] = []
    for (const place of beside) others.push(await this.#model(collection, place))
    return loadImageEncoder(model, { threads: this.#threads, beside: others })
  }

  async #model(collection: string, { space, version }: VersionPlace): Promise<StoredModel> {
    const { encoder: id, encoderName, dim, unit, settings } = version
    const kind = IMAGE_ENCODERS.find((known) => known === encoderName)
    if (id === null || kind === undefined) {
      throw new EngineError(
        'ENCODER_INVALID',
        `space "${space}" has no encoder of images, but "${encoderName}"`,
      )
    }
    const files = await this.#backend.encoderFiles(collection, space, version.version)
    return { kind, id, dim, unit, settings, files }
  }

  async #letGo(keep: number): Promise<void> {
    const idle = [...this.#loaded].filter(([, { users }]) => users === 0)
    for (const [id, { encoder }] of idle.slice(0, Math.max(0, idle.length - keep))) {
      this.#loaded.delete(id)
      await (await encoder.catch(() => undefined))?.dispose()
    }
  }
}

type StoredModel = Omit<ImageEncoderModel, 'report'>

/** Whether two encoder versions are descriptors that look at the same pixels, so that one decoding serves both. */
export function describeAlike(a: FittedVersion, b: FittedVersion): boolean {
  const shapeOf = ({ encoderName, settings }: FittedVersion): unknown =>
    encoderName === 'descriptor' ? JSON.stringify([settings.size, settings.channels]) : undefined
  return shapeOf(a) !== undefined && shapeOf(a) === shapeOf(b)
}

async function failed(encoder: Promise<unknown>): Promise<boolean> {
  return encoder.then(
    () => false,
    () => true,
  )
}
