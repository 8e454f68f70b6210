import type { Metric } from './metrics.js'

/** A vector found, by its label. Smaller distance is nearer. */
export interface Neighbour {
  label: number
  distance: number
}

export interface IndexSearchOptions {
  /** HNSW's breadth of search; larger finds more and costs time in proportion. Exact indexes ignore it. */
  ef?: number
  /** Only labels for which it is true are found. */
  filter?: (label: number) => boolean
}

/**
 * Vectors by label, nearest first. A label is an integer in [0, 2^32) that is used once: neither a live nor a
 * removed label is ever taken again. Synchronous and of one thread.
 */
export interface VectorIndex {
  readonly metric: Metric
  readonly dim: number
  /** Live vectors. */
  readonly count: number

  /**
   * @param vector shape [dim]; copied
   * @throws EngineError LABEL_REUSED, DIMENSION_MISMATCH, INVALID_VECTOR, ZERO_VECTOR (cosine)
   */
  add(label: number, vector: Float32Array): void

  /** Takes `label` out for good and adds the new vector under `newLabel`. @throws as {@link add} */
  update(label: number, newLabel: number, vector: Float32Array): void

  /** @returns whether the label was there and live */
  remove(label: number): boolean

  has(label: number): boolean

  /**
   * The `k` nearest live vectors that pass the filter.
   *
   * @param query shape [dim]; copied, never modified
   * @returns at most k neighbours, nearest first; ties by ascending label; distances as `core/metrics.ts` says
   * @throws EngineError DIMENSION_MISMATCH, INVALID_VECTOR, ZERO_VECTOR (cosine), INVALID_REQUEST (k not an integer >= 1)
   */
  search(query: Float32Array, k: number, options?: IndexSearchOptions): Neighbour[]

  /** Writes itself to a file, whole or not at all (temporary name, fsync, rename). Nothing may be added meanwhile. */
  save(path: string): Promise<void>
}
