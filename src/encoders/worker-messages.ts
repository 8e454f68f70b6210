import type { PlainError } from '../core/errors.js'
import type { TextRole } from '../core/text-encoder.js'
import type { ModelFolder } from './model-folder.js'

/** What a worker is started with. */
export interface WorkerInput {
  model: ModelFolder
}

/** Texts to encode. */
export interface EncodeTask {
  texts: string[]
  role: TextRole
  /** Goes before what else waits in the worker. */
  urgent: boolean
  /** Whether a text that is too long is answered by the borders of its passages, instead of being cut. */
  split: boolean
}

/** Answer to an {@link EncodeTask}. */
export interface EncodeResult {
  /** Row-major, shape [texts, dim]; the row of a text that was split means nothing. */
  vectors: Float32Array
  /** Tokens read of each text. */
  tokens: Uint32Array
  /** Of the texts that were split: which one, and start and end of each passage in turn. */
  splits: { index: number; borders: Uint32Array }[]
}

export type ToWorker =
  | { kind: 'task'; task: number; body: EncodeTask }
  | { kind: 'cancel'; task: number }
  | { kind: 'close' }

export type FromWorker =
  | { kind: 'ready'; dim: number }
  | { kind: 'failed'; error: PlainError }
  | { kind: 'done'; task: number; result: EncodeResult }
  | { kind: 'error'; task: number; error: PlainError }
