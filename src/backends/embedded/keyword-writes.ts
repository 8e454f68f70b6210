import {
  createKeywordTable,
  dropKeywordTable,
  indexedValues,
  keywordColumns,
  keywordTable,
  parsePaths,
} from './keyword-table.js'
import type { Connection } from './sqlite.js'

/** What of an item the keyword index holds. */
export interface KeywordSource {
  text: string | null
  textHash: string | null
  /** JSON. */
  metadata: string
}

interface KeywordIndex {
  paths: readonly string[]
  statements: ReturnType<typeof prepare>
}

/** What writes do to the keyword indexes; always within a transaction. */
export class KeywordWrites {
  readonly #db: Connection
  readonly #indexes = new Map<number, KeywordIndex>()

  constructor(db: Connection) {
    this.#db = db
  }

  create(collection: number): void {
    createKeywordTable(this.#db, collection)
  }

  drop(collection: number): void {
    this.#indexes.delete(collection)
    dropKeywordTable(this.#db, collection)
  }

  /** Whether an update of an item needs its metadata as it was. */
  readsFields(collection: number): boolean {
    return this.#index(collection).paths.length > 0
  }

  add(collection: number, key: number, { text, metadata }: KeywordSource): void {
    const { paths, statements } = this.#index(collection)
    const columns = keywordColumns(text, indexedValues(metadata, paths))
    if (columns) statements.insert.run(key, ...columns)
  }

  /** @param before the item's text hash, and its metadata where {@link KeywordWrites.readsFields} */
  update(
    collection: number,
    key: number,
    before: { textHash: string | null; metadata: string | undefined },
    now: KeywordSource,
  ): void {
    const { paths } = this.#index(collection)
    const fields = (metadata: string): string => JSON.stringify(indexedValues(metadata, paths))
    const sameText = before.textHash === now.textHash
    if (sameText && (before.metadata === undefined || fields(before.metadata) === fields(now.metadata)))
      return
    this.remove(collection, key)
    this.add(collection, key, now)
  }

  remove(collection: number, key: number): void {
    this.#index(collection).statements.remove.run(key)
  }

  #index(collection: number): KeywordIndex {
    let index = this.#indexes.get(collection)
    if (!index) {
      const paths = this.#db
        .prepare<[number], string>('SELECT keywords FROM collections WHERE key = ?')
        .pluck()
        .get(collection)
      index = { paths: parsePaths(paths), statements: prepare(this.#db, keywordTable(collection)) }
      this.#indexes.set(collection, index)
    }
    return index
  }
}

function prepare(db: Connection, table: string) {
  return {
    insert: db.prepare(`INSERT INTO ${table} (rowid, text, fields, grams) VALUES (?, ?, ?, ?)`),
    remove: db.prepare(`DELETE FROM ${table} WHERE rowid = ?`),
  }
}
