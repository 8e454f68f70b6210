import type { StoredAnomaly } from '../../core/backend.js'
import type { Filter } from '../../core/filter.js'
import {
  type CollectionKeys,
  currentDetection,
  currentVersions,
  type DetectionKeys,
  type EncoderKeys,
} from './collection-keys.js'
import type { DetectionReader } from './detection-reader.js'
import type { SqlPart, SqlValue } from './filter-sql.js'
import type { Connection } from './sqlite.js'

interface AnomalyRow {
  detector: string
  score: number
  error: number | null
  percentile: number
  flagged: number
}

interface JudgementRow {
  detector: string
  score: number
  pValue: number
  flagged: number
}

/** Which scores of an encoder version are wanted. */
export interface StrangestQuery {
  detector: string
  limit: number
  flagged?: boolean
  upTo?: number | undefined
  where?: Filter | undefined
}

/** Reads anomaly scores: those of encoders, and those of detections. */
export class AnomalyReader {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>
  readonly #detections: DetectionReader

  constructor(db: Connection, detections: DetectionReader) {
    this.#db = db
    this.#sql = prepare(db)
    this.#detections = detections
  }

  /** By space, of its current encoder version and detection: the verdict first. */
  ofItem(collection: CollectionKeys, item: number): Record<string, StoredAnomaly[]> {
    const anomaly: Record<string, StoredAnomaly[]> = {}
    const rows = this.#sql.ofItem.all(item)
    for (const version of currentVersions(collection)) {
      const detection = currentDetection(version)
      const judged = detection ? this.#sql.judgementsOf.all(detection.detectionKey, item) : []
      const own = rows.filter(({ encoder }) => encoder === version.encoderKey)
      const all = [
        ...judged.map((row) => toJudged(version, detection as DetectionKeys, row)),
        ...own.map((row) => toStored(version, row)),
      ]
      if (all.length > 0) anomaly[version.space] = all
    }
    return anomaly
  }

  /** What a person said of an item. */
  correction(item: number) {
    return this.#detections.correction(item)
  }

  /** @param condition on the items, as `filterSql` makes it */
  strangest(
    version: EncoderKeys,
    query: StrangestQuery,
    condition?: SqlPart,
  ): (StoredAnomaly & { id: string })[] {
    const { detector, limit, flagged } = query
    if (detector === 'verdict' || currentDetection(version)) return this.#judged(version, query, condition)
    if (condition) return this.#strangestOf(version, query, condition)
    const rows =
      flagged === undefined
        ? this.#sql.strangest.all(version.encoderKey, detector, limit)
        : (flagged ? this.#sql.flagged : this.#sql.unflagged).all(version.encoderKey, detector, limit)
    return rows.map((row) => ({ id: row.id, ...toStored(version, row) }))
  }

  #strangestOf(
    version: EncoderKeys,
    { detector, limit, flagged }: StrangestQuery,
    { sql, parameters }: SqlPart,
  ): (StoredAnomaly & { id: string })[] {
    const isFlagged = flagged === undefined ? '' : ` AND a.flagged = ${flagged ? 1 : 0}`
    const rows = this.#db
      .prepare<[Record<string, SqlValue>], AnomalyRow & { id: string }>(
        `SELECT items.id, a.detector, a.score, a.error, a.percentile, a.flagged
         FROM anomalies a CROSS JOIN items ON items.key = a.item
         WHERE a.encoder = @encoder AND a.detector = @detector${isFlagged} AND ${sql}
         ORDER BY a.score DESC, a.item LIMIT @limit`,
      )
      .all({ ...parameters, encoder: version.encoderKey, detector, limit })
    return rows.map((row) => ({ id: row.id, ...toStored(version, row) }))
  }

