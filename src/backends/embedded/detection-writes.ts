import { createHash } from 'node:crypto'
import type { CorrectionChange, JudgedItem, NewDetection } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Connection } from './sqlite.js'

/** Retired versions that are kept for each encoder version. */
const KEPT = 5
/** Rows that are removed at once, and for how long one step goes on with that. */
const PURGE_ROWS = 500
const PURGE_MS = 30
const VERDICTS = { strange: 1, fine: -1 } as const

/** What writes do to detections, their judgements and people's corrections; always within a transaction. */
export class DetectionWrites {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  /** @returns the version's number */
  stage(encoderKey: number, { settings, report, files }: NewDetection): number {
    for (const before of this.#sql.staged.all(encoderKey)) this.drop(before)
    const version = this.#sql.countVersion.get(encoderKey)
    if (version === undefined) throw new EngineError('ENCODER_NOT_FOUND', 'the encoder version was dropped')
    const row = this.#sql.add.run(
      encoderKey,
      version,
      JSON.stringify(settings),
      JSON.stringify(report),
      new Date().toISOString(),
    )
    const detection = Number(row.lastInsertRowid)
    for (const [name, bytes] of Object.entries(files)) this.#sql.addFile.run(detection, name, bytes)
    return version
  }

  /** @returns the keys of the items whose judgements were kept */
  judge(detection: number, rows: readonly JudgedItem[]): number[] {
    const state = this.#sql.state.get(detection)
    if (state !== 'staged' && state !== 'current') return []
    const judged: number[] = []
    let flagged = 0
    let cursor = 0
    for (const { id, mark, judgements } of rows) {
      cursor = Math.max(cursor, mark)
      const item = this.#sql.itemOf.get(mark, id)
      if (item === undefined) continue
      const said = this.#correction(item)
      for (const { detector, score, pValue, flagged: strange } of judgements) {
        const isVerdict = detector === 'verdict'
        const flag = isVerdict && said !== 0 ? said > 0 : strange
        this.#sql.judge.run(detection, item, detector, score, pValue, Number(flag))
        if (isVerdict && flag) flagged++
      }
      judged.push(item)
    }
    this.#sql.count.run(judged.length, flagged, cursor, detection)
    return judged
  }

  /** Whether no vector of its encoder version came after the last that it judged. */
  isWhole(detection: number): boolean {
    return this.#sql.lacking.get(detection, detection) === undefined
  }

