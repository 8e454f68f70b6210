import type { ImageEncoderKind, ImageEncoderModel } from '../../core/image-encoder.js'

/** The decoded images of a fit, all of one shape. */
export interface PixelMatrix {
  count: number
  /** Width and height, in pixels. */
  size: number
  channels: 1 | 3
  /** Shape [count, size, size, channels], 0 to 255, over a SharedArrayBuffer. */
  values: Uint8Array<SharedArrayBuffer>
  /** For each row the label of its image, where labels exist. Only reports may use them, never the fit. */
  labels?: readonly (string | null)[]
}

/** What the caller asked for; what is undefined is the fitting function's to choose from the images. */
export interface FitSettings {
  kind: ImageEncoderKind
  /** Of the vectors. At most the number of images. */
  dim?: number
  epochs?: number
  /** Weight of the VAE's KL term. */
  beta?: number
  /** Noise added to the inputs of an autoencoder. */
  denoise?: number
  /** Of a descriptor: made to tell strangers, not what is alike; see `fitDescriptor`. Default false. */
  strangers?: boolean
  seed: number
  engine: 'onnx' | 'tfjs-node'
}

/** How far a fit has come. */
export interface FitProgress {
  phase: 'reading' | 'fitting' | 'measuring'
  /** Images of the phase `reading`; steps of the fitting function's own choice otherwise. */
  done: number
  total: number
  epoch?: number
  epochs?: number
  loss?: number
  validationLoss?: number
  imagesPerSecond?: number
  secondsLeft?: number
}

/** The fitting function's side of its caller. */
export interface FitRun {
  onProgress(progress: FitProgress): void
  /** To be called often, at least every half second of work. @throws EngineError CANCELLED */
  check(): void
  /** Aborted as soon as the thread hears of it: at a turn of its event loop, or in {@link check}. */
  readonly signal: AbortSignal
}

/** What a fitting function gives back: a model but for its id. */
export type FittedParts = Omit<ImageEncoderModel, 'id'>

/**
 * Fits an encoder to decoded images. It runs in a worker thread of its own and may block it; it frees what it made.
 *
 * @throws EngineError TOO_FEW_IMAGES, TRAINING_DIVERGED, CANCELLED, INVALID_REQUEST
 */
export type FitFunction = (images: PixelMatrix, settings: FitSettings, run: FitRun) => Promise<FittedParts>
