import type { ItemFields, ItemStamp, ListQuery, StoredItem } from '../../core/backend.js'
import type { Metadata } from '../../core/types.js'
import type { AnomalyReader } from './anomaly-reader.js'
import { type CollectionKeys, currentVersions } from './collection-keys.js'
import type { FilterQuestion } from './filter-messages.js'
import type { SqlValue } from './filter-sql.js'
import { conditionOf } from './item-scan.js'
import { parseCursor } from './parse-cursor.js'
import type { RecentRows } from './recent-rows.js'
import type { Connection } from './sqlite.js'

/** Key, revision and whether it has a picture, then metadata and text where they are asked for. */
export type ItemRow = [key: number, id: string, revision: number, hasImage: number, ...(string | null)[]]

interface StampRow {
  key: number
  revision: number
  fingerprint: string
  textHash: string | null
  imageHash: string | null
  hasImage: number
}

/** Reads items by id and page by page; each only what it is asked for. */
export class ItemReader {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>
  readonly #anomalies: AnomalyReader
  readonly #recent: RecentRows<ItemRow> | undefined
  /** By columns. */
  readonly #statements = new Map<string, ReturnType<typeof prepareItems>>()

  /** @param recent where rows are kept, whose owner says what is written */
  constructor(db: Connection, anomalies: AnomalyReader, recent?: RecentRows<ItemRow>) {
    this.#db = db
    this.#sql = prepare(db)
    this.#anomalies = anomalies
    this.#recent = recent
  }

  stamps(collection: CollectionKeys, ids: readonly string[]): Map<string, ItemStamp> {
    const spaceOf = spacesByEncoder(collection)
    const stamps = new Map<string, ItemStamp>()
    for (const id of ids) {
      const row = this.#sql.stamp.get(collection.key, id)
      if (!row) continue
      const { revision, fingerprint, textHash, imageHash } = row
      const spaces = this.#sql.encodersOf.all(row.key).flatMap((encoder) => spaceOf.get(encoder) ?? [])
      stamps.set(id, { revision, fingerprint, textHash, imageHash, spaces, hasImage: row.hasImage === 1 })
    }
    return stamps
  }

