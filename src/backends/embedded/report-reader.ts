import { EngineError } from '../../core/errors.js'
import type { CollectionKeys } from './collection-keys.js'
import type { Connection } from './sqlite.js'

/** A page of a report. */
export interface ReportPage {
  head: Record<string, unknown>
  rows: string[]
  cursor?: string
}

/** Reads reports, page by page. */
export class ReportReader {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  /** The latest report of a name that is whole. @throws EngineError INVALID_REQUEST for a cursor of another one */
  page(
    collection: CollectionKeys,
    name: string,
    { limit, cursor }: { limit: number; cursor?: string },
  ): ReportPage | undefined {
    const report = this.#sql.report.get(collection.key, name)
    if (!report) return undefined
    const from = cursor === undefined ? 0 : rowAfter(report.key, cursor)
    const rows = this.#sql.rows.all(report.key, from, limit + 1)
    const head = JSON.parse(report.head) as Record<string, unknown>
    const page = { head, rows: rows.slice(0, limit) }
    return rows.length > limit ? { ...page, cursor: `${report.key}.${from + limit}` } : page
  }
}

function rowAfter(report: number, cursor: string): number {
  const [of, row] = /^(\d{1,15})\.(\d{1,15})$/.exec(cursor)?.slice(1).map(Number) ?? []
  if (of === report && row !== undefined) return row
  const message = `cursor ${JSON.stringify(cursor.slice(0, 60))} is not of a page of this report; a new one may have taken its place: begin again without it`
  throw new EngineError('INVALID_REQUEST', message, { details: { field: 'cursor' } })
}

function prepare(db: Connection) {
  return {
    report: db.prepare<[number, string], { key: number; head: string }>(
      `SELECT key, head FROM reports WHERE collection = ? AND name = ? AND head IS NOT NULL
       ORDER BY key DESC LIMIT 1`,
    ),
    rows: db
      .prepare<[number, number, number], string>(
        'SELECT value FROM report_rows WHERE report = ? AND row >= ? ORDER BY row LIMIT ?',
      )
      .pluck(),
  }
}
