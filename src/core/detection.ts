/** The ways of judging how strange an item is that look at vectors alone; `autoencoder` at those of texts. */
export const VECTOR_DETECTORS = ['neighbours', 'lof', 'mahalanobis', 'forest', 'ecod', 'autoencoder'] as const

/** Those whose scores encoders give: the `columns` of {@link DetectionRows}. */
export const ENCODER_DETECTORS = ['reconstruction', 'nelbo'] as const

export type DetectorName = (typeof VECTOR_DETECTORS)[number] | (typeof ENCODER_DETECTORS)[number]

/** Vectors, row-major: shape [count, dim]. */
export interface Rows {
  values: Float32Array
  count: number
  dim: number
}

/** What one detector learned of vectors. */
export interface Detector {
  readonly name: DetectorName
  /** @returns one score a row, larger is stranger; finite */
  score(rows: Rows): Float64Array
  /** JSON; {@link DetectorKind.load} makes the same detector of it. */
  settings(): Record<string, unknown>
  /** Numbers too many for JSON, by name. */
  files(): Record<string, Uint8Array>
}

/** Items to be judged. */
export interface DetectionRows extends Rows {
  /** By detector, scores that encoders gave: one an item, NaN where it has none; larger is stranger. */
  columns: Partial<Record<DetectorName, Float64Array>>
  /**
   * Distances to each row's nearest other items in the space's own metric, ascending, shape [count, neighbours]; Infinity
   * where there are fewer. Without them `neighbours` keeps a bank of vectors of its own, and standardises them.
   */
  nearest?: Float32Array
  /** Whether a text encoder made the vectors: then `autoencoder` is fitted too. Default false. */
  texts?: boolean
  /** Whether the encoder that made the vectors told `columns.reconstruction`: the part of an item that its space leaves out. Default false. */
  ownError?: boolean
  /** Which of these rows each of these others is, shape of `nearest`; -1 for one that is none of them. */
  nearestRows?: Int32Array
}

/** How items are to be judged. */
export interface DetectionOptions {
  /**
   * `clean`: the rows are all normal: a part of them is held out, and p-values are the split-conformal ones. `mixed`: they
   * may hold strangers: the strange ones are left out and the rest is fitted again; p-values are estimates.
   */
  reference: 'clean' | 'mixed'
  seed: number
  /** What people said of rows: 1 strange, -1 fine, 0 nothing. */
  labels?: Int8Array
}

/** What is said of rows. */
export interface DetectionScores {
  /** The joint score, larger is stranger. */
  verdict: Float64Array
  /** The part of normal items that are at least as strange, in (0, 1]. */
  pValues: Float64Array
  /** By detector, those that were given no weight among them. */
  detectors: Partial<Record<DetectorName, { scores: Float64Array; pValues: Float64Array }>>
}

/** What fitting found; JSON. */
export interface DetectionReport {
  /** Rows that it was fitted to. */
  items: number
  reference: 'clean' | 'mixed'
  /** Rows that p-values come from. */
  calibratedOn: number
  /** Parts of the joint verdict, in 0..1, that sum to 1; 0 for a detector that is only shown. */
  weights: Partial<Record<DetectorName, number>>
  /** What part of the rows seems strange: an estimate, and the range that it lies in. */
  contamination: { estimate: number; low: number; high: number }
}

/** All detectors of a space, fitted, and their one verdict. */
export interface Detection {
  readonly report: DetectionReport
  /** Of rows that it was not fitted to. */
  score(rows: DetectionRows): DetectionScores
  settings(): Record<string, unknown>
  files(): Record<string, Uint8Array>
}