  get(collection: CollectionKeys, ids: readonly string[], fields: ItemFields): Map<string, StoredItem> {
    const found = new Map<string, StoredItem>()
    for (const row of this.#rows(collection, ids, fields)) {
      found.set(row[1], this.#stored(collection, row, fields))
    }
    return found
  }

  list(collection: CollectionKeys, query: ListQuery): { items: StoredItem[]; cursor?: string } {
    const { limit, fields } = query
    const rows = this.#items(fields).page.all(collection.key, parseCursor(query.cursor), limit + 1)
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      items: page.map((row) => this.#stored(collection, row, fields)),
      ...(rows.length > page.length && last ? { cursor: String(last[0]) } : {}),
    }
  }

  /** The items of these keys as a page, the last key but for that there are more. @param keys ascending */
  page(
    collection: CollectionKeys,
    keys: readonly number[],
    { limit, fields }: Pick<ListQuery, 'limit' | 'fields'>,
  ): { items: StoredItem[]; cursor?: string } {
    const shown = keys.slice(0, limit)
    const rows = this.#items(fields).keyed.all(JSON.stringify(shown), collection.key)
    return {
      items: rows.map((row) => this.#stored(collection, row, fields)),
      ...(keys.length > shown.length ? { cursor: String(shown.at(-1)) } : {}),
    }
  }

  /** Those of the ids whose items are there and match. */
  matching(collection: CollectionKeys, ids: readonly string[], question: FilterQuestion): Set<string> {
    const { sql, parameters } = conditionOf(question)
    const found = this.#db
      .prepare<[Record<string, SqlValue>], string>(
        `SELECT items.id FROM json_each(@ids) asked
         CROSS JOIN items ON items.collection = @collection AND items.id = asked.value WHERE ${sql}`,
      )
      .pluck()
    return new Set(found.all({ ...parameters, ids: JSON.stringify(ids), collection: collection.key }))
  }

  /** Where the passages of vectors lie in their items' texts, and which revisions of the items those are. */
  borders(labels: readonly number[]): Map<number, { start: number; end: number; revision: number }> {
    const rows = this.#sql.borders.all(JSON.stringify(labels))
    return new Map(rows.map(([label, start, end, revision]) => [label, { start, end, revision }]))
  }

  #rows({ key }: CollectionKeys, ids: readonly string[], fields: ItemFields): ItemRow[] {
    // one statement for all: each has a price of its own, locks above all
    const read = (some: readonly string[]): ItemRow[] =>
      some.length === 0 ? [] : this.#items(fields).those.all(JSON.stringify(some), key)
    // kept is what searches show unless they are asked for more
    if (!this.#recent || !fields.metadata || fields.text) return read(ids)
    const known: ItemRow[] = []
    const unknown: string[] = []
    for (const id of ids) {
      const row = this.#recent.get(key, id)
      if (row) known.push(row)
      else unknown.push(id)
    }
    const rows = read(unknown)
    for (const row of rows) this.#recent.put(key, row[1], row)
    return [...known, ...rows]
  }

  #items({ metadata, text }: ItemFields) {
    const columns = `${metadata ? ', metadata' : ''}${text ? ', text' : ''}`
    let statements = this.#statements.get(columns)
    if (!statements) {
      statements = prepareItems(this.#db, columns)
      this.#statements.set(columns, statements)
    }
    return statements
  }

  #stored(collection: CollectionKeys, row: ItemRow, fields: ItemFields): StoredItem {
    const [key, id, revision, hasImage] = row
    const item: StoredItem = { id, revision, hasImage: hasImage === 1 }
    if (fields.metadata) item.metadata = JSON.parse(row[4] ?? '{}') as Metadata
    if (fields.text) item.text = row[fields.metadata ? 5 : 4] ?? null
    if (fields.vectors) item.vectors = this.#vectors(collection, key)
    if (fields.anomaly) {
      item.anomaly = this.#anomalies.ofItem(collection, key)
      const correction = this.#anomalies.correction(key)
      if (correction) item.correction = correction
    }
    return item
  }

  #vectors(collection: CollectionKeys, item: number): Record<string, Float32Array[]> {
    const spaceOf = spacesByEncoder(collection)
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

function spacesByEncoder(collection: CollectionKeys): Map<number, string> {
  return new Map(currentVersions(collection).map(({ encoderKey, space }) => [encoderKey, space]))
}

function prepareItems(db: Connection, columns: string) {
  const raw = <Arguments extends unknown[]>(sql: string) => db.prepare<Arguments, ItemRow>(sql).raw()
  return {
    those: raw<[string, number]>(
      `SELECT items.key, items.id, revision, has_image${columns}
       FROM json_each(?) asked CROSS JOIN items ON items.collection = ? AND items.id = asked.value`,
    ),
    keyed: raw<[string, number]>(
      `SELECT items.key, items.id, revision, has_image${columns}
       FROM json_each(?) asked CROSS JOIN items ON items.key = asked.value AND items.collection = ? ORDER BY asked.key`,
    ),
    page: raw<[number, number, number]>(
      `SELECT key, id, revision, has_image${columns} FROM items WHERE collection = ? AND key > ? ORDER BY key LIMIT ?`,
    ),
  }
}

function prepare(db: Connection) {
  return {
    stamp: db.prepare<[number, string], StampRow>(
      `SELECT i.key, i.revision, i.fingerprint, i.text_hash AS textHash, i.has_image AS hasImage, m.hash AS imageHash
       FROM items i LEFT JOIN images m ON i.has_image = 1 AND m.item = i.key WHERE i.collection = ? AND i.id = ?`,
    ),
    encodersOf: db.prepare<[number], number>('SELECT DISTINCT encoder FROM vectors WHERE item = ?').pluck(),
    vectorsOf: db.prepare<[number], { encoder: number; vector: Uint8Array }>(
      'SELECT encoder, vector FROM vectors WHERE item = ? ORDER BY encoder, passage',
    ),
    borders: db
      .prepare<[string], [label: number, start: number, end: number, revision: number]>(
        `SELECT v.label, v.start, v."end", i.revision FROM json_each(?) asked
         CROSS JOIN vectors v ON v.label = asked.value CROSS JOIN items i ON i.key = v.item`,
      )
      .raw(),
  }
}
