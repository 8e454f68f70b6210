import type { Metric } from '../core/metrics.js'
import type { SharedVectorTable } from './vector-table.js'

/** What a scanning thread is started with. */
export interface ScanWorkerData {
  /** One Int32: the number of the scan that nobody waits for any more. */
  stopped: SharedArrayBuffer
}

export interface ScanRequest {
  id: number
  /** Which table, by a number the pool gave it. */
  table: number
  /** How many rows the table has now; its chunks are only those the thread was not sent yet. */
  state: SharedVectorTable
  vectors: Float32Array[]
  metric: Metric
  k: number
  from: number
  to: number
  rows: Uint32Array | undefined
  excludeItems: ReadonlySet<number> | undefined
}

/** A request, answered with `ItemHit[]`, or tables that will not be asked for again. */
export type ScanMessage = ScanRequest | { forget: number[] }
