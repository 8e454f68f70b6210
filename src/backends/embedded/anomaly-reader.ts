import type { StoredAnomaly } from '../../core/backend.js'
import type { Filter } from '../../core/filter.js'
import { type CollectionKeys, currentVersions, type EncoderKeys } from './collection-keys.js'
import type { SqlPart, SqlValue } from './filter-sql.js'
import type { Connection } from './sqlite.js'

interface AnomalyRow {
  detector: string
  score: number
  error: number | null
  percentile: number
  flagged: number
}

/** Which scores of an encoder version are wanted. */
export interface StrangestQuery {
  detector: string
  limit: number
  flagged?: boolean
  where?: Filter | undefined
}

/** Reads anomaly scores. */
export class AnomalyReader {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#db = db
    this.#sql = prepare(db)
  }

  /** By space, of its current encoder version, then by detector. */
  ofItem(collection: CollectionKeys, item: number): Record<string, StoredAnomaly[]> {
    const anomaly: Record<string, StoredAnomaly[]> = {}
    const rows = this.#sql.ofItem.all(item)
    for (const version of currentVersions(collection)) {
      const own = rows.filter(({ encoder }) => encoder === version.encoderKey)
      if (own.length > 0) anomaly[version.space] = own.map((row) => toStored(version, row))
    }
    return anomaly
  }

  /** @param condition on the items, as `filterSql` makes it */
  strangest(
    version: EncoderKeys,
    query: StrangestQuery,
    condition?: SqlPart,
  ): (StoredAnomaly & { id: string })[] {
    const { detector, limit, flagged } = query
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

  count(version: EncoderKeys, detector: string): { scored: number; flagged: number } {
    return this.#sql.count.get(version.encoderKey, detector) ?? { scored: 0, flagged: 0 }
  }
}

function toStored({ version }: EncoderKeys, row: AnomalyRow): StoredAnomaly {
  const { detector, score, error, percentile } = row
  return { version, detector, score, error, percentile, flagged: row.flagged === 1 }
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
       WHERE item = ? ORDER BY detector`,
    ),
    strangest: byScore(''),
    flagged: byScore(' AND a.flagged = 1'),
    unflagged: byScore(' AND a.flagged = 0'),
    count: db.prepare<[number, string], { scored: number; flagged: number }>(
      'SELECT scored, flagged FROM detectors WHERE encoder = ? AND detector = ?',
    ),
  }
}
