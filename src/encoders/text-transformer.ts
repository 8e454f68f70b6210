import { availableParallelism } from 'node:os'
import { EngineError } from '../core/errors.js'
import type {
  EncodedText,
  EncodeOptions,
  Passage,
  PassageOptions,
  TextEncoder,
} from '../core/text-encoder.js'
import { BulkCall, type EncodedPart } from './bulk-call.js'
import type { ModelFolder } from './model-folder.js'
import { QueryQueue } from './query-queue.js'
import { WorkerThread } from './worker-thread.js'

export interface TextTransformerOptions {
  /** Worker threads at the most, each with a model of its own. Default: the cores, at most 8. */
  threads?: number
  /** Texts that may wait, over all calls, before BUSY. Default 65,536. */
  maxQueued?: number
  /** Another script for the worker threads, so that tests can make one crash. */
  worker?: URL
}

/** A call of at most so many texts that are meant as queries overtakes the others. */
const QUERY_TEXTS = 16

/** Slices a worker has at once: one that it computes and one that follows without a pause. */
const SLICES_AHEAD = 2

/** Texts of a slice at the most; a few batches. */
const SLICE_TEXTS = 64

/** Threads that may end unexpectedly before the encoder gives up. */
const MAX_CRASHES = 5

interface Running {
  call: BulkCall
  abort: AbortController
  onProgress: ((done: number) => void) | undefined
  resolve: (parts: EncodedPart[][]) => void
  reject: (error: unknown) => void
}

/**
 * A text encoder over a pool of worker threads, each with a tokenizer and an ONNX session of one thread. (Measured
 * on 2 cores that had other work too: two sessions of one thread 1,004 sentences a second, one session of two threads
 * 513, since at every operator it waits for the thread that is held up.) The
 * pool begins with one thread and grows while texts wait.
 */
export class TextTransformer implements TextEncoder {
  readonly id: string
  readonly name: string
  readonly dim: number
  readonly unit: boolean
  readonly maxTokens: number
  readonly #model: ModelFolder
  readonly #threads: number
  readonly #maxQueued: number
  readonly #script: URL
  readonly #workers = new Set<WorkerThread>()
  readonly #queries = new QueryQueue()
  /** Calls for many texts, served in turn. */
  #bulk: Running[] = []
  #starting: Promise<void> | undefined
  #pumping = false
  #crashes = 0
  #broken: EngineError | undefined
  #closed: Promise<void> | undefined

  private constructor(model: ModelFolder, first: WorkerThread, options: Required<TextTransformerOptions>) {
    this.id = model.id
    this.name = model.name
    this.dim = first.dim
    this.unit = model.settings.normalize
    this.maxTokens = model.settings.maxTokens
    this.#model = model
    this.#threads = options.threads
    this.#maxQueued = options.maxQueued
    this.#script = options.worker
    this.#workers.add(first)
  }

  /** Loads the model in a first thread. @throws EngineError ENCODER_INVALID, NATIVE_ADDON_MISSING */
  static async create(model: ModelFolder, options: TextTransformerOptions = {}): Promise<TextTransformer> {
    const all = {
      threads: Math.max(1, options.threads ?? Math.min(8, availableParallelism())),
      maxQueued: options.maxQueued ?? 65_536,
      worker: options.worker ?? new URL('./transformer-worker.js', import.meta.url),
    }
    return new TextTransformer(model, await WorkerThread.start(all.worker, { model }), all)
  }

  async encode(texts: readonly string[], { as, signal }: EncodeOptions): Promise<EncodedText[]> {
    this.#admit(texts.length, signal)
    if (texts.length === 0) return []
    if (as === 'query' && texts.length <= QUERY_TEXTS) {
      const answer = this.#queries.add(texts, signal)
      this.#wake()
      return answer
    }
    const parts = await this.#run(texts, { role: as, split: false }, { signal })
    return parts.map((list) => {
      const { vector, tokens } = list[0] as EncodedPart
      return { vector, tokens }
    })
  }

  async encodePassages(texts: readonly string[], options: PassageOptions = {}): Promise<Passage[][]> {
    this.#admit(texts.length, options.signal)
    if (texts.length === 0) return []
    const parts = await this.#run(texts, { role: 'passage', split: true }, options)
    return parts.map((list) => list.map(({ vector, start, end }) => ({ start, end, vector })))
  }

