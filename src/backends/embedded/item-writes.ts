import { randomBytes } from 'node:crypto'
import type { ImageWrite } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { DetectionWrites } from './detection-writes.js'
import type { KeywordWrites } from './keyword-writes.js'
import { type ScoreCounts, ScoreWrites } from './score-writes.js'
import type { Connection } from './sqlite.js'
import type { RowEncoded, RowFill, RowWrite, VectorChanges } from './write-messages.js'

const MAX_LABEL = 2 ** 32 - 1

interface EncoderChange {
  added: number
  firstLabel: number | null
  lastLabel: number | null
  removed: number[]
}

/** Everything one write has done so far, until its commit. */
export interface OpenWrite {
  collection: number
  seq: number
  firstLabel: number
  nextLabel: number
  items: number
  images: number
  changes: Map<number, EncoderChange>
  scores: ScoreCounts
  conflicts: string[]
  /** Keys of the items that were upserted, in order. */
  itemKeys: number[]
}

/** The vectors of a message, which its rows take one after the other. */
export interface VectorStream {
  values: Float32Array
  at: number
  dims: Readonly<Record<number, number>>
}

/** What writes do to items, pictures, vectors, scores and the change log; always within a transaction. */
export class ItemWrites {
  readonly #sql: ReturnType<typeof prepare>
  readonly #scores: ScoreWrites
  readonly #keywords: KeywordWrites

  readonly #detections: DetectionWrites

  constructor(db: Connection, keywords: KeywordWrites, detections: DetectionWrites) {
    this.#detections = detections
    this.#sql = prepare(db)
    this.#scores = new ScoreWrites(db)
    this.#keywords = keywords
  }

  begin(collection: number): OpenWrite {
    const seq = Number(this.#sql.countWrite.get())
    const firstLabel = Number(this.#sql.lastLabel.get() ?? 0) + 1
    const none = { items: 0, images: 0, conflicts: [], itemKeys: [] }
    return {
      collection,
      seq,
      firstLabel,
      nextLabel: firstLabel,
      changes: new Map(),
      scores: new Map(),
      ...none,
    }
  }

  /** Writes an item, or notes that it was changed since it was read. */
  upsert(write: OpenWrite, row: RowWrite, vectors: VectorStream): void {
    const known = this.#sql.item.get(write.collection, row.id)
    if (row.ifRevision !== undefined && row.ifRevision !== (known?.revision ?? 0)) {
      write.conflicts.push(row.id)
    }
    if (write.conflicts.length > 0) return
    const hadImage = known?.has_image ?? 0
    const hasImage = row.image === 'keep' ? hadImage : Number(row.image !== null)
    const columns = [write.seq, hasImage, row.fingerprint, row.textHash, row.metadata, row.text] as const
    let key: number
    if (known) {
      key = known.key
      const { collection } = write
      const metadata = this.#keywords.readsFields(collection) ? this.#sql.metadata.get(key) : undefined
      this.#keywords.update(collection, key, { textHash: known.text_hash, metadata }, row)
      this.#sql.updateItem.run(...columns, key)
      this.#removeVectors(write, key, new Set(row.keep))
      if (hadImage === 1 && row.image !== 'keep') this.#sql.removeImage.run(key)
    } else {
      key = Number(this.#sql.addItem.run(write.collection, row.id, ...columns).lastInsertRowid)
      this.#keywords.add(write.collection, key, row)
      write.items++
    }
    write.itemKeys.push(key)
    write.images += hasImage - hadImage
    if (row.image !== null && row.image !== 'keep') this.#addImage(key, row.image)
    for (const encoded of row.encoded) {
      this.#addVectors(write, key, encoded, vectors)
      for (const score of encoded.anomalies) this.#scores.add(write.scores, encoded.encoderKey, key, score)
    }
  }

  /** @returns false where the item changed meanwhile, or the encoder version's vectors of it are there */
  fill(write: OpenWrite, { id, revision, encoded }: RowFill, vectors: VectorStream): boolean {
    const known = this.#sql.item.get(write.collection, id)
    const { encoderKey, anomalies, borders } = encoded
    if (known?.revision !== revision || this.#sql.hasVectors.get(known.key, encoderKey) !== undefined) {
      vectors.at += (borders.length / 2) * (vectors.dims[encoderKey] ?? 0)
      return false
    }
    this.#addVectors(write, known.key, encoded, vectors)
    for (const score of anomalies) this.#scores.add(write.scores, encoderKey, known.key, score)
    return true
  }

  /** @returns whether it was there */
  remove(write: OpenWrite, id: string): boolean {
    const item = this.#sql.item.get(write.collection, id)
    if (!item) return false
    this.#removeVectors(write, item.key, new Set())
    if (item.has_image === 1) this.#sql.removeImage.run(item.key)
    this.#sql.removeItem.run(item.key)
    this.#keywords.remove(write.collection, item.key)
    write.items--
    write.images -= item.has_image
    return true
  }

  /** Logs what was done, counts it, and tells. The commit is the caller's. */
  finish(write: OpenWrite): VectorChanges {
    const stamp = randomBytes(6).toString('hex')
    const removed = []
    for (const [encoderKey, change] of write.changes) {
      const { firstLabel, lastLabel } = change
      const blob = Buffer.from(Uint32Array.from(change.removed).buffer)
      this.#sql.addChange.run(write.seq, encoderKey, stamp, firstLabel, lastLabel, blob)
      // what is not searched has no index that would replay its log
      this.#sql.trimUnsearched.run(encoderKey, write.seq, encoderKey)
      if (change.removed.length > 0) removed.push({ encoderKey, labels: change.removed })
      this.#sql.countVectors.run(change.added - change.removed.length, encoderKey)
    }
    this.#scores.count(write.scores)
    if (write.items !== 0 || write.images !== 0) {
      this.#sql.countItems.run(write.items, write.images, write.collection)
    }
    const encoderKeys = [...write.changes.keys()]
    return { seq: write.seq, stamp, firstLabel: write.firstLabel, encoderKeys, removed }
  }

  #addImage(item: number, image: ImageWrite): void {
    const { width, height, hash, path, rendition, original } = image
    this.#sql.addImage.run(
      item,
      width,
      height,
      hash,
      path,
      rendition.type,
      original?.type ?? null,
      rendition.bytes,
      original?.bytes ?? null,
    )
  }

  #addVectors(
    write: OpenWrite,
    item: number,
    { encoderKey, borders }: RowEncoded,
    vectors: VectorStream,
  ): void {
    const dim = vectors.dims[encoderKey] ?? 0
    const change = changeOf(write, encoderKey)
    for (let passage = 0; passage * 2 < borders.length; passage++) {
      if (write.nextLabel > MAX_LABEL) {
        throw new EngineError(
          'INTERNAL',
          'all 2^32 vector labels of this home are used; export it into a new one',
        )
      }
      const { buffer, byteOffset } = vectors.values
      const blob = Buffer.from(buffer, byteOffset + vectors.at * 4, dim * 4)
      const label = write.nextLabel++
      const [start, end] = borders.slice(passage * 2, passage * 2 + 2)
      this.#sql.addVector.run(label, item, encoderKey, passage, start, end, blob)
      change.added++
      change.firstLabel ??= label
      change.lastLabel = label
      vectors.at += dim
    }
  }

