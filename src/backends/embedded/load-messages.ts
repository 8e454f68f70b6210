import type { SharedVectorTable } from '../../indexes/vector-table.js'
import type { IndexManifest } from './index-manifest.js'
import type { CollectionKeys } from './write-messages.js'

/** What the loader thread is asked for. */
export interface LoadRequest {
  databasePath: string
  cacheDir: string
  epoch: string
  collection: CollectionKeys
  /** By encoder version: the metrics that have an index of their own. */
  indexMetrics: Record<number, string[]>
}

/** An index as it was found in the cache. */
export type LoadedIndex =
  | { metric: string; manifest: IndexManifest /** Labels removed since. */; removed: number[] }
  | {
      metric: string /** Why the cache cannot be used; undefined where there never was one. */
      reason?: string
    }

export interface LoadedSpace {
  encoderKey: number
  table: SharedVectorTable
  /** The last change of the log that the table holds, and its stamp. */
  seq: number
  stamp: string
  indexes: LoadedIndex[]
}

/** A collection's vectors in shared memory; ids by slot. */
export interface LoadedCollection {
  ids: string[]
  spaces: LoadedSpace[]
}
