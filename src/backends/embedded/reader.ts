import type { ItemFields, ItemStamp, ListQuery, StoredItem } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Metadata } from '../../core/types.js'
import { type Connection, openDatabase } from './sqlite.js'
import type { CollectionKeys, SpaceKeys } from './write-messages.js'

interface ItemRow {
  key: number
  id: string
  revision: number
  text: string | null
  metadata: string
  has_image: number
}

/** A read-only connection for what is small: items by id, pages of a listing, one picture. */
export class Reader {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>

  constructor(path: string) {
    this.#db = openDatabase(path, { readonly: true })
    this.#db.pragma('cache_size = -4000')
    this.#sql = prepare(this.#db)
  }

  collections(): CollectionKeys[] {
    return this.#sql.collections.all().map(({ key, name }) => ({
      key,
      name,
      spaces: this.#sql.spaces.all(key).map(
        (row): SpaceKeys => ({
          key: row.key,
          name: row.name,
          encoderKey: row.encoderKey,
          encoder: row.encoder,
          encoderName: row.encoderName,
          dim: row.dim,
          metrics: JSON.parse(row.metrics) as string[],
          unit: row.unit === 1,
        }),
      ),
    }))
  }

  /** Items of a collection, and live vectors of each of its encoder versions. */
  counts(collection: CollectionKeys): { items: number; vectors: Map<number, number> } {
    const vectors = this.#sql.vectorCounts.all(collection.key)
    return {
      items: this.#sql.itemCount.get(collection.key) ?? 0,
      vectors: new Map(vectors.map(({ key, vectors: count }) => [key, count])),
    }
  }

  stamps(collection: CollectionKeys, ids: readonly string[]): Map<string, ItemStamp> {
    const spaceOf = new Map(collection.spaces.map((space) => [space.encoderKey, space.name]))
    const stamps = new Map<string, ItemStamp>()
    for (const id of ids) {
      const row = this.#sql.stamp.get(collection.key, id)
      if (!row) continue
      const spaces: string[] = []
      for (const encoder of this.#sql.encodersOf.all(row.key)) {
        const space = spaceOf.get(encoder)
        if (space !== undefined) spaces.push(space)
      }
      const { revision, fingerprint } = row
      stamps.set(id, {
        revision,
        fingerprint,
        textHash: row.text_hash,
        spaces,
        hasImage: row.has_image === 1,
      })
    }
    return stamps
  }

  get(collection: CollectionKeys, ids: readonly string[], fields: ItemFields): Map<string, StoredItem> {
    const found = new Map<string, StoredItem>()
    for (const id of ids) {
      const row = this.#sql.item.get(collection.key, id)
      if (row) found.set(id, this.#stored(collection, row, fields))
    }
    return found
  }

  list(collection: CollectionKeys, query: ListQuery): { items: StoredItem[]; cursor?: string } {
    const after = query.cursor === undefined ? 0 : Number(query.cursor)
    if (!Number.isSafeInteger(after) || after < 0) {
      throw new EngineError(
        'INVALID_REQUEST',
        `cursor ${JSON.stringify(query.cursor)} is not one that a listing gave; leave it out to begin anew`,
      )
    }
    const rows = this.#sql.page.all(collection.key, after, query.limit + 1)
    const page = rows.slice(0, query.limit)
    const last = page.at(-1)
    return {
      items: page.map((row) => this.#stored(collection, row, query.fields)),
      ...(rows.length > page.length && last ? { cursor: String(last.key) } : {}),
    }
  }

  image(collection: CollectionKeys, id: string): { bytes: Uint8Array; type: string } | undefined {
    return this.#sql.image.get(collection.key, id)
  }

  /** Where the passage of a vector lies in its item's text, and which revision of the item that is. */
  borders(label: number): { start: number; end: number; revision: number } | undefined {
    return this.#sql.borders.get(label)
  }

  close(): void {
    this.#db.close()
  }

  #stored(collection: CollectionKeys, row: ItemRow, fields: ItemFields): StoredItem {
    const item: StoredItem = { id: row.id, revision: row.revision, hasImage: row.has_image === 1 }
    if (fields.metadata) item.metadata = JSON.parse(row.metadata) as Metadata
    if (fields.text) item.text = row.text
    if (fields.vectors) item.vectors = this.#vectors(collection, row.key)
    return item
  }

  #vectors(collection: CollectionKeys, item: number): Record<string, Float32Array[]> {
    const spaceOf = new Map(collection.spaces.map((space) => [space.encoderKey, space.name]))
    const vectors: Record<string, Float32Array[]> = {}
    for (const row of this.#sql.vectorsOf.all(item)) {
      const space = spaceOf.get(row.encoder)
      if (space === undefined) continue
      vectors[space] ??= []
      vectors[space].push(new Float32Array(Uint8Array.from(row.vector).buffer))
    }
    return vectors
  }
}

interface SpaceRow {
  key: number
  name: string
  dim: number
  metrics: string
  unit: number
  encoderKey: number
  encoder: string | null
  encoderName: string | null
}

function prepare(db: Connection) {
  const columns = 'key, id, revision, text, metadata, has_image'
  return {
    collections: db.prepare<[], { key: number; name: string }>(
      'SELECT key, name FROM collections ORDER BY name',
    ),
    spaces: db.prepare<[number], SpaceRow>(
      `SELECT s.key, s.name, s.dim, s.metrics, s.unit, e.key AS encoderKey, e.id AS encoder, e.name AS encoderName
       FROM spaces s JOIN encoders e ON e.key = s.encoder WHERE s.collection = ? ORDER BY s.key`,
    ),
    itemCount: db.prepare<[number], number>('SELECT items FROM collections WHERE key = ?').pluck(),
    vectorCounts: db.prepare<[number], { key: number; vectors: number }>(
      'SELECT e.key, e.vectors FROM encoders e JOIN spaces s ON s.key = e.space WHERE s.collection = ?',
    ),
    stamp: db.prepare<
      [number, string],
      { key: number; revision: number; fingerprint: string; text_hash: string | null; has_image: number }
    >('SELECT key, revision, fingerprint, text_hash, has_image FROM items WHERE collection = ? AND id = ?'),
    encodersOf: db
      .prepare<[number], number>('SELECT DISTINCT encoder FROM vectors WHERE item = ?')
      .pluck() as unknown as { all(item: number): number[] },
    item: db.prepare<[number, string], ItemRow>(
      `SELECT ${columns} FROM items WHERE collection = ? AND id = ?`,
    ),
    page: db.prepare<[number, number, number], ItemRow>(
      `SELECT ${columns} FROM items WHERE collection = ? AND key > ? ORDER BY key LIMIT ?`,
    ),
    image: db.prepare<[number, string], { bytes: Uint8Array; type: string }>(
      'SELECT m.bytes, m.type FROM items i JOIN images m ON m.item = i.key WHERE i.collection = ? AND i.id = ?',
    ),
    vectorsOf: db.prepare<[number], { encoder: number; vector: Uint8Array }>(
      'SELECT encoder, vector FROM vectors WHERE item = ? ORDER BY encoder, passage',
    ),
    borders: db.prepare<[number], { start: number; end: number; revision: number }>(
      'SELECT v.start, v."end", i.revision FROM vectors v JOIN items i ON i.key = v.item WHERE v.label = ?',
    ),
  }
}
