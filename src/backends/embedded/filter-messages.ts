import type { ItemFields, StoredAnomaly, StoredItem } from '../../core/backend.js'
import type { Filter } from '../../core/filter.js'
import type { StrangestQuery } from './anomaly-reader.js'
import type { CollectionKeys, EncoderKeys } from './collection-keys.js'
import type { Judges } from './filter-sql.js'

/** What the thread is told of a collection's slots before it answers: all of them, or those that changed since. */
export interface SlotChanges {
  /** The fields, by their dotted names, that are kept in memory. */
  indexed: readonly string[]
  /** Slots there are. */
  size: number
  /** Items' keys by slot, 0 for none; where the thread knows nothing yet, or too little. */
  keys?: Float64Array
  /** Slots that were written to, and the keys that they have now. */
  touched?: { slots: Uint32Array; keys: Float64Array }
}

/** A filter as the thread takes it, with the encoder versions and detections that it looks at. */
export interface FilterQuestion extends Judges {
  filter: Filter
}

export interface ResolveRequest extends FilterQuestion {
  op: 'resolve'
  collection: number
  changes: SlotChanges
  /** What it found before, and the slots that were touched since. */
  base?: { bits: SharedArrayBuffer; touched: Uint32Array }
}

/** Keys of items, ascending: shape [items]. In shared memory, so that every thread can read it. */
export type ItemKeys = Float64Array<SharedArrayBuffer>

/** The items that match, by their keys. */
export interface MatchingKeys {
  keys: ItemKeys
  /** The write that they match as of: items of a later revision may match no more. */
  seq: number
}

/** The items that match, as slots. */
export interface Resolved {
  bits: SharedArrayBuffer
  count: number
  /** How it was found: from fields in memory alone, or by reading items' metadata. */
  how: 'memory' | 'metadata'
}

export interface FacetsRequest {
  op: 'facets'
  collection: number
  question: FilterQuestion | undefined
  fields: readonly string[]
  limit: number
  /** Of a collection that is open: then fields in memory are counted there. */
  changes: SlotChanges | undefined
}

export interface ListRequest extends FilterQuestion {
  op: 'list'
  collection: CollectionKeys
  /** The item's key that the page before ended at; 0 for none. */
  after: number
  limit: number
  fields: ItemFields
  /** The items that match, where that is known. */
  known: MatchingKeys | undefined
}

export interface StrangestRequest extends FilterQuestion {
  op: 'strangest'
  version: EncoderKeys
  query: Omit<StrangestQuery, 'where'>
}

export type FilterRequest =
  | ResolveRequest
  | FacetsRequest
  | ListRequest
  | StrangestRequest
  | (FilterQuestion & { op: 'count'; collection: number })
  /** The keys of what was found as slots; answered with {@link ItemKeys}. */
  | { op: 'keysOf'; collection: number; bits: SharedArrayBuffer; changes: SlotChanges }
  /** Answered with {@link MatchingKeys}. */
  | (FilterQuestion & { op: 'keys'; collection: number })
  /** Reads the fields that are to be in memory before anybody asks. */
  | { op: 'prepare'; collection: number; changes: SlotChanges }
  | { op: 'forget'; collection: number }

/** To the thread: a request, or the number of one that nobody waits for any more. */
export type ToFilters = { id: number; request: FilterRequest } | { cancel: number }

export type StrangestRows = (StoredAnomaly & { id: string })[]
export type ListPage = { items: StoredItem[]; cursor?: string }
