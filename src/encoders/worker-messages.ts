import type { CLOSE } from '../core/call-thread.js'
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

/** To a worker: the wish to know the dimension once the model is loaded; a task, answered with {@link EncodeResult}; or what nobody waits for. */
export type ToWorker =
  | { id: number; load: true }
  | { id: number; task: EncodeTask }
  /** The number of a task that is to be answered with CANCELLED. */
  | { cancel: number }
  | typeof CLOSE