  #judged(
    version: EncoderKeys,
    { detector, limit, flagged, upTo }: StrangestQuery,
    condition: SqlPart = { sql: '1', parameters: {} },
  ): (StoredAnomaly & { id: string })[] {
    const detection = currentDetection(version)
    if (!detection) return []
    const name = detector === 'verdict' ? `'verdict'` : '@detector'
    const isFlagged = flagged === undefined ? '' : ` AND ${flagged ? '' : 'NOT '}${flaggedSql(upTo)}`
    const verdict =
      isFlagged === ''
        ? ''
        : `CROSS JOIN judgements v ON v.detection = a.detection AND v.item = a.item AND v.detector = 'verdict'
           LEFT JOIN corrections c ON c.item = a.item`
    const rows = this.#db
      .prepare<[Record<string, SqlValue>], JudgementRow & { id: string }>(
        `SELECT items.id, a.detector, a.score, a.p_value AS pValue, a.flagged
         FROM judgements a CROSS JOIN items ON items.key = a.item ${verdict}
         WHERE a.detection = @detection AND a.detector = ${name}${isFlagged} AND ${condition.sql}
         ORDER BY a.score DESC, a.item LIMIT @limit`,
      )
      .all({
        ...condition.parameters,
        ...{ detection: detection.detectionKey, limit },
        ...(detector === 'verdict' ? {} : { detector }),
        ...(isFlagged !== '' && upTo !== undefined ? { upTo } : {}),
      })
    return rows.map((row) => ({ id: row.id, ...toJudged(version, detection, row) }))
  }

  /** @param upTo of `verdict`: see `Backend.strangest` */
  count(version: EncoderKeys, detector: string, upTo?: number): { scored: number; flagged: number } {
    const detection = detector === 'verdict' ? currentDetection(version) : undefined
    if (detection) {
      const counts = this.#detections.counts(detection.detectionKey)
      if (upTo === undefined) return counts
      const flagged = this.#sql.countUpTo.get({ detection: detection.detectionKey, upTo }) ?? 0
      return { scored: counts.scored, flagged }
    }
    return this.#sql.count.get(version.encoderKey, detector) ?? { scored: 0, flagged: 0 }
  }
}

function toStored({ version }: EncoderKeys, row: AnomalyRow): StoredAnomaly {
  const { detector, score, error, percentile } = row
  return { version, detector, score, error, percentile, flagged: row.flagged === 1 }
}

function toJudged({ version }: EncoderKeys, detection: DetectionKeys, row: JudgementRow): StoredAnomaly {
  const { detector, score, pValue } = row
  const percentile = 100 * (1 - pValue)
  const flagged = row.flagged === 1
  return { version, detection: detection.version, detector, score, error: null, percentile, pValue, flagged }
}

/** Whether the verdict `v` of an item with the correction `c` is flagged. */
function flaggedSql(upTo: number | undefined): string {
  if (upTo === undefined) return '(v.flagged = 1)'
  return '(CASE ifnull(c.verdict, 0) WHEN 0 THEN v.p_value <= @upTo ELSE c.verdict > 0 END)'
}

function prepare(db: Connection) {
  const byScore = (condition: string) =>
    db.prepare<[number, string, number], AnomalyRow & { id: string }>(
      `SELECT i.id, a.detector, a.score, a.error, a.percentile, a.flagged
       FROM anomalies a CROSS JOIN items i ON i.key = a.item
       WHERE a.encoder = ? AND a.detector = ?${condition} ORDER BY a.score DESC, a.item LIMIT ?`,
    )
  return {
    ofItem: db.prepare<[number], AnomalyRow & { encoder: number }>(
      `SELECT encoder, detector, score, error, percentile, flagged FROM anomalies
       WHERE item = ? ORDER BY detector DESC`,
    ),
    countUpTo: db
      .prepare<[{ detection: number; upTo: number }], number>(
        `SELECT count(*) FROM judgements v LEFT JOIN corrections c ON c.item = v.item
         WHERE v.detection = @detection AND v.detector = 'verdict' AND ${flaggedSql(0)}`,
      )
      .pluck(),
    judgementsOf: db.prepare<[number, number], JudgementRow>(
      `SELECT detector, score, p_value AS pValue, flagged FROM judgements
       WHERE detection = ? AND item = ? ORDER BY detector <> 'verdict', detector`,
    ),
    strangest: byScore(''),
    flagged: byScore(' AND a.flagged = 1'),
    unflagged: byScore(' AND a.flagged = 0'),
    count: db.prepare<[number, string], { scored: number; flagged: number }>(
      'SELECT scored, flagged FROM detectors WHERE encoder = ? AND detector = ?',
    ),
  }
}
