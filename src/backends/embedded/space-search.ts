import type { FilteredPlan } from '../../core/backend.js'
import type { Metric } from '../../core/metrics.js'
import type { ItemHit } from '../../indexes/scan-table.js'
import type { FoundItems } from './filter-cache.js'

/** What a space's vectors are asked. */
export interface SpaceSearch {
  vectors: Float32Array[]
  metric: Metric
  /** Items. */
  k: number
  exact: boolean
  ef: number | undefined
  /** What chooses `ef` where it is not given. */
  targetRecall: number | undefined
  /** Slots of items that must not be found. */
  exclude: ReadonlySet<number>
  signal: AbortSignal | undefined
  /** What a filter means; undefined without one. */
  found?: FoundItems | undefined
}

/** What they answered. */
export interface SpaceAnswer {
  hits: ItemHit[]
  strategy: 'exact' | 'hnsw'
  ef?: number
  scanned: number
  filtered?: FilteredPlan
}
