import type { NewEncoderVersion, SpaceRecord } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { DetectionWrites } from './detection-writes.js'
import type { Connection } from './sqlite.js'

/** Rows that are removed at once, and for how long one step goes on with that. */
const PURGE_ROWS = 500
const PURGE_MS = 30

type VersionColumns = Pick<NewEncoderVersion, 'dim' | 'metrics' | 'unit' | 'report'> & {
  encoder: string | null
  encoderName: string | null
  settings: Record<string, unknown> | null
}

/** What writes do to spaces and encoder versions; always within a transaction. */
export class EncoderWrites {
  readonly #sql: ReturnType<typeof prepare>

  readonly #detections: DetectionWrites

  constructor(db: Connection, detections: DetectionWrites) {
    this.#sql = prepare(db)
    this.#detections = detections
  }

  addSpace(collection: number, record: SpaceRecord): void {
    const { name, input, version } = record
    const key = Number(this.#sql.addSpace.run(collection, name, input, version).lastInsertRowid)
    const settings = record.settings ?? null
    const encoder = this.#addVersion(key, version, 'current', { ...record, settings, report: {} })
    this.#sql.setCurrent.run(encoder, key)
  }

  /** @throws EngineError CONFLICT */
  stage(collection: number, name: string, version: NewEncoderVersion): number {
    const space = this.#sql.space.get(collection, name)
    if (space && space.input !== 'image') {
      throw new EngineError('CONFLICT', `space "${name}" is of ${space.input}, not of images`)
    }
    if (space && this.#sql.staged.get(space.key) !== undefined) {
      const message = `another encoder of space "${name}" is being filled; wait for it, or cancel it`
      throw new EngineError('CONFLICT', message)
    }
    const key = space?.key ?? Number(this.#sql.addSpace.run(collection, name, 'image', 0).lastInsertRowid)
    const number = Number(this.#sql.countVersion.get(key))
    const encoder = this.#addVersion(key, number, 'staged', version)
    for (const [file, bytes] of Object.entries(version.files)) this.#sql.addFile.run(encoder, file, bytes)
    return number
  }

  /** Whether every item with a picture has the version's vectors. */
  isWhole(collection: number, encoderKey: number): boolean {
    return this.#sql.lacking.get(collection, encoderKey) === undefined
  }

  /** Makes a version current, and the one before the only retired one. */
  promote(encoderKey: number): void {
    const space = this.#sql.spaceOf.get(encoderKey)
    if (space === undefined) throw new EngineError('ENCODER_NOT_FOUND', 'the encoder version was dropped')
    for (const older of this.#sql.retired.all(space)) if (older !== encoderKey) this.#dropVersion(older)
    const before = this.#sql.current.get(space)
    if (before !== undefined) {
      this.#sql.setState.run('retired', before)
      this.#sql.trimLog.run(before, before)
    }
    this.#sql.setState.run('current', encoderKey)
    this.#sql.setCurrent.run(encoderKey, space)
  }

  /** Takes a version out of its space, and the space away if that was all; {@link purge} removes what it had. */
  drop(encoderKey: number): void {
    const space = this.#sql.spaceOf.get(encoderKey)
    if (space === undefined) return
    this.#dropVersion(encoderKey)
    this.#sql.removeEmptySpace.run(space, space)
  }

  /** Drops what was being filled when the database was last closed, however that came. */
  dropStaged(): void {
    for (const encoderKey of this.#sql.allStaged.all()) this.drop(encoderKey)
  }

  dropCollection(collection: number): void {
    for (const encoderKey of this.#sql.ofCollection.all(collection)) this.drop(encoderKey)
  }

  /** Removes a part of what dropped versions left. @returns whether there may be more */
  purge(): boolean {
    const encoder = this.#sql.nextDropped.get()
    if (encoder === undefined) return false
    const end = performance.now() + PURGE_MS
    for (const removeSome of this.#sql.purge) {
      while (removeSome.run(encoder, PURGE_ROWS).changes > 0) if (performance.now() > end) return true
    }
    for (const statement of this.#sql.purgeRest) statement.run(encoder)
    return true
  }

  #dropVersion(encoderKey: number): void {
    this.#detections.dropOf(encoderKey)
    this.#sql.removeVersion.run(encoderKey)
    this.#sql.addDropped.run(encoderKey)
  }

  #addVersion(space: number, number: number, state: 'staged' | 'current', version: VersionColumns): number {
    const { encoder, encoderName, dim, metrics, unit, settings, report } = version
    const row = this.#sql.addVersion.run(
      space,
      number,
      state,
      encoder,
      encoderName,
      dim,
      JSON.stringify(metrics),
      Number(unit),
      settings === null ? null : JSON.stringify(settings),
      JSON.stringify(report),
      new Date().toISOString(),
    )
    return Number(row.lastInsertRowid)
  }
}

interface SpaceRow {
  key: number
  input: string
}

function prepare(db: Connection) {
  const keys = <Arguments extends unknown[]>(sql: string) => db.prepare<Arguments, number>(sql).pluck()
  const rest = (table: string) => db.prepare(`DELETE FROM ${table} WHERE encoder = ?`)
  return {
    space: db.prepare<[number, string], SpaceRow>(
      'SELECT key, input FROM spaces WHERE collection = ? AND name = ?',
    ),
    addSpace: db.prepare('INSERT INTO spaces (collection, name, input, versions) VALUES (?, ?, ?, ?)'),
    countVersion: keys<[number]>(
      'UPDATE spaces SET versions = versions + 1 WHERE key = ? RETURNING versions',
    ),
    addVersion: db.prepare(
      `INSERT INTO encoders (space, version, state, id, name, dim, metrics, unit, settings, report, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    addFile: db.prepare('INSERT INTO encoder_files (encoder, name, bytes) VALUES (?, ?, ?)'),
    staged: keys<[number]>(`SELECT key FROM encoders WHERE space = ? AND state = 'staged'`),
    current: keys<[number]>(`SELECT key FROM encoders WHERE space = ? AND state = 'current'`),
    retired: keys<[number]>(`SELECT key FROM encoders WHERE space = ? AND state = 'retired'`),
    allStaged: keys<[]>(`SELECT key FROM encoders WHERE state = 'staged'`),
    spaceOf: keys<[number]>('SELECT space FROM encoders WHERE key = ?'),
    ofCollection: keys<[number]>(
      'SELECT e.key FROM encoders e JOIN spaces s ON s.key = e.space WHERE s.collection = ?',
    ),
    setState: db.prepare('UPDATE encoders SET state = ? WHERE key = ?'),
    setCurrent: db.prepare('UPDATE spaces SET encoder = ? WHERE key = ?'),
    trimLog: db.prepare(
      'DELETE FROM changes WHERE encoder = ? AND seq < (SELECT max(seq) FROM changes WHERE encoder = ?)',
    ),
    lacking: keys<[number, number]>(
      `SELECT key FROM items WHERE collection = ? AND has_image = 1
       AND NOT EXISTS (SELECT 1 FROM vectors WHERE item = items.key AND encoder = ?) LIMIT 1`,
    ),
    removeVersion: db.prepare('DELETE FROM encoders WHERE key = ?'),
    removeEmptySpace: db.prepare(
      'DELETE FROM spaces WHERE key = ? AND NOT EXISTS (SELECT 1 FROM encoders WHERE space = ?)',
    ),
    addDropped: db.prepare('INSERT INTO dropped (encoder) VALUES (?)'),
    nextDropped: keys<[]>('SELECT encoder FROM dropped LIMIT 1'),
    purge: [
      db.prepare('DELETE FROM vectors WHERE label IN (SELECT label FROM vectors WHERE encoder = ? LIMIT ?)'),
      db.prepare(
        `DELETE FROM anomalies WHERE (encoder, detector, item) IN
         (SELECT encoder, detector, item FROM anomalies WHERE encoder = ? LIMIT ?)`,
      ),
    ],
    purgeRest: [rest('detectors'), rest('changes'), rest('encoder_files'), rest('dropped')],
  }
}
