import type {
  AnomalyScore,
  CollectionRecord,
  CorrectionChange,
  Fingerprint,
  ImageWrite,
  JudgedItem,
  NewDetection,
  NewEncoderVersion,
} from '../../core/backend.js'
import type { PlainError } from '../../core/errors.js'
import type { Job } from '../../core/jobs.js'
import type { FilterQuestion, MatchingKeys } from './filter-messages.js'

/** What one encoder version makes of one item; the vectors lie in the message's one buffer, in order. */
export interface RowEncoded {
  encoderKey: number
  /** Where its passages begin and end, pair by pair. */
  borders: number[]
  anomalies: readonly AnomalyScore[]
}

/** One item of an upsert on its way to the writer. */
export interface RowWrite {
  id: string
  text: string | null
  textHash: string | null
  metadata: string
  fingerprint: string
  image: ImageWrite | null | 'keep'
  ifRevision: number | undefined
  /** Encoder versions whose vectors and scores stay. */
  keep: number[]
  encoded: RowEncoded[]
}

/** One item of a filling on its way to the writer. */
export interface RowFill {
  id: string
  revision: number
  encoded: RowEncoded
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
  /** The first label given; the others follow it in the order of items, spaces, encoder versions and passages. */
  firstLabel: number
  /** The encoder versions whose vectors changed: those have the write in their log. */
  encoderKeys: number[]
  removed: RemovedLabels[]
}

export interface UpsertAnswer extends VectorChanges {
  /** The items' keys, in the order of the writes. */
  itemKeys: Float64Array
}

export interface RemoveAnswer extends VectorChanges {
  ids: string[]
}

/** Slices of one transaction: the first begins it, the last commits it and is answered with UpsertAnswer. */
export interface UpsertSlice {
  op: 'upsert'
  collection: number
  /** By encoder version. */
  dims: Record<number, number>
  rows: RowWrite[]
  vectors: Float32Array
  first: boolean
  last: boolean
}

/** A transaction of its own; answered with the number of rows written. */
export interface FillSlice {
  op: 'fill'
  collection: number
  /** By encoder version. */
  dims: Record<number, number>
  rows: RowFill[]
  vectors: Float32Array
}

export type WriterRequest =
  | { op: 'open'; path: string }
  | { op: 'createCollection'; record: CollectionRecord }
  | { op: 'deleteCollection'; name: string }
  | UpsertSlice
  | { op: 'remove'; collection: number; ids: string[] }
  | ({ op: 'removeWhere'; collection: number; question: FilterQuestion } & MatchingKeys)
  | { op: 'setIndexed'; collection: number; fields: readonly string[] }
  | { op: 'stageEncoder'; collection: number; space: string; version: NewEncoderVersion }
  | FillSlice
  | { op: 'isWhole'; collection: number; encoderKey: number }
  | { op: 'promoteEncoder'; encoderKey: number }
  | { op: 'dropEncoder'; encoderKey: number }
  | { op: 'stageDetection'; encoderKey: number; detection: NewDetection }
  | { op: 'judge'; detection: number; rows: readonly JudgedItem[] }
  | { op: 'promoteDetection'; detection: number }
  | { op: 'dropDetection'; detection: number }
  | { op: 'correct'; collection: number; rows: readonly CorrectionChange[] }
  | { op: 'purge' }
  | { op: 'recordJob'; job: Job }
  | {
      op: 'keepFingerprints'
      collection: number
      kind: string
      rows: readonly ({ id: string } & Fingerprint)[]
    }
  | { op: 'beginReport'; collection: number; name: string }
  | { op: 'addReportRows'; report: number; from: number; rows: readonly string[] }
  | { op: 'finishReport'; report: number; head: string }
  | { op: 'trimLog'; encoderKey: number; seq: number }
  | { op: 'checkpoint' }
  | { op: 'close' }

export type WriterReply = { id: number; result: unknown } | { id: number; error: PlainError }
