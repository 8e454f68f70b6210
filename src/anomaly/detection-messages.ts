import type { DetectionOptions, DetectionReport, DetectionRows, DetectionScores } from '../core/detection.js'
import type { Reason } from '../core/reasons.js'
import type { ItemEvidence } from './usual-items.js'

/** A fitted detection as it is stored, with what it found of the rows that it was fitted to. */
export interface FittedRows {
  settings: Record<string, unknown>
  files: Record<string, Uint8Array>
  report: DetectionReport
  scores: DetectionScores
  /** 1 for rows that were left out as strange. */
  trimmed: Uint8Array
}

/** What the thread is asked, and what it answers. */
export interface DetectionCalls {
  fit: { asked: { rows: DetectionRows; options: DetectionOptions }; answer: FittedRows }
  /** Why an item seems strange, beside the items of the detection that was stored as `key`; undefined where it is not loaded. */
  explain: { asked: { key: string; evidence: ItemEvidence }; answer: Reason[] | undefined }
  /** Judges rows by the detection that was stored as `key`; undefined where it is not loaded. */
  score: { asked: { key: string; rows: DetectionRows }; answer: DetectionScores | undefined }
  load: {
    asked: { key: string; settings: Record<string, unknown>; files: Record<string, Uint8Array> }
    answer: null
  }
}

export type DetectionCallName = keyof DetectionCalls

/** A call as it reaches the thread. */
export type DetectionCall = {
  [N in DetectionCallName]: { id: number; call: N; asked: DetectionCalls[N]['asked'] }
}[DetectionCallName]
