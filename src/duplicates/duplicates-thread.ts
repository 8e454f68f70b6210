import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { CallName, Calls, DuplicatesInput, FromDuplicates, ToDuplicates } from './duplicate-messages.js'

interface Waiting {
  resolve: (answer: unknown) => void
  reject: (error: EngineError) => void
}

/** The thread in which one search for duplicates is done; it holds what it is given until it is closed. */
export class DuplicatesThread {
  /** Called now and then while a call compares. */
  onProgress: (done: number, total: number) => void = () => undefined
  readonly #worker: Worker
  readonly #cancelled = new SharedArrayBuffer(4)
  readonly #waiting = new Map<number, Waiting>()
  readonly #gone: Promise<void>
  #next = 0
  #dead: EngineError | undefined

  constructor() {
    const workerData: DuplicatesInput = { cancelled: this.#cancelled }
    this.#worker = new Worker(new URL('./duplicates-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
      name: 'kindred duplicates',
    })
    this.#worker.on('message', (message: FromDuplicates) => this.#take(message))
    this.#worker.on('error', (error) => this.#fail(ended(error)))
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(ended(undefined))
        resolve()
      })
    })
  }

  /** @throws EngineError CANCELLED, INTERNAL */
  ask<N extends CallName>(call: N, asked: Calls[N]['asked']): Promise<Calls[N]['answer']> {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      this.#worker.postMessage({ id, call, asked } as ToDuplicates)
    })
  }

  /** What it does now is refused with CANCELLED. */
  cancel(): void {
    Atomics.store(new Int32Array(this.#cancelled), 0, 1)
  }

  /** Ends it after what it does now. Idempotent. */
  async close(): Promise<void> {
    if (!this.#dead) {
      this.cancel()
      this.#worker.postMessage({ call: 'close' } satisfies ToDuplicates)
    }
    await this.#gone
  }

  #take(message: FromDuplicates): void {
    if ('progress' in message) {
      this.onProgress(message.progress.done, message.progress.total)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(fromPlainError(message.error))
    else waiting?.resolve(message.answer)
  }

  #fail(error: EngineError): void {
    this.#dead ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function ended(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : 'no reason given'
  const message = `the thread that looks for duplicates ended unexpectedly (${reason}); try again`
  return new EngineError('INTERNAL', message, { cause: error })
}
