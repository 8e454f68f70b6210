import type { Pixels } from '../core/image-encoder.js'
import type { ImageExplanation } from './explain-image.js'
import type { RenderedImage } from './render-image.js'

/** What a thread is started with. */
export interface ImageWorkerInput {
  /** From 1. */
  number: number
  /** Of the `Turn` that large pictures wait for. */
  turn: SharedArrayBuffer
}

/** A picture as a file's bytes, or decoded. */
export type ImageSource = Uint8Array | Pixels

/** What a thread can be asked for: a picture made small, or where it differs from its reconstruction. */
export type ImageTask =
  | { kind: 'render'; image: ImageSource }
  | { kind: 'explain'; picture: ImageSource; reconstruction: ImageSource }

/** What comes of a task, by its kind. */
export interface ImageAnswers {
  render: RenderedImage
  explain: ImageExplanation
}

export type ImageAnswer = ImageAnswers[ImageTask['kind']]
