import { randomBytes } from 'node:crypto'
import type { CollectionRecord } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import { migrate, readEpoch } from './schema.js'
import { type Connection, openDatabase } from './sqlite.js'
import type { RemoveAnswer, RowWrite, VectorChanges, WriterRequest } from './write-messages.js'

type UpsertSlice = Extract<WriterRequest, { op: 'upsert' }>

const MAX_LABEL = 2 ** 32 - 1

interface EncoderChange {
  added: number
  firstLabel: number | null
  lastLabel: number | null
  removed: number[]
}

/** Everything one write has done so far, until its commit. */
interface OpenWrite {
  seq: number
  firstLabel: number
  nextLabel: number
  items: number
  changes: Map<number, EncoderChange>
  conflicts: string[]
}

/** The one read-write connection of a home, with every statement that changes it. Lives in the writer thread. */
export class DatabaseWriter {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>
  #write: OpenWrite | undefined

  private constructor(db: Connection) {
    this.#db = db
    this.#sql = prepare(db)
  }

  /** Opens or makes the database and brings it to the newest schema. */
  static open(path: string): { writer: DatabaseWriter; epoch: string } {
    const db = openDatabase(path)
    try {
      db.pragma('page_size = 8192')
      db.pragma('journal_mode = WAL')
      db.pragma('synchronous = FULL')
      db.pragma('wal_autocheckpoint = 0')
      db.pragma('cache_size = -4000')
      migrate(db, path)
      return { writer: new DatabaseWriter(db), epoch: readEpoch(db) }
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
      const collection = Number(this.#sql.addCollection.run(record.name).lastInsertRowid)
      for (const space of record.spaces) {
        const { name, dim, metrics, unit } = space
        const key = Number(
          this.#sql.addSpace.run(collection, name, dim, JSON.stringify(metrics), Number(unit))
            .lastInsertRowid,
        )
        const encoder = Number(
          this.#sql.addEncoder.run(key, space.encoder, space.encoderName).lastInsertRowid,
        )
        this.#sql.setEncoder.run(encoder, key)
      }
    })
  }

  deleteCollection(name: string): boolean {
    return this.#transaction(() => {
      const key = this.#sql.collectionKey.get(name)
      if (key === undefined) return false
      for (const statement of this.#sql.dropCollection) statement.run(key)
      return true
    })
  }

  /** Takes a slice of an upsert; the answer comes with the last. Whatever throws rolls all slices back. */
  upsert(slice: UpsertSlice): VectorChanges | undefined {
    if (slice.first) {
      this.rollback()
      this.#db.exec('BEGIN IMMEDIATE')
      this.#write = this.#begin()
    }
    const write = this.#write
    if (!write) throw new EngineError('CANCELLED', 'the write was rolled back')
    try {
      let offset = 0
      for (const row of slice.rows) offset = this.#upsertRow(write, slice, row, offset)
      if (!slice.last) return undefined
      if (write.conflicts.length > 0) {
        throw new EngineError(
          'CONFLICT',
          `${write.conflicts.length} items changed since they were read, "${write.conflicts[0]}" first`,
          { details: { ids: write.conflicts } },
        )
      }
      const changes = this.#finish(write, slice.collection)
      this.#db.exec('COMMIT')
      this.#write = undefined
      return changes
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  remove(collection: number, ids: readonly string[]): RemoveAnswer {
    return this.#transaction(() => {
      const write = this.#begin()
      const removed: string[] = []
      for (const id of ids) {
        const item = this.#sql.item.get(collection, id)
        if (!item) continue
        this.#removeVectors(write, item.key, () => false)
        this.#sql.removeImage.run(item.key)
        this.#sql.removeItem.run(item.key)
        write.items--
        removed.push(id)
      }
      return { ids: removed, ...this.#finish(write, collection) }
    })
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
    this.#write = undefined
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

  #begin(): OpenWrite {
    const seq = Number(this.#sql.countWrite.get())
    const firstLabel = Number(this.#sql.lastLabel.get() ?? 0) + 1
    return { seq, firstLabel, nextLabel: firstLabel, items: 0, changes: new Map(), conflicts: [] }
  }

  #upsertRow(write: OpenWrite, slice: UpsertSlice, row: RowWrite, offset: number): number {
    const known = this.#sql.item.get(slice.collection, row.id)
    if (row.ifRevision !== undefined && row.ifRevision !== (known?.revision ?? 0)) {
      write.conflicts.push(row.id)
      return offset
    }
    if (write.conflicts.length > 0) return offset
    const keepImage = row.image === 'keep'
    const hasImage = keepImage ? (known?.has_image ?? 0) : Number(row.image !== null)
    const columns = [write.seq, row.text, row.textHash, row.metadata, row.fingerprint, hasImage] as const
    let key: number
    if (known) {
      key = known.key
      this.#sql.updateItem.run(...columns, key)
      const kept = new Set(row.vectors.filter((v) => v.borders === 'keep').map((v) => v.encoderKey))
      this.#removeVectors(write, key, (encoderKey) => kept.has(encoderKey))
      if (!keepImage) this.#sql.removeImage.run(key)
    } else {
      key = Number(this.#sql.addItem.run(slice.collection, row.id, ...columns).lastInsertRowid)
      write.items++
    }
    if (row.image !== null && row.image !== 'keep')
      this.#sql.addImage.run(key, row.image.type, row.image.bytes)
    let at = offset
    for (const { encoderKey, borders } of row.vectors) {
      if (borders !== 'keep') at = this.#addVectors(write, slice, { key, encoderKey, borders }, at)
    }
    return at
  }

  #addVectors(
    write: OpenWrite,
    slice: UpsertSlice,
    item: { key: number; encoderKey: number; borders: number[] },
    offset: number,
  ): number {
    const dim = slice.dims[item.encoderKey] ?? 0
    const change = changeOf(write, item.encoderKey)
    let at = offset
    for (let passage = 0; passage * 2 < item.borders.length; passage++) {
      if (write.nextLabel > MAX_LABEL) {
        throw new EngineError(
          'INTERNAL',
          'all 2^32 vector labels of this home are used; export it into a new one',
        )
      }
      const blob = Buffer.from(slice.vectors.buffer, slice.vectors.byteOffset + at * 4, dim * 4)
      const label = write.nextLabel++
      const [start, end] = item.borders.slice(passage * 2, passage * 2 + 2)
      this.#sql.addVector.run(label, item.key, item.encoderKey, passage, start, end, blob)
      change.added++
      change.firstLabel ??= label
      change.lastLabel = label
      at += dim
    }
    return at
  }

  #removeVectors(write: OpenWrite, item: number, keep: (encoderKey: number) => boolean): void {
    for (const { label, encoder } of this.#sql.labelsOf.all(item)) {
      if (keep(encoder)) continue
      this.#sql.removeVector.run(label)
      changeOf(write, encoder).removed.push(label)
    }
  }

  #finish(write: OpenWrite, collection: number): VectorChanges {
    const stamp = randomBytes(6).toString('hex')
    const removed = []
    for (const [encoderKey, change] of write.changes) {
      const { firstLabel, lastLabel } = change
      const blob = Buffer.from(Uint32Array.from(change.removed).buffer)
      this.#sql.addChange.run(write.seq, encoderKey, stamp, firstLabel, lastLabel, blob)
      if (change.removed.length > 0) removed.push({ encoderKey, labels: change.removed })
      this.#sql.countVectors.run(change.added - change.removed.length, encoderKey)
    }
    if (write.items !== 0) this.#sql.countItems.run(write.items, collection)
    return {
      seq: write.seq,
      stamp,
      firstLabel: write.firstLabel,
      encoderKeys: [...write.changes.keys()],
      removed,
    }
  }
}