  #removeVectors(write: OpenWrite, item: number, kept: ReadonlySet<number>): void {
    const changed = new Set<number>()
    for (const { label, encoder } of this.#sql.labelsOf.all(item)) {
      if (kept.has(encoder)) continue
      this.#sql.removeVector.run(label)
      changeOf(write, encoder).removed.push(label)
      changed.add(encoder)
    }
    this.#scores.remove(write.scores, item, kept)
    this.#detections.forget(item, changed)
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
  text_hash: string | null
}

function prepare(db: Connection) {
  return {
    countWrite: db.prepare(`UPDATE meta SET value = value + 1 WHERE key = 'writes' RETURNING value`).pluck(),
    lastLabel: db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'vectors'`).pluck(),
    item: db.prepare<[number, string], ItemRow>(
      'SELECT key, revision, has_image, text_hash FROM items WHERE collection = ? AND id = ?',
    ),
    metadata: db.prepare<[number], string>('SELECT metadata FROM items WHERE key = ?').pluck(),
    addItem: db.prepare(
      'INSERT INTO items (collection, id, revision, has_image, fingerprint, text_hash, metadata, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    updateItem: db.prepare(
      'UPDATE items SET revision = ?, has_image = ?, fingerprint = ?, text_hash = ?, metadata = ?, text = ? WHERE key = ?',
    ),
    removeItem: db.prepare('DELETE FROM items WHERE key = ?'),
    addImage: db.prepare(
      `INSERT INTO images (item, width, height, hash, path, rendition_type, original_type, rendition, original)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    removeImage: db.prepare('DELETE FROM images WHERE item = ?'),
    addVector: db.prepare(
      'INSERT INTO vectors (label, item, encoder, passage, start, "end", vector) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    hasVectors: db.prepare<[number, number]>('SELECT 1 FROM vectors WHERE item = ? AND encoder = ? LIMIT 1'),
    labelsOf: db.prepare<[number], { label: number; encoder: number }>(
      'SELECT label, encoder FROM vectors WHERE item = ?',
    ),
    removeVector: db.prepare('DELETE FROM vectors WHERE label = ?'),
    addChange: db.prepare(
      'INSERT INTO changes (seq, encoder, stamp, first_label, last_label, removed) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    trimUnsearched: db.prepare(
      `DELETE FROM changes WHERE encoder = ? AND seq < ?
       AND NOT EXISTS (SELECT 1 FROM encoders WHERE key = ? AND state = 'current')`,
    ),
    countVectors: db.prepare('UPDATE encoders SET vectors = vectors + ? WHERE key = ?'),
    countItems: db.prepare('UPDATE collections SET items = items + ?, images = images + ? WHERE key = ?'),
  }
}
