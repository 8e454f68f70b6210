import type { PlainError } from '../../core/errors.js'
import type { EncodedImage, ImageEncoderModel } from '../../core/image-encoder.js'

/** An encoder as a thread loads it. */
export type EncoderModel = Pick<ImageEncoderModel, 'kind' | 'dim' | 'settings' | 'files'>

/** What a thread that encodes images is started with. */
export interface EncoderInput extends EncoderModel {
  /** Of a descriptor: others of the same shape, which describe every image too. Default: none. */
  beside?: readonly EncoderModel[]
}

/** To the thread. */
export type ToEncoder =
  | { kind: 'encode'; task: number; images: readonly Uint8Array[] }
  | { kind: 'reconstruct'; task: number; image: Uint8Array }
  | { kind: 'close' }

/** From the thread: one answer a task. */
export type FromEncoder =
  | { kind: 'encoded'; task: number; images: EncodedImage[] }
  | { kind: 'reconstructed'; task: number; png: Uint8Array }
  | { kind: 'failed'; task: number; error: PlainError }
