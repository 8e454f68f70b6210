import { availableParallelism } from 'node:os'
import { EngineError } from '../core/errors.js'
import type { ImageExplanation } from './explain-image.js'
import type { ImageAnswer, ImageAnswers, ImageSource, ImageTask } from './image-messages.js'
import { ImageThread } from './image-thread.js'
import type { RenderedImage } from './render-image.js'
import { Turn } from './turn.js'

export interface ImageWorkersOptions {
  /** Default: one a core, at most 3 (libvips works in Node's own pool of four threads, and files need one too). */
  threads?: number
  /** Pictures that may wait; default 1,024. */
  queue?: number
}

export interface RenderOptions {
  /** Refuses it with CANCELLED; a picture that is being rendered is rendered to the end all the same. */
  signal?: AbortSignal
}

/** Pictures a thread has at a time: while it answers one, the next is there already. */
const DEPTH = 2
/** Bytes of pictures that wait. */
const QUEUE_BYTES = 512 << 20

interface Waiting {
  task: ImageTask
  bytes: number
  resolve: (answer: ImageAnswer) => void
  reject: (error: unknown) => void
}

/**
 * Renders and explains pictures in worker threads, which start when they are needed and do not keep the process alive.
 * Of pictures of more than 25 million pixels one is decoded at a time, so that memory stays bounded.
 */
export class ImageWorkers {
  readonly #most: number
  readonly #queueLength: number
  readonly #turn = Turn.memory()
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #threads: ImageThread[] = []
  #started = 0
  #closed = false

  private constructor({ threads, queue }: Required<ImageWorkersOptions>) {
    this.#most = Math.max(1, threads)
    this.#queueLength = queue
  }

  static create({
    threads = Math.min(3, availableParallelism()),
    queue = 1024,
  }: ImageWorkersOptions = {}): ImageWorkers {
    return new ImageWorkers({ threads, queue })
  }

  /**
   * As `renderImage`, or `renderPixels` where pixels are given.
   *
   * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE, BUSY (too many wait), CANCELLED (signal), CLOSED,
   * NATIVE_ADDON_MISSING
   */
  render(image: ImageSource, options: RenderOptions = {}): Promise<RenderedImage> {
    return this.#run({ kind: 'render', image }, lengthOf(image), options)
  }

  /**
   * As `explainImage`, of pictures that may still be files: an item's rendition, and what `ImageEncoder.reconstruct`
   * made of it.
   *
   * @throws EngineError as {@link render}
   */
  explain(
    pictures: { picture: ImageSource; reconstruction: ImageSource },
    options: RenderOptions = {},
  ): Promise<ImageExplanation> {
    const bytes = lengthOf(pictures.picture) + lengthOf(pictures.reconstruction)
    return this.#run({ kind: 'explain', ...pictures }, bytes, options)
  }

  async #run<K extends ImageTask['kind']>(
    task: Extract<ImageTask, { kind: K }>,
    bytes: number,
    { signal }: RenderOptions,
  ): Promise<ImageAnswers[K]> {
    if (this.#closed) throw closed()
    if (signal?.aborted) throw cancelled()
    const full = this.#waiting.length > 0 && this.#waitingBytes + bytes > QUEUE_BYTES
    if (full || this.#waiting.length >= this.#queueLength) {
      throw new EngineError(
        'BUSY',
        `${this.#waiting.length} images wait to be rendered already; try again later`,
      )
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const place = this.#waiting.indexOf(waiting)
        if (place >= 0) this.#take(place)
        reject(cancelled())
      }
      const done = (): void => signal?.removeEventListener('abort', leave)
      const waiting: Waiting = {
        task,
        bytes,
        resolve: (answer) => {
          done()
          resolve(answer as ImageAnswers[K]) // a thread answers a task with what belongs to its kind
        },
        reject: (error) => {
          done()
          reject(error)
        },
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
      this.#waitingBytes += waiting.bytes
      this.#next()
    })
  }

  /** Ends the threads after what each is rendering; whatever is not rendered is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#waiting.length > 0) this.#take(0)?.reject(closed())
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  #take(place: number): Waiting | undefined {
    const [taken] = this.#waiting.splice(place, 1)
    this.#waitingBytes -= taken?.bytes ?? 0
    return taken
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freest()
      const next = thread && this.#take(0)
      if (!next) return
      thread
        .run(next.task)
        .then(next.resolve, next.reject)
        .finally(() => this.#next())
    }
  }

  /** The thread with the least to do, a fresh one if all have something, undefined if all have enough. */
  #freest(): ImageThread | undefined {
    this.#threads = this.#threads.filter((thread) => thread.alive)
    const [first] = this.#threads.toSorted((a, b) => a.load - b.load)
    if (first?.load === 0) return first
    if (this.#threads.length < this.#most) {
      const fresh = new ImageThread({ number: ++this.#started, turn: this.#turn })
      this.#threads.push(fresh)
      return fresh
    }
    return first && first.load < DEPTH ? first : undefined
  }
}

function lengthOf(image: ImageSource): number {
  return (image instanceof Uint8Array ? image : image.values).length
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'rendering was cancelled')
}

function closed(): EngineError {
  return new EngineError('CLOSED', 'the threads that render images were closed')
}
