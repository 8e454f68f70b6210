import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { EncodeResult, EncodeTask, FromWorker, ToWorker, WorkerInput } from './worker-messages.js'

/** How long a worker may take to end by itself, in milliseconds. */
const CLOSE_PATIENCE = 5_000

interface Outstanding {
  resolve: (result: EncodeResult) => void
  reject: (error: EngineError) => void
  urgent: boolean
}

interface Ready {
  resolve: () => void
  reject: (error: EngineError) => void
}

/**
 * One worker thread of an encoder, with what it was given and has not answered. It keeps the process alive only
 * while it has something to do.
 */
export class WorkerThread {
  readonly #worker: Worker
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #gone: Promise<void>
  readonly #ready: Ready
  #dim = 0
  #next = 0
  #dead: EngineError | undefined

  private constructor(worker: Worker, ready: Ready) {
    this.#worker = worker
    this.#ready = ready
    worker.on('message', (message: FromWorker) => this.#answer(message))
    worker.on('error', (error) => this.#fail(ended(error)))
    this.#gone = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#fail(ended(undefined))
        resolve()
      })
    })
  }

  /**
   * Starts a thread and waits until its model is loaded.
   *
   * @param script the worker's file
   * @throws EngineError what the worker says, or INTERNAL if it ended without a word
   */
  static start(script: URL, input: WorkerInput): Promise<WorkerThread> {
    // of the process's own flags some, such as --input-type, would keep the thread from starting
    const worker = new Worker(script, { workerData: input, execArgv: [], name: 'kindred text encoder' })
    return new Promise((resolve, reject) => {
      const thread = new WorkerThread(worker, {
        resolve: () => {
          worker.unref()
          resolve(thread)
        },
        reject,
      })
    })
  }

  /** Dimension of the vectors. */
  get dim(): number {
    return this.#dim
  }

  /** Tasks that are not answered yet. */
  count(urgent: boolean): number {
    let n = 0
    for (const task of this.#outstanding.values()) if (task.urgent === urgent) n++
    return n
  }

  /** Whether it can still be given tasks. */
  get alive(): boolean {
    return this.#dead === undefined
  }

  /**
   * @param signal stops the task before its next batch; the promise then rejects with CANCELLED
   * @throws EngineError what the worker says, or INTERNAL if it ends meanwhile
   */
  encode(body: EncodeTask, signal?: AbortSignal): Promise<EncodeResult> {
    if (this.#dead) return Promise.reject(this.#dead)
    const task = this.#next++
    const cancel = (): void => this.#post({ kind: 'cancel', task })
    signal?.addEventListener('abort', cancel, { once: true })
    if (this.#outstanding.size === 0) this.#worker.ref()
    return new Promise<EncodeResult>((resolve, reject) => {
      this.#outstanding.set(task, { resolve, reject, urgent: body.urgent })
      this.#post({ kind: 'task', task, body })
    }).finally(() => signal?.removeEventListener('abort', cancel))
  }

  /** Lets the thread free its model and end; what it has not answered is rejected with CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (this.#dead === undefined) {
      this.#worker.ref()
      this.#fail(new EngineError('CLOSED', 'the encoder was closed'))
      this.#post({ kind: 'close' })
    }
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_PATIENCE)
    await this.#gone
    clearTimeout(timer)
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #answer(message: FromWorker): void {
    if (message.kind === 'ready') {
      this.#dim = message.dim
      this.#ready.resolve()
    } else if (message.kind === 'failed') {
      this.#fail(fromPlainError(message.error))
    } else {
      const task = this.#outstanding.get(message.task)
      if (task === undefined) return
      this.#outstanding.delete(message.task)
      if (this.#outstanding.size === 0) this.#worker.unref()
      if (message.kind === 'done') task.resolve(message.result)
      else task.reject(fromPlainError(message.error))
    }
  }

  /** Takes no more work; only the first reason counts. */
  #fail(error: EngineError): void {
    if (this.#dead !== undefined) return
    this.#dead = error
    this.#ready.reject(error)
    const waiting = [...this.#outstanding.values()]
    this.#outstanding.clear()
    for (const task of waiting) task.reject(error)
  }
}

function ended(error: unknown): EngineError {
  const reason =
    error === undefined ? 'no reason given' : error instanceof Error ? error.message : String(error)
  return new EngineError(
    'INTERNAL',
    `a worker thread of the text encoder ended unexpectedly (${reason}); what it was encoding is lost, try again`,
    { cause: error },
  )
}
