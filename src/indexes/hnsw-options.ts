import { EngineError } from '../core/errors.js'
import type { Metric } from '../core/metrics.js'
import { LABEL_END } from './check-input.js'

/**
 * Breadth of search where none is asked. Recall@10 on 30,000 unit vectors of 384 dimensions in 100 to 200 clusters, tight
 * to very loose: .959 to .991 at 30, .994 to .999 at 50, .997 to 1 at 64 (scripts/bench/indexes.ts).
 */
export const DEFAULT_EF = 64
export const DEFAULT_M = 16
export const DEFAULT_EF_CONSTRUCTION = 200
export const DEFAULT_SEED = 100

export interface HnswOptions {
  metric: Metric
  dim: number
  /** Whether all vectors, queries too, have length 1: then cosine and dot skip what other lengths need. Default false. */
  unit?: boolean
  /**
   * The raw vector of a live label, where the owner keeps them anyway: distances then are exact to the last bit.
   * Without it they are hnswlib's, of float32 precision.
   */
  vectorOf?: (label: number) => Float32Array | undefined
}

export interface HnswCreateOptions extends HnswOptions {
  /** Vectors to make room for; it grows beyond by half each time. Default 1,024. */
  capacity?: number
  /** Links of a vector; more find more, and cost memory (8 bytes a vector each) and time. Default 16. */
  m?: number
  /** Breadth of search while building; more make better links and cost time in proportion. Default 200. */
  efConstruction?: number
  /** Of the levels; the same vectors in the same order give the same file. Default 100. */
  seed?: number
}

/** What hnswlib's `initIndex` takes. */
export interface GraphSettings {
  capacity: number
  m: number
  efConstruction: number
  seed: number
}

/** Fills in the defaults. @throws EngineError INVALID_REQUEST */
export function graphSettings(options: HnswCreateOptions): GraphSettings {
  const { capacity = 1024, m = DEFAULT_M } = options
  const { efConstruction = DEFAULT_EF_CONSTRUCTION, seed = DEFAULT_SEED } = options
  checkRange('dim', options.dim, 1, 1_000_000)
  checkRange('capacity', capacity, 0, LABEL_END - 1)
  checkRange('m', m, 2, 1000)
  checkRange('efConstruction', efConstruction, 1, 100_000)
  checkRange('seed', seed, 0, LABEL_END - 1)
  return { capacity, m, efConstruction, seed }
}

/** @throws EngineError INVALID_REQUEST */
export function checkRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new EngineError(
      'INVALID_REQUEST',
      `${name} must be an integer in [${least}, ${most}], got ${String(value)}`,
    )
}
