import { Worker } from 'node:worker_threads'
import type { DetectionOptions, DetectionRows, DetectionScores } from '../core/detection.js'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { Reason } from '../core/reasons.js'
import type {
  DetectionCallName,
  DetectionCalls,
  FittedRows,
  FromDetection,
  ToDetection,
} from './detection-messages.js'
import type { ItemEvidence } from './usual-items.js'

interface Waiting {
  resolve: (answer: unknown) => void
  reject: (error: EngineError) => void
}

/** A detection as it is stored; `key` names it and never another. */
export interface StoredDetection {
  key: string
  /** Reads it; called where the thread does not have it. */
  read(): Promise<{ settings: Record<string, unknown>; files: Record<string, Uint8Array> }>
}

/** The thread in which detectors are fitted and items judged. It starts when it is first needed, and keeps no process alive. */
export class DetectionThread {
  #worker: Worker | undefined
  #gone: Promise<void> = Promise.resolve()
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #closed = false

  /**
   * Fits all detectors; what was asked before comes first.
   *
   * @param options.signal ends the thread, and with it all that it was asked, since a fit cannot be stopped within: a fit
   * that may be cancelled wants a thread of its own
   * @throws EngineError CANCELLED, INTERNAL, CLOSED
   */
  async fit(
    rows: DetectionRows,
    { signal, ...options }: DetectionOptions & { signal?: AbortSignal },
  ): Promise<FittedRows> {
    const stop = (): void =>
      this.#stop(new EngineError('CANCELLED', 'the fitting of detectors was cancelled'))
    if (signal?.aborted) throw new EngineError('CANCELLED', 'the fitting of detectors was cancelled')
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await this.#ask('fit', { rows, options })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** @throws EngineError INTERNAL, CLOSED */
  score(detection: StoredDetection, rows: DetectionRows): Promise<DetectionScores> {
    return this.#askLoaded(detection, (key) => this.#ask('score', { key, rows }))
  }

  /** Why an item seems strange beside those that the detection was fitted to. @throws EngineError INTERNAL, CLOSED */
  explain(detection: StoredDetection, evidence: ItemEvidence): Promise<Reason[]> {
    return this.#askLoaded(detection, (key) => this.#ask('explain', { key, evidence }))
  }

  async #askLoaded<T>(
    { key, read }: StoredDetection,
    ask: (key: string) => Promise<T | undefined>,
  ): Promise<T> {
    const known = await ask(key)
    if (known) return known
    // sent together, so that no other load comes in between and has it forgotten
    const stored = await read()
    const [, answer] = await Promise.all([this.#ask('load', { key, ...stored }), ask(key)])
    if (answer) return answer
    throw new EngineError('INTERNAL', 'the thread that judges items forgot its detectors; try again')
  }

  /** Ends it; what it was asked is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stop(new EngineError('CLOSED', 'the engine was closed'))
    await this.#gone
  }

  #ask<N extends DetectionCallName>(
    call: N,
    asked: DetectionCalls[N]['asked'],
  ): Promise<DetectionCalls[N]['answer']> {
    if (this.#closed) return Promise.reject(new EngineError('CLOSED', 'the engine was closed'))
    const worker = this.#worker ?? this.#start()
    const id = this.#next++
    if (this.#waiting.size === 0) worker.ref()
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      worker.postMessage({ id, call, asked } as ToDetection)
    })
  }

  #start(): Worker {
    const script = new URL('./detection-worker.js', import.meta.url)
    const worker = new Worker(script, { execArgv: [], name: 'kindred detectors' })
    worker.on('message', (message: FromDetection) => this.#take(message))
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#fail(ended(error))
    })
    const gone = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        if (this.#worker === worker) this.#fail(ended(undefined))
        resolve()
      })
    })
    const before = this.#gone
    this.#gone = Promise.all([before, gone]).then(() => undefined)
    this.#worker = worker
    return worker
  }

  #stop(reason: EngineError): void {
    const worker = this.#worker
    this.#fail(reason)
    void worker?.terminate()
  }

  #take(message: FromDetection): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (this.#waiting.size === 0) this.#worker?.unref()
    if ('error' in message) waiting?.reject(fromPlainError(message.error))
    else waiting?.resolve(message.answer)
  }

  /** The next question starts another thread. */
  #fail(error: EngineError): void {
    this.#worker = undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
  }
}

function ended(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : 'no reason given'
  const message = `the thread that fits detectors ended unexpectedly (${reason}); try again`
  return new EngineError('INTERNAL', message, { cause: error })
}
