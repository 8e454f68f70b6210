import type { DetectionThread } from '../anomaly/detection-thread.js'
import type { CollectionRecord, Correction, DetectionRecord, SpaceRecord } from '../core/backend.js'
import type { DetectionReport } from '../core/detection.js'
import type { Filter } from '../core/filter.js'

/** How many may be flagged wrongly: a part of the normal items, or a part of those that are flagged. */
export type FlagRule = { rate: number } | { fdr: number }

/** What a detection is made with; kept in its settings, so that it can be made again as it was. */
export interface DetectionSettings {
  reference: 'clean' | 'mixed'
  flags: FlagRule
  where?: unknown
  seed: number
  /** The p-value up to which an item is flagged. */
  threshold: number
  /** Items of the collection when it was made. */
  items: number
  /** Whose scores are columns: detector, space and encoder version of each. */
  columns: [detector: string, space: string, version: number][]
  /** What people had corrected: see {@link correctionsMark}. */
  corrections: string
  /** What the detectors are. */
  detectors: Record<string, unknown>
}

/** What a stored detection was made with, and found. */
export function readDetection({ settings, report }: Pick<DetectionRecord, 'settings' | 'report'>): {
  settings: DetectionSettings
  report: DetectionReport
} {
  return {
    settings: settings as unknown as DetectionSettings,
    report: report as unknown as DetectionReport,
  }
}

/** A fitted detection, with the space whose items it was fitted to. */
export interface DetectionPlace {
  collection: string
  space: SpaceRecord
  version: number
  settings: DetectionSettings
  /** Ids that were left out as strange. */
  trimmed: ReadonlySet<string>
  /** Names this detection and never another. */
  key: string
  /** Reads its files. */
  files(): Promise<Record<string, Uint8Array>>
}

/** The file of a detection that holds the ids that were left out as strange, as JSON. */
export const TRIMMED_FILE = 'trimmed.json'

/** Judges items as they are written, and holds what judges them. */
export interface DetectionService {
  /** Where fitted detections judge. */
  readonly thread: DetectionThread
  /** To be called after a collection was written to, or corrected: has what was written judged. */
  changed(collection: string): void
  /** To be called where a detection became current: what was written meanwhile is judged, and what was seen before forgotten. */
  restart(collection: string, space: string): void
  /**
   * To be called where a space's encoder became another: fits the detectors anew that judge what it makes, or ask it.
   *
   * @param before the collection as it was
   */
  renew(before: CollectionRecord, space: string): Promise<void>
  /** Resolves when all that was written before is judged by the space's detection, if it has one. */
  caughtUp(collection: string, space: string): Promise<void>
  /** Resolves when a filter finds what it would find if everything written before were judged. */
  judged(collection: string, filter: Filter | undefined): Promise<void>
  /** Forgets a collection that is deleted, and ends what goes on in it. */
  forget(collection: string): Promise<void>
  /** Where a space's current detection is. */
  place(collection: string, space: SpaceRecord, detection: DetectionRecord): Promise<DetectionPlace>
  /** Stops judging; what is not judged is when the home is opened again and asked for. */
  close(): Promise<void>
}

/** Another text for other corrections. */
export function correctionsMark(corrections: readonly Correction[]): string {
  return `${corrections.length} ${corrections[0]?.madeAt ?? ''}`
}
