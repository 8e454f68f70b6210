import type { AnomalyScore } from '../../core/backend.js'
import type { Connection } from './sqlite.js'

interface CountChange {
  encoderKey: number
  detector: string
  scored: number
  flagged: number
}

/** How many scores, and flags among them, a write added or took away. */
export type ScoreCounts = Map<string, CountChange>

/** What writes do to anomaly scores; always within a transaction. */
export class ScoreWrites {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  add(counts: ScoreCounts, encoderKey: number, item: number, anomaly: AnomalyScore): void {
    const { detector, score, error, percentile } = anomaly
    const flagged = Number(anomaly.flagged)
    this.#sql.add.run(encoderKey, detector, item, score, error, percentile, flagged)
    note(counts, { encoderKey, detector, scored: 1, flagged })
  }

  /** Removes an item's scores but for those of the encoder versions to be kept. */
  remove(counts: ScoreCounts, item: number, kept: ReadonlySet<number>): void {
    for (const { encoderKey, detector, flagged } of this.#sql.ofItem.all(item)) {
      if (kept.has(encoderKey)) continue
      this.#sql.remove.run(encoderKey, detector, item)
      note(counts, { encoderKey, detector, scored: -1, flagged: -flagged })
    }
  }

  /** Adds the counts up in the database. */
  count(counts: ScoreCounts): void {
    for (const { encoderKey, detector, scored, flagged } of counts.values()) {
      this.#sql.count.run(encoderKey, detector, scored, flagged)
    }
  }
}

function note(counts: ScoreCounts, change: CountChange): void {
  const key = `${change.encoderKey} ${change.detector}`
  const before = counts.get(key)
  if (!before) {
    counts.set(key, change)
    return
  }
  before.scored += change.scored
  before.flagged += change.flagged
}

function prepare(db: Connection) {
  return {
    add: db.prepare(
      'INSERT OR REPLACE INTO anomalies (encoder, detector, item, score, error, percentile, flagged) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    ofItem: db.prepare<[number], { encoderKey: number; detector: string; flagged: number }>(
      'SELECT encoder AS encoderKey, detector, flagged FROM anomalies WHERE item = ?',
    ),
    remove: db.prepare('DELETE FROM anomalies WHERE encoder = ? AND detector = ? AND item = ?'),
    count: db.prepare(
      `INSERT INTO detectors (encoder, detector, scored, flagged) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET scored = scored + excluded.scored, flagged = flagged + excluded.flagged`,
    ),
  }
}
