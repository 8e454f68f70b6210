import { CallThread } from '../../core/call-thread.js'
import { EngineError } from '../../core/errors.js'
import type { QueryOperations } from './query-messages.js'

/** Queries that may wait; beyond that the caller is told to come back. */
const QUEUE_LIMIT = 1_024

/**
 * The thread that answers what SQLite computes for longer, on a connection of its own. It begins with the first query, and
 * again if it died; a query sees every write that was committed before.
 */
export class QueryThread {
  readonly #path: string
  #thread: CallThread | undefined
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  /** @throws EngineError CLOSED, BUSY, and what the operation throws */
  async ask<K extends keyof QueryOperations>(
    request: QueryOperations[K]['request'],
  ): Promise<QueryOperations[K]['result']> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine is closed')
    if (!this.#thread?.alive) this.#thread = this.#start()
    if (this.#thread.load >= QUEUE_LIMIT)
      throw new EngineError('BUSY', `${QUEUE_LIMIT} queries are waiting; send this one again later`)
    return (await this.#thread.call({ request })) as QueryOperations[K]['result']
  }

  /** Ends the thread after the queries that wait. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#thread?.finish()
  }

  #start(): CallThread {
    return new CallThread({
      script: new URL('./query-worker.js', import.meta.url),
      workerData: { path: this.#path },
      name: 'kindred queries',
      what: 'the thread that answers queries',
    })
  }
}
