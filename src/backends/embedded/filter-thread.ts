import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../../core/errors.js'
import type { FilterReply, FilterRequest } from './filter-messages.js'

/** Questions that may wait; beyond that the caller is told to come back. */
const LIMIT = 1_024

interface Waiting {
  resolve: (result: unknown) => void
  reject: (error: EngineError) => void
}

/**
 * The thread that reads what takes long, over a read-only connection of its own, as seen from the thread that answers.
 * It sees every write that was committed before it is asked. Starts when it is first needed, and again if it died.
 */
export class FilterThread {
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #nextId = 0
  #closed = false
  /** Counts the threads: what one was told another does not know. */
  #generation = 0

  /** @param path of the database */
  constructor(path: string) {
    this.#path = path
  }

  /** Which thread the next question goes to. */
  get generation(): number {
    if (!this.#closed) this.#start()
    return this.#generation
  }

  /** @throws EngineError CLOSED, BUSY, CANCELLED (signal), INVALID_FILTER or INVALID_REQUEST where it takes too long */
  async ask(request: FilterRequest, signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine is closed')
    if (signal?.aborted) throw cancelled()
    if (this.#waiting.size >= LIMIT) {
      throw new EngineError('BUSY', `${LIMIT} filters are being looked up; try again later`)
    }
    const worker = this.#start()
    const id = this.#nextId++
    let leave: (() => void) | undefined
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        leave = () => {
          this.#post(worker, { op: 'cancel', request: id })
          reject(cancelled())
        }
        signal?.addEventListener('abort', leave, { once: true })
        worker.ref()
        worker.postMessage({ id, request })
      })
    } finally {
      if (leave) signal?.removeEventListener('abort', leave)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0 && !this.#closed) worker.unref()
    }
  }

  /** Tells the thread something that nobody waits for; nothing if there is none. */
  tell(request: FilterRequest): void {
    if (this.#worker) this.#post(this.#worker, request)
  }

  /** Ends the thread; what waits is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#refuse(new EngineError('CLOSED', 'the engine is closed'))
    // else a process with nothing else to do would end before the thread has
    this.#worker?.ref()
    await this.#worker?.terminate()
  }

  #post(worker: Worker, request: FilterRequest): void {
    worker.postMessage({ id: this.#nextId++, request })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./filter-worker.js', import.meta.url), {
      execArgv: [],
      workerData: this.#path,
      name: 'kindred-filters',
    })
    this.#generation++
    let failure: Error | undefined
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('message', (reply: FilterReply) => {
      const waiting = this.#waiting.get(reply.id)
      if ('error' in reply) waiting?.reject(fromPlainError(reply.error))
      else waiting?.resolve(reply.result)
    })
    worker.once('exit', () => {
      this.#worker = undefined
      const reason = failure?.message ?? 'it was stopped'
      this.#refuse(new EngineError('INTERNAL', `the filter thread ended: ${reason}`, { cause: failure }))
    })
    worker.unref()
    this.#worker = worker
    return worker
  }

  #refuse(error: EngineError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
  }
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'the search was cancelled')
}
