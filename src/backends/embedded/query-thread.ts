import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../../core/errors.js'
import type { QueryOperations, QueryReply } from './query-messages.js'

/** Queries that may wait; beyond that the caller is told to come back. */
const QUEUE_LIMIT = 1_024

interface Waiting {
  resolve: (result: unknown) => void
  reject: (error: EngineError) => void
}

/**
 * The thread that answers what SQLite computes for longer, on a connection of its own. It begins with the first query;
 * a query sees every write that was committed before.
 */
export class QueryThread {
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #nextId = 0
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  /** @throws EngineError CLOSED, BUSY, and what the operation throws */
  ask<K extends keyof QueryOperations>(
    request: QueryOperations[K]['request'],
  ): Promise<QueryOperations[K]['result']> {
    if (this.#closed) return Promise.reject(new EngineError('CLOSED', 'the engine is closed'))
    if (this.#waiting.size >= QUEUE_LIMIT) {
      return Promise.reject(
        new EngineError('BUSY', `${QUEUE_LIMIT} queries are waiting; send this one again later`),
      )
    }
    const worker = this.#start()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject })
      worker.postMessage({ id, request })
    })
  }

  /** Ends the thread after the queries that wait. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('close')
    await ended
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./query-worker.js', import.meta.url), {
      execArgv: [],
      workerData: { path: this.#path },
      name: 'kindred-queries',
    })
    worker.on('message', (reply: QueryReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if ('error' in reply) waiting?.reject(fromPlainError(reply.error))
      else waiting?.resolve(reply.result)
    })
    let failure: Error | undefined
    worker.on('error', (error) => {
      failure = error
    })
    // always follows an error: then all that waits is of this thread, and the next question begins another
    worker.once('exit', () => {
      this.#worker = undefined
      const reason = failure ? `failed: ${failure.message}` : 'has ended'
      const code = this.#closed ? 'CLOSED' : 'INTERNAL'
      const error = new EngineError(code, `the query thread ${reason}`, { cause: failure })
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
    this.#worker = worker
    return worker
  }
}
