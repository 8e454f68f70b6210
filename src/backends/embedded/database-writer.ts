import type {
  CollectionRecord,
  CorrectionChange,
  Fingerprint,
  JudgedItem,
  NewDetection,
  NewEncoderVersion,
} from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Job } from '../../core/jobs.js'
import { DerivedWrites } from './derived-writes.js'
import { DetectionWrites } from './detection-writes.js'
import { EncoderWrites } from './encoder-writes.js'
import type { FilterQuestion, MatchingKeys } from './filter-messages.js'
import { ItemWrites, type OpenWrite } from './item-writes.js'
import { KeywordRebuild } from './keyword-rebuild.js'
import { KeywordWrites } from './keyword-writes.js'
import { matchingId } from './matching-id.js'
import { migrate, readEpoch } from './schema.js'
import { type Connection, openDatabase } from './sqlite.js'
import type { FillSlice, RemoveAnswer, UpsertAnswer, UpsertSlice } from './write-messages.js'

/** Jobs that are remembered. */
const MAX_JOBS = 100

/** The one read-write connection of a home, with every transaction that changes it. Lives in the writer thread. */
export class DatabaseWriter {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>
  readonly #items: ItemWrites
  readonly #encoders: EncoderWrites
  readonly #keywords: KeywordWrites
  readonly #rebuild: KeywordRebuild
  readonly #derived: DerivedWrites
  readonly #detections: DetectionWrites
  #upsert: OpenWrite | undefined

  private constructor(db: Connection) {
    this.#db = db
    this.#sql = prepare(db)
    this.#keywords = new KeywordWrites(db)
    this.#rebuild = new KeywordRebuild(db, this.#keywords)
    this.#detections = new DetectionWrites(db)
    this.#items = new ItemWrites(db, this.#keywords, this.#detections)
    this.#encoders = new EncoderWrites(db, this.#detections)
    this.#derived = new DerivedWrites(db)
  }

