import type { Metric } from './metrics.js'
import type { Metadata } from './types.js'

/** A space as the backend keeps it. */
export interface SpaceRecord {
  name: string
  /** The encoder's id, or null where the user brings the vectors. */
  encoder: string | null
  /** By what name the encoder can be loaded again; null where the user brings the vectors. */
  encoderName: string | null
  dim: number
  metrics: Metric[]
  /** Whether all vectors have length 1, so that one index can serve every metric. */
  unit: boolean
}

export interface CollectionRecord {
  name: string
  spaces: SpaceRecord[]
}

export interface CollectionStats extends CollectionRecord {
  items: number
  /** By space. */
  vectors: Record<string, { live: number; indexed: number }>
}

/** A vector to store: a whole item's, or that of the part [start, end) of its text, in UTF-16 units. */
export interface PassageVector {
  vector: Float32Array
  start: number
  end: number
}

/** One item to write; it replaces the item of that id whole. */
export interface ItemWrite {
  id: string
  text: string | null
  metadata: Metadata
  /** null for none, `keep` for the picture that is there (needs `ifRevision`). */
  image: { bytes: Uint8Array; type: string } | null | 'keep'
  /** Hash of all that the user gave, so that the same item can be recognized. */
  fingerprint: string
  /** Hash of the text, so that an unchanged text need not be encoded again; null without text. */
  textHash: string | null
  /**
   * By space: which encoder made them (its id, null for the user's own) and the vectors, or `keep` for those that
   * are there (needs `ifRevision`). A space that is not named loses its vectors of this item.
   */
  vectors: Record<string, { encoder: string | null; passages: PassageVector[] } | 'keep'>
  /** Only if the item still has this revision; 0: only if it is not there. */
  ifRevision?: number
}

/** What the engine asks before it encodes. */
export interface ItemStamp {
  /** Grows with every write of the item. */
  revision: number
  fingerprint: string
  textHash: string | null
  /** Spaces that hold vectors of the item, by their current encoder. */
  spaces: string[]
  hasImage: boolean
}

export interface ItemFields {
  metadata?: boolean
  text?: boolean
  vectors?: boolean
}

export interface StoredItem {
  id: string
  revision: number
  metadata?: Metadata
  text?: string | null
  vectors?: Record<string, Float32Array[]>
  hasImage: boolean
}

export interface NearestQuery {
  space: string
  /** The encoder that made the query's vectors; null for the user's own. */
  encoder: string | null
  /** At least one, each of shape [dim]; an item's distance is the least over all of them and its passages. */
  vectors: Float32Array[]
  metric: Metric
  /** Items, not vectors. */
  k: number
  /** Compare with every vector. */
  exact?: boolean
  ef?: number
  /** Ids that must not be found. */
  exclude?: readonly string[]
  signal?: AbortSignal
}

/** An item found; smaller distance is nearer. */
export interface Hit {
  id: string
  distance: number
  /** Borders of its best passage in the item's text, in UTF-16 units. */
  start: number
  end: number
  /** Of the item whose text the borders are of, where the space has an encoder. */
  revision?: number
}

export interface NearestAnswer {
  /** At most k, nearest first, ties in one stable order; fewer only if no more items have vectors there. */
  hits: Hit[]
  strategy: 'exact' | 'hnsw'
  ef?: number
  /** Vectors compared one by one. */
  scanned: number
}

/** Vectors of a space in the order of their labels, for whoever fits or audits something. */
export interface VectorBatch {
  ids: string[]
  /** Row-major, shape [ids.length, dim]. */
  vectors: Float32Array
}

export interface ListQuery {
  /** 1 to 1,000. */
  limit: number
  /** From the page before; the order is stable under writes. */
  cursor?: string
  fields: ItemFields
}

/**
 * Where collections live. Everything is asynchronous and nothing above may assume a file, SQLite or one machine.
 *
 * Every write resolves after it is durable, and a `nearest` that begins after that sees it. Unknown collections are
 * refused with COLLECTION_NOT_FOUND, unknown spaces with SPACE_NOT_FOUND, everything after `close` with CLOSED.
 */
export interface Backend {
  /** Its kind, for health reports: `embedded`. */
  readonly kind: string

  listCollections(): Promise<CollectionRecord[]>
  getCollection(name: string): Promise<CollectionRecord | undefined>
  /** @throws EngineError COLLECTION_EXISTS */
  createCollection(record: CollectionRecord): Promise<void>
  /** Everything of it, vectors and pictures included. @returns whether it was there */
  deleteCollection(name: string): Promise<boolean>
  stats(collection: string): Promise<CollectionStats>

  /**
   * Writes all or nothing. The items' ids differ from each other; vectors have the space's dimension.
   *
   * @throws EngineError CONFLICT where an `ifRevision` does not hold; `details.ids` names the items
   * @throws EngineError ENCODER_MISMATCH where vectors come from another encoder than the space's
   */
  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void>
  /** @returns the ids that were there */
  remove(collection: string, ids: readonly string[]): Promise<string[]>

  /** What is known of those of the ids that exist. */
  stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>>
  /** Those of the ids that exist. */
  get(collection: string, ids: readonly string[], fields: ItemFields): Promise<Map<string, StoredItem>>
  /** In the order of first writing. */
  list(collection: string, query: ListQuery): Promise<{ items: StoredItem[]; cursor?: string }>
  image(collection: string, id: string): Promise<{ bytes: Uint8Array; type: string } | undefined>

  /** @throws EngineError ENCODER_MISMATCH, DIMENSION_MISMATCH */
  nearest(collection: string, query: NearestQuery): Promise<NearestAnswer>
  /** All live vectors of a space, as they were when it began, in batches. */
  scan(collection: string, space: string, options?: { batch?: number }): AsyncIterable<VectorBatch>

  /** Resolves when everything written so far is in the indexes (searches do not need it). */
  settled(collection: string): Promise<void>
  /** Waits for writes that began, stops background work, releases everything. Idempotent. */
  close(): Promise<void>
}
