import type { PlainError } from '../core/errors.js'
import type { Pixels } from '../core/image-encoder.js'
import type { RenderedImage } from './render-image.js'

/** What a thread is started with. */
export interface ImageWorkerInput {
  /** From 1. */
  number: number
  /** Of the `Turn` that large pictures wait for. */
  turn: SharedArrayBuffer
}

/** To the thread: a picture to render, or the wish to end after the one that is being rendered. */
export type ToImageWorker = { kind: 'render'; image: Uint8Array | Pixels } | { kind: 'close' }

/** From the thread: one answer a picture, in the order in which they came. */
export type FromImageWorker =
  | { kind: 'done'; rendered: RenderedImage }
  | { kind: 'failed'; error: PlainError }
