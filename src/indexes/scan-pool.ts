import { EngineError } from '../core/errors.js'
import { checkK, checkVector } from './check-input.js'
import { nearestOfEach } from './nearest-of-each.js'
import type { ItemHit, ItemScan } from './scan-table.js'
import { ScanThread, type ThreadScan } from './scan-thread.js'
import type { VectorTable } from './vector-table.js'

/** Numbers that a part of a divided scan reads at least: 2,000 x 384. */
const PART = 2_000 * 384
/** Scans that ran elsewhere before threads are started for more of them. */
const BEFORE_START = 3

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
 * Exact scans of large tables, away from the thread that answers; divided among the threads while all of them are idle.
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
  /** Times that {@link isReady} was asked in vain, until it starts the threads. */
  #asked = 0
  #up = false
  #closed = false

  /** @param options.threads default 1. @param options.queue scans that may wait; default 256 */
  constructor(options: { threads?: number; queue?: number } = {}) {
    const { threads = 1, queue = 256 } = options
    this.#threads = Array.from({ length: Math.max(1, threads) }, () => new ScanThread())
    this.#limit = queue
  }

  /**
   * As `scanItems`.
   *
   * @param options.divide whether it may take all threads; default true
   * @throws EngineError BUSY (too many scans wait), CANCELLED (signal), CLOSED, and what `scanItems` throws
   */
  async scan(
    table: VectorTable,
    scan: PoolScan,
    { signal, divide: mayDivide = true }: { signal?: AbortSignal | undefined; divide?: boolean } = {},
  ): Promise<ItemHit[]> {
    checkK(scan.k)
    for (const vector of scan.vectors) checkVector(vector, table.dim, scan.metric, 'query')
    if (this.#closed) throw new EngineError('CLOSED', 'the scanning threads were closed')
    if (signal?.aborted) throw cancelled()
    const someIdle = this.#threads.some((thread) => !thread.busy)
    if (!someIdle && this.#waiting.length >= this.#limit)
      throw new EngineError('BUSY', `${this.#limit} exact searches wait already; try again later`)
    const parts = mayDivide && this.#allIdle ? divide(table, scan, this.#threads.length) : [scan]
    const found = await Promise.all(parts.map((part) => this.#enqueue(table, part, signal)))
    const [only] = found
    if (only && found.length === 1) return only
    const hits = nearestOfEach(found.flat())
    hits.length = Math.min(hits.length, scan.k)
    return hits
  }

  /**
   * Whether a scan that may as well run where it is called would be faster here: all threads are up and idle. Asked a few
   * times, it starts them.
   */
  isReady(table: VectorTable): boolean {
    if (this.#up) return this.#allIdle
    if (!this.#closed && this.#threads.length > 1 && ++this.#asked === BEFORE_START) this.#start(table)
    return false
  }

  get #allIdle(): boolean {
    return this.#waiting.length === 0 && this.#threads.every(({ busy }) => !busy)
  }

  #start(table: VectorTable): void {
    const nothing: PoolScan = { vectors: [], metric: 'dot', k: 1, rows: new Uint32Array(0) }
    Promise.all(this.#threads.map(() => this.#enqueue(table, nothing, undefined))).then(
      () => {
        this.#up = true
      },
      () => {
        this.#asked = 0
      },
    )
  }

  #enqueue(table: VectorTable, scan: PoolScan, signal: AbortSignal | undefined): Promise<ItemHit[]> {
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

/** As many parts as there are threads, by ranges of rows, unless they were too small. */
function divide(table: VectorTable, scan: PoolScan, threads: number): PoolScan[] {
  const { from = 0, to = table.rows, rows, vectors } = scan
  const count = rows?.length ?? to - from
  const parts = Math.max(1, Math.min(threads, Math.floor((count * table.dim * vectors.length) / PART)))
  const border = (part: number): number => {
    if (part === 0) return from
    if (part === parts) return to
    const at = Math.floor((count * part) / parts)
    return rows ? (rows[at] as number) : from + at
  }
  return Array.from({ length: parts }, (_, part) => ({ ...scan, from: border(part), to: border(part + 1) }))
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'the search was cancelled')
}

function closed(): EngineError {
  return new EngineError('CLOSED', 'the scanning threads were closed')
}