function changeOf(write: OpenWrite, encoderKey: number): EncoderChange {
  let change = write.changes.get(encoderKey)
  if (!change) {
    change = { added: 0, firstLabel: null, lastLabel: null, removed: [] }
    write.changes.set(encoderKey, change)
  }
  return change
}

interface ItemRow {
  key: number
  revision: number
  has_image: number
}

function prepare(db: Connection) {
  const ofCollection = (table: string, column: string, keys: string) =>
    db.prepare(`DELETE FROM ${table} WHERE ${column} IN (${keys})`)
  const items = 'SELECT key FROM items WHERE collection = ?'
  const spaces = 'SELECT key FROM spaces WHERE collection = ?'
  const encoders = `SELECT key FROM encoders WHERE space IN (${spaces})`
  return {
    collectionKey: db.prepare('SELECT key FROM collections WHERE name = ?').pluck(),
    addCollection: db.prepare('INSERT INTO collections (name) VALUES (?)'),
    addSpace: db.prepare('INSERT INTO spaces (collection, name, dim, metrics, unit) VALUES (?, ?, ?, ?, ?)'),
    addEncoder: db.prepare('INSERT INTO encoders (space, id, name) VALUES (?, ?, ?)'),
    setEncoder: db.prepare('UPDATE spaces SET encoder = ? WHERE key = ?'),
    dropCollection: [
      ofCollection('vectors', 'encoder', encoders),
      ofCollection('changes', 'encoder', encoders),
      ofCollection('images', 'item', items),
      db.prepare('DELETE FROM items WHERE collection = ?'),
      ofCollection('encoders', 'space', spaces),
      db.prepare('DELETE FROM spaces WHERE collection = ?'),
      db.prepare('DELETE FROM collections WHERE key = ?'),
    ],
    countWrite: db.prepare(`UPDATE meta SET value = value + 1 WHERE key = 'writes' RETURNING value`).pluck(),
    lastLabel: db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'vectors'`).pluck(),
    item: db.prepare<[number, string], ItemRow>(
      'SELECT key, revision, has_image FROM items WHERE collection = ? AND id = ?',
    ),
    addItem: db.prepare(
      'INSERT INTO items (collection, id, revision, text, text_hash, metadata, fingerprint, has_image) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    updateItem: db.prepare(
      'UPDATE items SET revision = ?, text = ?, text_hash = ?, metadata = ?, fingerprint = ?, has_image = ? WHERE key = ?',
    ),
    removeItem: db.prepare('DELETE FROM items WHERE key = ?'),
    addImage: db.prepare('INSERT INTO images (item, type, bytes) VALUES (?, ?, ?)'),
    removeImage: db.prepare('DELETE FROM images WHERE item = ?'),
    addVector: db.prepare(
      'INSERT INTO vectors (label, item, encoder, passage, start, "end", vector) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    labelsOf: db.prepare<[number], { label: number; encoder: number }>(
      'SELECT label, encoder FROM vectors WHERE item = ?',
    ),
    removeVector: db.prepare('DELETE FROM vectors WHERE label = ?'),
    addChange: db.prepare(
      'INSERT INTO changes (seq, encoder, stamp, first_label, last_label, removed) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    trimLog: db.prepare('DELETE FROM changes WHERE encoder = ? AND seq < ?'),
    countVectors: db.prepare('UPDATE encoders SET vectors = vectors + ? WHERE key = ?'),
    countItems: db.prepare('UPDATE collections SET items = items + ? WHERE key = ?'),
  }
}
