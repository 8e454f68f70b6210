import type { PlainError } from '../../core/errors.js'
import type { ImageEncoderModel } from '../../core/image-encoder.js'
import type { FitProgress, FitSettings } from './fit-types.js'

/** What a thread that fits an encoder is started with. */
export interface FitInput {
  settings: FitSettings
  size: number | undefined
  channels: 1 | 3 | undefined
  /** Images that will come. */
  count: number
  labels: readonly (string | null)[] | undefined
  /** Renditions to choose the shape by; the first of those that will come. */
  sample: readonly Uint8Array[]
  /** One Int32; anything but 0 asks the thread to end. */
  cancelled: SharedArrayBuffer
}

/** To the thread: renditions in order, then the end. */
export type ToFit = { kind: 'images'; images: readonly Uint8Array[] } | { kind: 'end' }

/** From the thread. */
export type FromFit =
  /** It has decoded what it was given and takes more. */
  | { kind: 'more' }
  | { kind: 'progress'; progress: FitProgress }
  | { kind: 'done'; model: ImageEncoderModel }
  | { kind: 'failed'; error: PlainError }
