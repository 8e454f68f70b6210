import type { Fingerprint } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Connection } from './sqlite.js'

/** What writes do to what is derived from items: fingerprints and reports; always within a transaction. */
export class DerivedWrites {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  keepFingerprints(collection: number, kind: string, rows: readonly ({ id: string } & Fingerprint)[]): void {
    for (const { id, source, bytes } of rows) this.#sql.fingerprint.run(kind, source, bytes, collection, id)
  }

  /** Begins a report, and forgets those that were never finished. @returns its key */
  beginReport(collection: number, name: string): number {
    this.#forget(this.#sql.unfinished.all(collection, name))
    return Number(this.#sql.begin.run(name, collection).lastInsertRowid)
  }

  addRows(report: number, from: number, rows: readonly string[]): void {
    for (const [i, row] of rows.entries()) this.#sql.row.run(from + i, row, report)
  }

  /** From now on the report is what readers see; the one before is removed. */
  finishReport(report: number, head: string): void {
    const found = this.#sql.place.get(report)
    if (!found) throw new EngineError('COLLECTION_NOT_FOUND', 'the collection of the report is gone')
    this.#sql.finish.run(head, report)
    this.#forget(this.#sql.before.all(found.collection, found.name, report))
  }

  #forget(reports: readonly number[]): void {
    for (const report of reports) {
      this.#sql.removeRows.run(report)
      this.#sql.remove.run(report)
    }
  }
}

function prepare(db: Connection) {
  return {
    fingerprint: db.prepare(
      `INSERT OR REPLACE INTO fingerprints (item, kind, source, bytes)
       SELECT key, ?, ?, ? FROM items WHERE collection = ? AND id = ?`,
    ),
    begin: db.prepare(
      'INSERT INTO reports (collection, name, head) SELECT key, ?, NULL FROM collections WHERE key = ?',
    ),
    unfinished: db
      .prepare<[number, string], number>(
        'SELECT key FROM reports WHERE collection = ? AND name = ? AND head IS NULL',
      )
      .pluck(),
    before: db
      .prepare<[number, string, number], number>(
        'SELECT key FROM reports WHERE collection = ? AND name = ? AND key < ?',
      )
      .pluck(),
    place: db.prepare<[number], { collection: number; name: string }>(
      'SELECT collection, name FROM reports WHERE key = ?',
    ),
    // none where the report went with its collection meanwhile
    row: db.prepare(
      'INSERT INTO report_rows (report, row, value) SELECT key, ?, ? FROM reports WHERE key = ?',
    ),
    finish: db.prepare('UPDATE reports SET head = ? WHERE key = ?'),
    removeRows: db.prepare('DELETE FROM report_rows WHERE report = ?'),
    remove: db.prepare('DELETE FROM reports WHERE key = ?'),
  }
}
