import { availableParallelism } from 'node:os'
import { EngineError } from '../../core/errors.js'
import type {
  EncodedImage,
  EncodeImagesOptions,
  ImageEncoder,
  ImageEncoderModel,
} from '../../core/image-encoder.js'
import type { EncoderInput, EncoderModel } from './encoder-tasks.js'
import { EncoderThread } from './encoder-thread.js'

/** Images that a thread is given at a time. */
const BATCH = 32
/** Images that may wait for one encoder. */
const MOST_WAITING = 65_536

interface Waiting {
  work: (thread: EncoderThread) => Promise<void>
  drop: (error: EngineError) => void
}

type Model = Omit<ImageEncoderModel, 'report'>

/**
 * Loads a fitted image encoder. Its threads start when they are needed and do not keep the process alive.
 *
 * @param options.threads default: the cores, at most 4
 * @param options.beside descriptors of the same shape as a descriptor: every image is decoded once for all, and what they make of
 * it stands beside what this one does
 */
export async function loadImageEncoder(
  model: Model,
  { threads, beside = [] }: { threads?: number | undefined; beside?: readonly Model[] } = {},
): Promise<ImageEncoder> {
  return new ThreadedEncoder(model, beside, Math.max(1, threads ?? Math.min(4, availableParallelism())))
}

class ThreadedEncoder implements ImageEncoder {
  readonly id: string
  readonly name: ImageEncoderModel['kind']
  readonly dim: number
  readonly unit: boolean
  readonly reconstructs: boolean
  readonly #input: EncoderInput
  readonly #most: number
  readonly #urgent: Waiting[] = []
  readonly #bulk: Waiting[] = []
  #images = 0
  #threads: EncoderThread[] = []
  #closed = false

  constructor(model: Model, beside: readonly Model[], threads: number) {
    this.id = model.id
    this.name = model.kind
    this.dim = model.dim
    this.unit = model.unit
    this.reconstructs = model.kind !== 'descriptor'
    this.#input = { ...toInput(model), ...(beside.length > 0 ? { beside: beside.map(toInput) } : {}) }
    this.#most = threads
  }

  async encode(
    images: readonly Uint8Array[],
    { signal, onProgress }: EncodeImagesOptions = {},
  ): Promise<EncodedImage[]> {
    if (this.#images + images.length > MOST_WAITING) {
      throw new EngineError('BUSY', `${this.#images} images wait to be encoded already; try again later`)
    }
    this.#images += images.length
    try {
      const encoded: EncodedImage[][] = []
      let done = 0
      const parts: Promise<void>[] = []
      for (let from = 0; from < images.length; from += BATCH) {
        const part = images.slice(from, from + BATCH)
        const place = encoded.push([]) - 1
        parts.push(
          this.#queue(images.length === 1, async (thread) => {
            if (signal?.aborted) throw new EngineError('CANCELLED', 'encoding images was cancelled')
            encoded[place] = await thread.encode(part).catch((error: unknown) => {
              throw atPosition(error, from)
            })
            done += part.length
            onProgress?.(done)
          }),
        )
      }
      const results = await Promise.allSettled(parts)
      for (const result of results) if (result.status === 'rejected') throw result.reason
      return encoded.flat()
    } finally {
      this.#images -= images.length
    }
  }

  async reconstruct(image: Uint8Array): Promise<Uint8Array> {
    let png: Uint8Array | undefined
    await this.#queue(true, async (thread) => {
      png = await thread.reconstruct(image)
    })
    return png ?? new Uint8Array()
  }

  async dispose(): Promise<void> {
    this.#closed = true
    const error = new EngineError('CLOSED', 'the image encoder was closed')
    for (const { drop } of [...this.#urgent.splice(0), ...this.#bulk.splice(0)]) drop(error)
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  /** Runs it on a thread that is free; what is urgent goes before what is not. */
  #queue(urgent: boolean, work: (thread: EncoderThread) => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(new EngineError('CLOSED', 'the image encoder was closed'))
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        work: (thread) => work(thread).then(resolve, reject),
        drop: reject,
      }
      ;(urgent ? this.#urgent : this.#bulk).push(waiting)
      this.#next()
    })
  }

  #next(): void {
    for (let thread = this.#free(); thread; thread = this.#free()) {
      const waiting = this.#urgent.shift() ?? this.#bulk.shift()
      if (!waiting) return
      const taken = thread
      taken.busy = true
      waiting.work(taken).finally(() => {
        taken.busy = false
        this.#next()
      })
    }
  }

  #free(): EncoderThread | undefined {
    if (this.#urgent.length + this.#bulk.length === 0) return undefined
    this.#threads = this.#threads.filter((thread) => thread.alive)
    const idle = this.#threads.find((thread) => !thread.busy)
    if (idle || this.#threads.length >= this.#most) return idle
    const fresh = new EncoderThread(this.#input)
    this.#threads.push(fresh)
    return fresh
  }
}

function toInput({ kind, dim, settings, files }: Model): EncoderModel {
  return { kind, dim, settings, files }
}

/** An error of a batch's image, counted from the first of all. */
function atPosition(error: unknown, from: number): unknown {
  if (!(error instanceof EngineError) || typeof error.details?.index !== 'number') return error
  const index = from + error.details.index
  const message = error.message.replace(/^image \d+: /, '')
  return new EngineError(error.code, `image ${index}: ${message}`, {
    cause: error,
    details: { ...error.details, index },
  })
}
