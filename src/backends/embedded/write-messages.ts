import type { CollectionRecord } from '../../core/backend.js'
import type { PlainError } from '../../core/errors.js'

/** A space with the keys that SQLite knows it and its current encoder by. */
export interface SpaceKeys {
  key: number
  name: string
  /** Row of `encoders`: the version whose vectors are current. */
  encoderKey: number
  encoder: string | null
  encoderName: string | null
  dim: number
  metrics: string[]
  unit: boolean
}

/** A collection with its keys. */
export interface CollectionKeys {
  key: number
  name: string
  spaces: SpaceKeys[]
}

/** The vectors of one item in one space: `keep`, or where its passages begin and end, pair by pair. */
export type RowVectors = { encoderKey: number; borders: number[] | 'keep' }

/** One item of an upsert on its way to the writer; its vectors lie in the message's one buffer, in order. */
export interface RowWrite {
  id: string
  text: string | null
  textHash: string | null
  metadata: string
  fingerprint: string
  image: { bytes: Uint8Array; type: string } | null | 'keep'
  ifRevision: number | undefined
  vectors: RowVectors[]
}

/** Labels that a write took out of an encoder version's vectors. */
export interface RemovedLabels {
  encoderKey: number
  labels: number[]
}

/** What a committed write did to the vectors. */
export interface VectorChanges {
  seq: number
  stamp: string
  /** The first label given; the others follow it in the order of items, spaces and passages. */
  firstLabel: number
  /** The encoder versions whose vectors changed: those have the write in their log. */
  encoderKeys: number[]
  removed: RemovedLabels[]
}

export type WriterRequest =
  | { op: 'open'; path: string }
  | { op: 'createCollection'; record: CollectionRecord }
  | { op: 'deleteCollection'; name: string }
  /** Slices of one transaction: the first begins it, the last commits it and is answered with VectorChanges. */
  | {
      op: 'upsert'
      collection: number
      dims: Record<number, number>
      rows: RowWrite[]
      vectors: Float32Array
      first: boolean
      last: boolean
    }
  | { op: 'remove'; collection: number; ids: string[] }
  | { op: 'trimLog'; encoderKey: number; seq: number }
  | { op: 'checkpoint' }
  | { op: 'close' }

export interface RemoveAnswer extends VectorChanges {
  ids: string[]
}

export type WriterReply = { id: number; result: unknown } | { id: number; error: PlainError }
