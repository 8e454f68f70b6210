/** One encoded text. */
export interface EncodedText {
  /** Shape [dim]; of length 1 where the encoder's `unit` says so. */
  vector: Float32Array
  /** Tokens read, special ones and prompt included. */
  tokens: number
}

/** A part of a long text with its vector. */
export interface Passage {
  /** Where it begins in the text, in UTF-16 units. */
  start: number
  /** Where it ends, exclusive. */
  end: number
  vector: Float32Array
}

/** How a text is meant: encoders with prompts treat the two differently. */
export type TextRole = 'query' | 'passage'

export interface EncodeOptions {
  as: TextRole
  /** Stops before the next batch, with EngineError CANCELLED. */
  signal?: AbortSignal
}

export interface PassageOptions {
  signal?: AbortSignal
  /** Called as batches finish, with the number of texts that are wholly encoded. */
  onProgress?: (done: number) => void
}

/**
 * Turns texts into vectors. Computation runs in worker threads, never on the caller's. A text's vector does not
 * depend on what it is encoded together with. Queries overtake passages that wait.
 */
export interface TextEncoder {
  /** Hashes weights and settings: two encoders with one id give the same vectors. */
  readonly id: string
  readonly name: string
  readonly dim: number
  /** Whether every vector has length 1. */
  readonly unit: boolean
  /** Tokens read of one text, special ones and prompt included; what is beyond is cut. */
  readonly maxTokens: number

  /**
   * @returns one for each text, in order; an empty list for an empty list
   * @throws EngineError CANCELLED, CLOSED, BUSY (its queue is full), ENCODER_INVALID
   */
  encode(texts: readonly string[], options: EncodeOptions): Promise<EncodedText[]>

  /**
   * Splits each text into overlapping passages on sentence borders, each within `maxTokens`, and encodes them.
   *
   * @returns for each text its passages in order, at least one; a text that fits is one passage over all of it
   */
  encodePassages(texts: readonly string[], options?: PassageOptions): Promise<Passage[][]>

  /** Ends the workers; what waits is refused with CLOSED. Idempotent. */
  dispose(): Promise<void>
}
