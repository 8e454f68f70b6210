import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import type { Metric } from '../core/metrics.js'
import type { Distribution } from '../query/calibration.js'
import type { WordRarity } from '../query/word-rarity.js'

/** By what similarities in a space are judged. */
export interface Calibration {
  /** Scores of pairs of different items. */
  pairs: Distribution
  /** Items' scores against their nearest other item. */
  nearest: Distribution
  /** Of a text space: best scores of random words of its own texts, which mean nothing together. */
  nonsense?: Distribution
  /** Of a text space: in how many of the sampled texts words stand. */
  words?: WordRarity
}

/** What a calibration is of. */
export interface CalibrationSubject {
  record: CollectionRecord
  space: SpaceRecord
  metric: Metric
}

/** Where calibrations come from. */
export interface CalibrationSource {
  /**
   * The calibration as far as it is there; one that is missing or out of date is begun. An outdated one serves until the
   * new one is made.
   *
   * @param options.wait for one that is missing
   */
  find(
    subject: CalibrationSubject,
    options: { wait: boolean },
  ): Calibration | undefined | Promise<Calibration | undefined>
  /** To be told of how many items of a collection were written or removed. */
  changed(collection: string, items: number): void
  /** To be called when a collection is deleted: resolves when nothing of it is being made any more. */
  forget(collection: string): Promise<void>
  /** Ends what is being made. Idempotent. */
  close(): Promise<void>
}
