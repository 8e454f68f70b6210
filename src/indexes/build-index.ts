import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { Metric } from '../core/metrics.js'
import type { BuildMessage, BuildRequest, BuiltIndex } from './build-messages.js'
import type { SharedVectorTable } from './vector-table.js'

export interface BuildOptions {
  table: SharedVectorTable
  /** First row; default 0. */
  from?: number
  /** Row after the last; default all. */
  to?: number
  /** Path of an index file to extend; its own `m` and `efConstruction` then hold. */
  base?: string
  /** Labels of the base that are dead by now. */
  drop?: ArrayLike<number>
  metric: Metric
  /** Whether all vectors have length 1. Default false. */
  unit?: boolean
  m?: number
  efConstruction?: number
  seed?: number
  /** Whether to see to it that every vector is found by itself, which takes about a tenth longer. Default true. */
  audit?: boolean
  /** Whether to measure how recall grows with `ef`, which takes about a twentieth longer. Default true. */
  measure?: boolean
  /** The file to write, whole or not at all. */
  path: string
  /** Vectors added so far, of how many; ten times a second at most. */
  onProgress?: (done: number, total: number) => void
  signal?: AbortSignal
}

/**
 * Builds an HNSW index file over the live rows of a table, in a thread of its own that ends with it, so that its memory
 * goes back. Rows that die meanwhile may or may not be in it: remove their labels from what is loaded.
 *
 * @throws EngineError CANCELLED on `signal`, once the thread has ended; then there is no file
 * @throws EngineError as `HnswIndex`: INDEX_INVALID (base), LABEL_REUSED, ZERO_VECTOR, DISK_FULL, …
 */
export function buildHnsw(options: BuildOptions): Promise<BuiltIndex> {
  const { table, signal, path } = options
  const request: BuildRequest = {
    table,
    from: options.from ?? 0,
    to: options.to ?? table.rows,
    base: options.base,
    drop: Uint32Array.from(options.drop ?? []),
    metric: options.metric,
    unit: options.unit ?? false,
    m: options.m,
    efConstruction: options.efConstruction,
    seed: options.seed,
    audit: options.audit ?? true,
    measure: options.measure ?? true,
    path,
    cancelled: new SharedArrayBuffer(4),
  }
  if (signal?.aborted) return Promise.reject(new EngineError('CANCELLED', `building ${path} was cancelled`))
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./build-worker.js', import.meta.url), {
      execArgv: [],
      workerData: request,
      name: 'kindred build',
    })
    // asked, not terminated: hnswlib may be writing in a thread of its own just then
    const cancel = (): void => {
      Atomics.store(new Int32Array(request.cancelled), 0, 1)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    let outcome: { built: BuiltIndex } | { error: unknown } | undefined
    worker.on('message', (message: BuildMessage) => {
      if ('built' in message) outcome = message
      else if ('error' in message) outcome = { error: fromPlainError(message.error) }
      else options.onProgress?.(message.done, message.total)
    })
    worker.on('error', (cause) => {
      outcome = { error: new EngineError('INTERNAL', `building ${path} failed: ${cause.message}`, { cause }) }
    })
    worker.once('exit', (code) => {
      signal?.removeEventListener('abort', cancel)
      if (outcome && 'built' in outcome) resolve(outcome.built)
      else
        reject(
          outcome?.error ??
            new EngineError('INTERNAL', `the thread building ${path} ended with code ${code}`),
        )
    })
  })
}
