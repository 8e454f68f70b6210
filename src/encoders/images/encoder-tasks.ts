import type { ImageEncoderModel } from '../../core/image-encoder.js'

/** An encoder as a thread loads it. */
export type EncoderModel = Pick<ImageEncoderModel, 'kind' | 'dim' | 'settings' | 'files'>

/** What a thread that encodes images is started with. */
export interface EncoderInput extends EncoderModel {
  /** Of a descriptor: others of the same shape, which describe every image too. Default: none. */
  beside?: readonly EncoderModel[]
}

/** What a thread is asked: pictures to encode, answered with `EncodedImage[]`, or one to reconstruct, answered with a PNG. */
export type EncoderTask =
  | { kind: 'encode'; images: readonly Uint8Array[] }
  | { kind: 'reconstruct'; image: Uint8Array }