  dispose(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #admit(texts: number, signal: AbortSignal | undefined): void {
    if (this.#closed) throw new EngineError('CLOSED', `the encoder ${this.name} was closed`)
    if (this.#broken) throw this.#broken
    if (signal?.aborted) throw new EngineError('CANCELLED', 'encoding was cancelled')
    const queued = this.#queries.waiting + this.#bulk.reduce((sum, { call }) => sum + call.waiting, 0)
    if (queued + texts > this.#maxQueued) {
      throw new EngineError(
        'BUSY',
        `${texts} texts cannot be queued: ${queued} wait already and at most ${this.#maxQueued} may; try again later or with fewer`,
      )
    }
  }

  #run(
    texts: readonly string[],
    { role, split }: { role: EncodeOptions['as']; split: boolean },
    { signal, onProgress }: PassageOptions,
  ): Promise<EncodedPart[][]> {
    // small calls are shared by all threads too
    const share = Math.ceil(texts.length / (this.#threads * SLICES_AHEAD))
    const sliceTexts = Math.min(SLICE_TEXTS, Math.max(8, share))
    const call = new BulkCall(texts, { role, split, sliceTexts })
    const abort = new AbortController()
    return new Promise<EncodedPart[][]>((resolve, reject) => {
      const running: Running = { call, abort, onProgress, resolve, reject }
      const cancel = (): void => this.#end(running, new EngineError('CANCELLED', 'encoding was cancelled'))
      signal?.addEventListener('abort', cancel, { once: true })
      abort.signal.addEventListener('abort', () => signal?.removeEventListener('abort', cancel), {
        once: true,
      })
      this.#bulk.push(running)
      this.#wake()
    })
  }

  /** Hands out work at the end of this turn, so that calls made together are seen together. */
  #wake(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    const workers = [...this.#workers].filter((worker) => worker.alive)
    const free = workers.filter((worker) => worker.count(true) === 0)
    // the least busy first: there a query waits shortest
    free.sort((a, b) => a.count(false) - b.count(false))
    const share = Math.min(QUERY_TEXTS, Math.ceil(this.#queries.waiting / Math.max(1, free.length)))
    for (const worker of free) {
      if (this.#queries.waiting === 0) break
      void this.#queries.serve(worker, share).then(() => this.#wake())
    }
    for (let ahead = 1; ahead <= SLICES_AHEAD; ahead++) {
      for (const worker of workers) if (worker.count(false) < ahead) this.#feed(worker)
    }
    const waits = this.#queries.waiting > 0 || this.#bulk.some(({ call }) => call.hasNext)
    if (waits || (workers.length === 0 && this.#bulk.length > 0)) this.#grow()
  }

  /** Gives a worker the next slice of the call whose turn it is. */
  #feed(worker: WorkerThread): void {
    const at = this.#bulk.findIndex(({ call }) => call.hasNext)
    const running = this.#bulk[at]
    if (running === undefined) return
    this.#bulk.splice(at, 1)
    this.#bulk.push(running)
    const slice = running.call.next()
    worker.encode(slice.task, running.abort.signal).then(
      (result) => {
        if (running.abort.signal.aborted) return
        running.call.accept(slice, result)
        try {
          running.onProgress?.(running.call.done)
        } catch (error) {
          this.#end(running, error)
          return
        }
        if (running.call.finished) this.#end(running)
        this.#wake()
      },
      (error: unknown) => {
        this.#end(running, error)
        this.#wake()
      },
    )
  }

  /** Takes a call out and settles it: with its results, or with an error. */
  #end(running: Running, error?: unknown): void {
    this.#bulk = this.#bulk.filter((other) => other !== running)
    running.abort.abort()
    if (error === undefined) running.resolve(running.call.results)
    else running.reject(error)
    this.#wake()
  }

  /** Starts one more thread, if there is room and none is starting. */
  #grow(): void {
    for (const worker of this.#workers) {
      if (worker.alive) continue
      this.#workers.delete(worker)
      this.#crashes++
    }
    if (this.#crashes > MAX_CRASHES) {
      this.#fail(
        new EngineError(
          'INTERNAL',
          `worker threads of the encoder ${this.name} ended unexpectedly ${this.#crashes} times; it is given up. Close and open again`,
        ),
      )
    }
    if (this.#closed || this.#broken || this.#starting || this.#workers.size >= this.#threads) return
    this.#starting = WorkerThread.start(this.#script, { model: this.#model }).then(
      async (worker) => {
        this.#starting = undefined
        if (this.#closed) return worker.close()
        this.#workers.add(worker)
        this.#wake()
      },
      (error: EngineError) => {
        this.#starting = undefined
        // with fewer threads it goes on more slowly
        if (this.#workers.size === 0) this.#fail(error)
        else this.#crashes++
      },
    )
  }

  #fail(error: EngineError): void {
    this.#broken = error
    this.#refuse(error)
  }

  #refuse(error: EngineError): void {
    this.#queries.refuse(error)
    for (const running of [...this.#bulk]) this.#end(running, error)
  }

  async #close(): Promise<void> {
    this.#refuse(new EngineError('CLOSED', `the encoder ${this.name} was closed`))
    await Promise.all([...this.#workers].map((worker) => worker.close()))
    await this.#starting
    this.#workers.clear()
  }
}
