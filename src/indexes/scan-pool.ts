import { EngineError } from '../core/errors.js'
import { checkK, checkVector } from './check-input.js'
import type { ItemHit, ItemScan } from './scan-table.js'
import { ScanThread, type ThreadScan } from './scan-thread.js'
import type { VectorTable } from './vector-table.js'

/** A scan as a pool takes it. */
export type PoolScan = Omit<ItemScan, 'stopped'>

interface Waiting {
  table: VectorTable
  scan: ThreadScan
  signal: AbortSignal | undefined
  resolve: (hits: ItemHit[]) => void
  reject: (error: unknown) => void
}

/**
 * Exact scans of large tables, away from the thread that answers.
 *
 * Threads start when they are first needed. A table's buffers are shared with each thread once; later scans tell how far
 * it has grown. What was killed before a scan began is not found.
 */
export class ScanPool {
  readonly #threads: ScanThread[]
  readonly #limit: number
  readonly #waiting: Waiting[] = []
  readonly #keys = new WeakMap<VectorTable, number>()
  // a table that nobody holds any more must not be held by the threads either
  readonly #dropped = new FinalizationRegistry<number>((key) => this.#forget(key))
  #lastKey = 0
  #closed = false

  /** @param options.threads default 1. @param options.queue scans that may wait; default 64 */
  constructor(options: { threads?: number; queue?: number } = {}) {
    const { threads = 1, queue = 64 } = options
    this.#threads = Array.from({ length: Math.max(1, threads) }, () => new ScanThread())
    this.#limit = queue
  }

  /**
   * As `scanItems`.
   *
   * @throws EngineError BUSY (too many scans wait), CANCELLED (signal), CLOSED, and what `scanItems` throws
   */
  async scan(table: VectorTable, scan: PoolScan, signal?: AbortSignal): Promise<ItemHit[]> {
    checkK(scan.k)
    for (const vector of scan.vectors) checkVector(vector, table.dim, scan.metric, 'query')
    if (this.#closed) throw new EngineError('CLOSED', 'the scanning threads were closed')
    if (signal?.aborted) throw cancelled()
    const idle = this.#threads.some((thread) => !thread.busy)
    if (!idle && this.#waiting.length >= this.#limit)
      throw new EngineError('BUSY', `${this.#limit} exact searches wait already; try again later`)
    return new Promise((resolve, reject) => {
      const { vectors, metric, k, from = 0, to = table.rows, rows, within, excludeItems } = scan
      const plain = { vectors: [...vectors], metric, k, from, to, rows, within, excludeItems }
      const leave = (): void => {
        const place = this.#waiting.indexOf(waiting)
        if (place >= 0) this.#waiting.splice(place, 1)
        reject(cancelled())
      }
      const done = (): void => signal?.removeEventListener('abort', leave)
      const waiting: Waiting = {
        table,
        scan: plain,
        signal,
        resolve: (hits) => {
          done()
          resolve(hits)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  /** Lets go of a table that will not be scanned again; otherwise that happens when it is garbage. */
  release(table: VectorTable): void {
    const key = this.#keys.get(table)
    if (key === undefined) return
    this.#keys.delete(table)
    this.#dropped.unregister(table)
    this.#forget(key)
  }

  /** Ends the threads; what waits or runs is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed())
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  #next(): void {
    const thread = this.#threads.find(({ busy }) => !busy)
    const next = thread && this.#waiting.shift()
    if (!thread || !next) return
    const stop = (): void => thread.stop()
    next.signal?.addEventListener('abort', stop, { once: true })
    thread
      .run(this.#keyOf(next.table), next.table, next.scan)
      .then(next.resolve)
      .catch((error: unknown) => next.reject(this.#closed ? closed() : error))
      .finally(() => {
        next.signal?.removeEventListener('abort', stop)
        this.#next()
      })
  }

  #keyOf(table: VectorTable): number {
    const known = this.#keys.get(table)
    if (known !== undefined) return known
    const key = ++this.#lastKey
    this.#keys.set(table, key)
    this.#dropped.register(table, key, table)
    return key
  }

  #forget(key: number): void {
    for (const thread of this.#threads) thread.forget(key)
  }
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'the search was cancelled')
}

function closed(): EngineError {
  return new EngineError('CLOSED', 'the scanning threads were closed')
}
