/** An image that was decoded: 8 bits a channel, row by row, channels side by side. */
export interface Pixels {
  width: number
  height: number
  /** 1: grey; 3: red, green, blue. */
  channels: 1 | 3
  /** Length width * height * channels, 0 to 255. */
  values: Uint8Array
}

/** What an encoder that can also decode thinks of an image. Larger is stranger. */
export interface Reconstruction {
  /** Mean squared error over all pixels and channels, in 0..1. */
  error: number
  /** `error` divided by the picture's own norm, so that bright pictures are not stranger than dark ones. */
  score: number
  /** Only of a VAE: its negative evidence lower bound, in nats. */
  nelbo?: number
}

/** One encoded image. */
export interface EncodedImage {
  /** Shape [dim]; of length 1 where the encoder's `unit` says so. */
  vector: Float32Array
  /** Only of encoders that reconstruct. */
  reconstruction?: Reconstruction
  /** Only of an encoder with others beside it: what these make of the same image, in their order. */
  beside?: EncodedImage[]
}

export interface EncodeImagesOptions {
  /** Stops before the next batch, with EngineError CANCELLED. */
  signal?: AbortSignal
  /** Called as batches finish, with the number of images encoded. */
  onProgress?: (done: number) => void
}

/**
 * Turns images into vectors. Decoding and computation run in worker threads, never on the caller's. An image's vector
 * does not depend on what it is encoded together with.
 */
export interface ImageEncoder {
  /** Hashes weights and settings: two encoders with one id give the same vectors. */
  readonly id: string
  /** Its kind: see {@link ImageEncoderKind}. */
  readonly name: ImageEncoderKind
  readonly dim: number
  /** Whether every vector has length 1. */
  readonly unit: boolean
  /** Whether it can make a picture of a vector, and so tells how well it knows an image. */
  readonly reconstructs: boolean

  /**
   * @param images files as they are stored (renditions); all must be decodable
   * @returns one for each image, in order; an empty list for an empty list
   * @throws EngineError INVALID_IMAGE (`details.index`), CANCELLED, CLOSED, BUSY
   */
  encode(images: readonly Uint8Array[], options?: EncodeImagesOptions): Promise<EncodedImage[]>

  /**
   * The picture that the encoder makes of an image, as a PNG.
   *
   * @throws EngineError UNSUPPORTED where it cannot
   */
  reconstruct(image: Uint8Array): Promise<Uint8Array>

  /** Frees what it holds; what waits is refused with CLOSED. Idempotent. */
  dispose(): Promise<void>
}

/** The image encoders that are fitted to a collection. */
export const IMAGE_ENCODERS = ['descriptor', 'pca', 'autoencoder', 'vae'] as const
export type ImageEncoderKind = (typeof IMAGE_ENCODERS)[number]

/** An image encoder as it is stored: everything that loading it needs, and what fitting it found. */
export interface ImageEncoderModel {
  kind: ImageEncoderKind
  /** Hashes `settings` and `files`. */
  id: string
  dim: number
  unit: boolean
  /** What the kind's loader needs: input size, channels, scaling. JSON. */
  settings: Record<string, unknown>
  /** Weights by name, such as `encoder.onnx`. */
  files: Record<string, Uint8Array>
  /** What fitting found, for people and later checks: losses, held-out errors, comparisons. JSON. */
  report: Record<string, unknown>
}
