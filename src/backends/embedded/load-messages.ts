import type { SharedVectorTable } from '../../indexes/vector-table.js'
import type { EncoderKeys } from './collection-keys.js'
import type { IndexManifest } from './index-manifest.js'
import type { PackedIds } from './packed-ids.js'

/** What the loader thread is asked for. */
export interface LoadRequest {
  databasePath: string
  cacheDir: string
  epoch: string
  /** The collection's key. */
  collection: number
  /** The encoder versions to read, and the metrics in which each has an index of its own. */
  versions: { version: EncoderKeys; indexMetrics: string[] }[]
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

/** A collection's vectors in shared memory; the tables name an item by its place in `ids`. */
export interface LoadedCollection {
  ids: PackedIds
  /** The items' keys, beside `ids`. */
  keys: Float64Array
  /** The last write of all that the database held. */
  seq: number
  spaces: LoadedSpace[]
}
