import type { Detector } from '../core/detection.js'

/** A detector with the scores of the rows it was fitted to, each as if the row had not been there where that is cheap. */
export interface Fitted {
  detector: Detector
  scores: Float64Array
}

/** A detector as it is stored. */
export interface Stored {
  settings: Record<string, unknown>
  files: Record<string, Uint8Array>
}