  /** Opens or makes the database, brings it to the newest schema, and drops encoder versions left half filled. */
  static open(path: string): { writer: DatabaseWriter; epoch: string } {
    const db = openDatabase(path)
    try {
      db.pragma('page_size = 8192')
      db.pragma('journal_mode = WAL')
      db.pragma('synchronous = FULL')
      db.pragma('wal_autocheckpoint = 0')
      db.pragma('cache_size = -4000')
      migrate(db, path)
      const writer = new DatabaseWriter(db)
      writer.#transaction(() => {
        writer.#encoders.dropStaged()
        writer.#detections.dropStaged()
      })
      return { writer, epoch: readEpoch(db) }
    } catch (error) {
      db.close()
      throw error
    }
  }

  createCollection(record: CollectionRecord): void {
    this.#transaction(() => {
      if (this.#sql.collectionKey.get(record.name) !== undefined) {
        throw new EngineError('COLLECTION_EXISTS', `collection "${record.name}" exists already`)
      }
      const { name, keywords = [], indexed = [] } = record
      const added = this.#sql.addCollection.run(name, JSON.stringify(keywords), JSON.stringify(indexed))
      const collection = Number(added.lastInsertRowid)
      this.#keywords.create(collection)
      for (const space of record.spaces) this.#encoders.addSpace(collection, space)
    })
  }

  /** Its vectors go little by little: see {@link DatabaseWriter.purge}. */
  deleteCollection(name: string): boolean {
    return this.#transaction(() => {
      const key = this.#sql.collectionKey.get(name)
      if (key === undefined) return false
      this.#encoders.dropCollection(key)
      this.#keywords.drop(key)
      for (const statement of this.#sql.dropCollection) statement.run(key)
      return true
    })
  }

  /** Takes a slice of an upsert; the answer comes with the last. Whatever throws rolls all slices back. */
  upsert(slice: UpsertSlice): UpsertAnswer | undefined {
    if (slice.first) {
      this.rollback()
      this.#db.exec('BEGIN IMMEDIATE')
      this.#upsert = this.#items.begin(slice.collection)
    }
    const write = this.#upsert
    if (!write) throw new EngineError('CANCELLED', 'the write was rolled back')
    try {
      const vectors = { values: slice.vectors, at: 0, dims: slice.dims }
      for (const row of slice.rows) this.#items.upsert(write, row, vectors)
      if (!slice.last) return undefined
      if (write.conflicts.length > 0) {
        throw new EngineError(
          'CONFLICT',
          `${write.conflicts.length} items changed since they were read, "${write.conflicts[0]}" first`,
          { details: { ids: write.conflicts } },
        )
      }
      const changes = this.#items.finish(write)
      this.#db.exec('COMMIT')
      this.#upsert = undefined
      return { ...changes, itemKeys: Float64Array.from(write.itemKeys) }
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  remove(collection: number, ids: readonly string[]): RemoveAnswer {
    return this.#transaction(() => {
      const write = this.#items.begin(collection)
      const removed = ids.filter((id) => this.#items.remove(write, id))
      return { ids: removed, ...this.#items.finish(write) }
    })
  }

  /**
   * Removes those of the items that match still.
   *
   * @throws EngineError INVALID_FILTER where it takes too long to see that; then nothing was removed
   */
  removeWhere(collection: number, matching: { question: FilterQuestion } & MatchingKeys): RemoveAnswer {
    return this.#transaction(() => {
      const idOf = matchingId(this.#db, collection, matching)
      const write = this.#items.begin(collection)
      const removed: string[] = []
      for (const key of matching.keys) {
        const id = idOf(key)
        if (id !== undefined && this.#items.remove(write, id)) removed.push(id)
      }
      return { ids: removed, ...this.#items.finish(write) }
    })
  }

  setIndexed(collection: number, fields: readonly string[]): void {
    this.#transaction(() => this.#sql.setIndexed.run(JSON.stringify(fields), collection))
  }

  /** @returns how many rows were written */
  fill({ collection, dims, rows, vectors }: FillSlice): number {
    return this.#transaction(() => {
      const write = this.#items.begin(collection)
      const stream = { values: vectors, at: 0, dims }
      const filled = rows.filter((row) => this.#items.fill(write, row, stream))
      this.#items.finish(write)
      return filled.length
    })
  }

  /** @throws EngineError CONFLICT */
  stageEncoder(collection: number, space: string, version: NewEncoderVersion): number {
    return this.#transaction(() => this.#encoders.stage(collection, space, version))
  }

  /** Whether every item with a picture has the version's vectors. */
  isWhole(collection: number, encoderKey: number): boolean {
    return this.#encoders.isWhole(collection, encoderKey)
  }

  /** To be called where nothing was written since {@link DatabaseWriter.isWhole}. */
  promoteEncoder(encoderKey: number): void {
    this.#transaction(() => this.#encoders.promote(encoderKey))
  }

  dropEncoder(encoderKey: number): void {
    this.#transaction(() => this.#encoders.drop(encoderKey))
  }

  stageDetection(encoderKey: number, detection: NewDetection): number {
    return this.#transaction(() => this.#detections.stage(encoderKey, detection))
  }

  /** @returns the keys of the items whose judgements were kept */
  judge(detection: number, rows: readonly JudgedItem[]): number[] {
    return this.#transaction(() => this.#detections.judge(detection, rows))
  }

  /** @returns whether it had judged all, and so is current now */
  promoteDetection(detection: number): boolean {
    return this.#transaction(() => {
      if (!this.#detections.isWhole(detection)) return false
      this.#detections.promote(detection)
      return true
    })
  }

  dropDetection(detection: number): void {
    this.#transaction(() => this.#detections.drop(detection))
  }

  correct(collection: number, rows: readonly CorrectionChange[]): { ids: string[]; items: number[] } {
    return this.#transaction(() => this.#detections.correct(collection, rows))
  }

  /** Removes a part of what dropped versions left, or of a worn keyword index. @returns whether there may be more */
  purge(): boolean {
    return this.#transaction(() => this.#encoders.purge() || this.#detections.purge() || this.#rebuild.step())
  }

  recordJob(job: Job): void {
    this.#transaction(() => {
      this.#sql.recordJob.run(job.id, JSON.stringify(job))
      this.#sql.forgetJobs.run(MAX_JOBS)
    })
  }

  keepFingerprints(collection: number, kind: string, rows: readonly ({ id: string } & Fingerprint)[]): void {
    this.#transaction(() => this.#derived.keepFingerprints(collection, kind, rows))
  }

  /** @returns the report's key */
  beginReport(collection: number, name: string): number {
    return this.#transaction(() => this.#derived.beginReport(collection, name))
  }

  addReportRows(report: number, from: number, rows: readonly string[]): void {
    this.#transaction(() => this.#derived.addRows(report, from, rows))
  }

  finishReport(report: number, head: string): void {
    this.#transaction(() => this.#derived.finishReport(report, head))
  }

  /** Forgets the changes before `seq`, which a saved index holds; the row of `seq` itself stays, for its stamp. */
  trimLog(encoderKey: number, seq: number): void {
    this.#sql.trimLog.run(encoderKey, seq)
  }

  /** Moves what is committed from the write-ahead log into the database, as far as readers allow. */
  checkpoint(): void {
    this.#db.pragma('wal_checkpoint(PASSIVE)')
  }

  rollback(): void {
    this.#upsert = undefined
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
  }

  close(): void {
    this.rollback()
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
    this.#db.close()
  }

  #transaction<T>(work: () => T): T {
    this.rollback()
    return this.#db.transaction(work).immediate()
  }
}

function prepare(db: Connection) {
  return {
    collectionKey: db.prepare<[string], number>('SELECT key FROM collections WHERE name = ?').pluck(),
    addCollection: db.prepare('INSERT INTO collections (name, keywords, indexed) VALUES (?, ?, ?)'),
    setIndexed: db.prepare('UPDATE collections SET indexed = ? WHERE key = ?'),
    dropCollection: [
      db.prepare('DELETE FROM images WHERE item IN (SELECT key FROM items WHERE collection = ?)'),
      db.prepare('DELETE FROM items WHERE collection = ?'),
      db.prepare('DELETE FROM collections WHERE key = ?'),
    ],
    recordJob: db.prepare(
      'INSERT INTO jobs (id, job) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET job = excluded.job',
    ),
    forgetJobs: db.prepare(
      'DELETE FROM jobs WHERE key NOT IN (SELECT key FROM jobs ORDER BY key DESC LIMIT ?)',
    ),
    trimLog: db.prepare('DELETE FROM changes WHERE encoder = ? AND seq < ?'),
  }
}