  promote(detection: number): void {
    const encoder = this.#sql.encoderOf.get(detection)
    if (encoder === undefined) throw new EngineError('DETECTION_NOT_FOUND', 'the detection was dropped')
    this.#sql.retire.run(encoder)
    this.#sql.promote.run(detection)
    for (const old of this.#sql.tooOld.all(encoder, KEPT)) this.drop(old)
  }

  drop(detection: number): void {
    this.#sql.removeFiles.run(detection)
    this.#sql.drop.run(detection)
  }

  /** Those that were being filled when the database was last closed, however that came. */
  dropStaged(): void {
    for (const detection of this.#sql.allStaged.all()) this.drop(detection)
  }

  /** What was judged of an item's vectors that are no longer there. */
  forget(item: number, encoders: ReadonlySet<number>): void {
    for (const encoder of encoders) {
      for (const detection of this.#sql.live.all(encoder)) {
        const flagged = this.#sql.flaggedOf.get(detection, item)
        if (flagged === undefined) continue
        this.#sql.forget.run(detection, item)
        this.#sql.count.run(-1, -flagged, 0, detection)
      }
    }
  }

  /** @returns the ids that are there */
  correct(collection: number, rows: readonly CorrectionChange[]): { ids: string[]; items: number[] } {
    const ids: string[] = []
    const items: number[] = []
    for (const { id, verdict } of rows) {
      const item = this.#sql.item.get(collection, id)
      if (item === undefined) continue
      ids.push(id)
      items.push(item)
      if (verdict === null) this.#sql.takeBack.run(item)
      else this.#sql.correct.run(item, VERDICTS[verdict], this.#content(item), new Date().toISOString())
      for (const { detection, flagged, usual } of this.#sql.verdictsOf.all({ item })) {
        const flag = verdict === null ? usual : Number(verdict === 'strange')
        if (flag === flagged) continue
        this.#sql.flag.run(flag, detection, item)
        this.#sql.count.run(0, flag - flagged, 0, detection)
      }
    }
    return { ids, items }
  }

  /** Removes a part of what is left of versions that do not count any more. @returns whether there may be more */
  purge(): boolean {
    const end = performance.now() + PURGE_MS
    for (const { key, dropped } of this.#sql.toPurge.all()) {
      while (this.#sql.purge.run(key, key, PURGE_ROWS).changes > 0) if (performance.now() > end) return true
      if (dropped) this.#sql.remove.run(key)
      else this.#sql.emptied.run(key)
    }
    return false
  }

  /** Drops all of an encoder version that is gone. */
  dropOf(encoder: number): void {
    for (const detection of this.#sql.ofEncoder.all(encoder)) this.drop(detection)
  }

  /** What a person said of an item as it is now: 1 strange, -1 fine, 0 nothing. What was said of another content goes. */
  #correction(item: number): number {
    const said = this.#sql.said.get(item)
    if (!said) return 0
    if (said.content === this.#content(item)) return said.verdict
    this.#sql.takeBack.run(item)
    return 0
  }

  /** A hash of an item's text, picture and own vectors. */
  #content(item: number): string {
    const hash = createHash('sha256')
    const { text = '', image = '' } = this.#sql.hashes.get(item) ?? {}
    hash.update(JSON.stringify([text, image]))
    for (const vector of this.#sql.ownVectors.all(item)) hash.update(vector)
    return hash.digest('base64')
  }
}

function prepare(db: Connection) {
  const keys = <Arguments extends unknown[]>(sql: string) => db.prepare<Arguments, number>(sql).pluck()
  return {
    staged: keys<[number]>(`SELECT key FROM detections WHERE encoder = ? AND state = 'staged'`),
    allStaged: keys<[]>(`SELECT key FROM detections WHERE state = 'staged'`),
    ofEncoder: keys<[number]>(`SELECT key FROM detections WHERE encoder = ? AND state <> 'dropped'`),
    live: keys<[number]>(`SELECT key FROM detections WHERE encoder = ? AND state IN ('staged', 'current')`),
    tooOld: keys<[number, number]>(
      `SELECT key FROM detections WHERE encoder = ? AND state = 'retired' ORDER BY version DESC LIMIT -1 OFFSET ?`,
    ),
    countVersion: keys<[number]>(
      `UPDATE spaces SET detections = detections + 1
       WHERE key = (SELECT space FROM encoders WHERE key = ?) RETURNING detections`,
    ),
    state: db.prepare<[number], string>('SELECT state FROM detections WHERE key = ?').pluck(),
    encoderOf: keys<[number]>(`SELECT encoder FROM detections WHERE key = ? AND state <> 'dropped'`),
    add: db.prepare(
      `INSERT INTO detections (encoder, version, state, settings, report, created_at) VALUES (?, ?, 'staged', ?, ?, ?)`,
    ),
    addFile: db.prepare('INSERT INTO detection_files (detection, name, bytes) VALUES (?, ?, ?)'),
    removeFiles: db.prepare('DELETE FROM detection_files WHERE detection = ?'),
    itemOf: keys<[number, string]>(
      'SELECT items.key FROM vectors v JOIN items ON items.key = v.item WHERE v.label = ? AND items.id = ?',
    ),
    judge: db.prepare(
      'INSERT OR REPLACE INTO judgements (detection, item, detector, score, p_value, flagged) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    count: db.prepare(
      `UPDATE detections SET judged = judged + ?, flagged = flagged + ?, cursor = max(cursor, ?) WHERE key = ?`,
    ),
    lacking: keys<[number, number]>(
      `SELECT label FROM vectors WHERE encoder = (SELECT encoder FROM detections WHERE key = ?)
       AND label > (SELECT cursor FROM detections WHERE key = ?) LIMIT 1`,
    ),
    retire: db.prepare(`UPDATE detections SET state = 'retired' WHERE encoder = ? AND state = 'current'`),
    promote: db.prepare(`UPDATE detections SET state = 'current' WHERE key = ?`),
    drop: db.prepare(`UPDATE detections SET state = 'dropped' WHERE key = ?`),
    remove: db.prepare('DELETE FROM detections WHERE key = ?'),
    emptied: db.prepare('UPDATE detections SET judged = 0 WHERE key = ?'),
    flaggedOf: keys<[number, number]>(
      `SELECT flagged FROM judgements WHERE detection = ? AND item = ? AND detector = 'verdict'`,
    ),
    forget: db.prepare('DELETE FROM judgements WHERE detection = ? AND item = ?'),
    item: keys<[number, string]>('SELECT key FROM items WHERE collection = ? AND id = ?'),
    said: db.prepare<[number], { verdict: number; content: string }>(
      'SELECT verdict, content FROM corrections WHERE item = ?',
    ),
    takeBack: db.prepare('DELETE FROM corrections WHERE item = ?'),
    correct: db.prepare(
      'INSERT OR REPLACE INTO corrections (item, verdict, content, made_at) VALUES (?, ?, ?, ?)',
    ),
    hashes: db.prepare<[number], { text: string | null; image: string | null }>(
      `SELECT i.text_hash AS text, m.hash AS image FROM items i LEFT JOIN images m ON i.has_image = 1 AND m.item = i.key
       WHERE i.key = ?`,
    ),
    ownVectors: db
      .prepare<[number], Uint8Array>(
        `SELECT v.vector FROM vectors v JOIN encoders e ON e.key = v.encoder
         WHERE v.item = ? AND e.id IS NULL ORDER BY v.encoder, v.passage`,
      )
      .pluck(),
    verdictsOf: db.prepare<[{ item: number }], { detection: number; flagged: number; usual: number }>(
      `SELECT d.key AS detection, j.flagged,
         j.p_value <= ifnull(json_extract(d.settings, '$.threshold'), -1) AS usual
       FROM detections d JOIN judgements j ON j.detection = d.key AND j.item = @item AND j.detector = 'verdict'
       WHERE d.state IN ('staged', 'current') AND d.encoder IN (SELECT encoder FROM vectors WHERE item = @item)`,
    ),
    flag: db.prepare(
      `UPDATE judgements SET flagged = ? WHERE detection = ? AND item = ? AND detector = 'verdict'`,
    ),
    toPurge: db.prepare<[], { key: number; dropped: number }>(
      `SELECT key, state = 'dropped' AS dropped FROM detections
       WHERE state = 'dropped' OR state = 'retired' AND judged > 0`,
    ),
    purge: db.prepare(
      `DELETE FROM judgements WHERE detection = ? AND (item, detector) IN
       (SELECT item, detector FROM judgements WHERE detection = ? LIMIT ?)`,
    ),
  }
}
