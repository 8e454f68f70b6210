import type { PlainError } from '../core/errors.js'
import type { Metric } from '../core/metrics.js'
import type { RecallCurve } from './measure-recall.js'
import type { SharedVectorTable } from './vector-table.js'

/** What the thread that builds is given. */
export interface BuildRequest {
  table: SharedVectorTable
  from: number
  to: number
  base: string | undefined
  drop: Uint32Array
  metric: Metric
  unit: boolean
  m: number | undefined
  efConstruction: number | undefined
  seed: number | undefined
  audit: boolean
  measure: boolean
  path: string
  /** One Int32; anything but 0 asks the thread to end. */
  cancelled: SharedArrayBuffer
}

/** A finished index file. */
export interface BuiltIndex {
  /** Live vectors. */
  count: number
  /** Vectors that are in the graph but removed: those of the base that were. */
  dead: number
  /** Vectors that the graph does not lead to, and that searches compare one by one. */
  apart: number
  bytes: number
  /** In hexadecimal. */
  sha256: string
  /** The largest label in it; -1 for none. */
  lastLabel: number
  /** How its recall grows with `ef`. */
  curve: RecallCurve
}

export type BuildMessage = { done: number; total: number } | { built: BuiltIndex } | { error: PlainError }
