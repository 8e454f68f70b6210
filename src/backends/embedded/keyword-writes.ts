import {
  createKeywordTable,
  dropKeywordTable,
  indexedValues,
  keywordColumns,
  keywordTable,
  nextKeywordTable,
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
  /** The index that is being made to take its place, and the last item that it has come to. */
  next: { statements: ReturnType<typeof prepare>; cursor: number } | undefined
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
    for (const name of [keywordTable, nextKeywordTable]) dropKeywordTable(this.#db, name(collection))
  }

  /** Whether an update of an item needs its metadata as it was. */
  readsFields(collection: number): boolean {
    return this.#index(collection).paths.length > 0
  }

  add(collection: number, key: number, { text, metadata }: KeywordSource): void {
    const { paths, statements, next } = this.#index(collection)
    const columns = keywordColumns(text, indexedValues(metadata, paths))
    if (!columns) return
    statements.insert.run(key, ...columns)
    if (next && key <= next.cursor) next.statements.insert.run(key, ...columns)
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
    const { statements, next } = this.#index(collection)
    statements.remove.run(key)
    if (next && key <= next.cursor) next.statements.remove.run(key)
  }

  /** Adds an item to the index that is being made. */
  addToNext(collection: number, key: number, { text, metadata }: Omit<KeywordSource, 'textHash'>): void {
    const { paths, next } = this.#index(collection)
    const columns = keywordColumns(text, indexedValues(metadata, paths))
    if (columns) next?.statements.insert.run(key, ...columns)
  }

  /** To be called where another index is made, or has come further. */
  forget(collection: number): void {
    this.#indexes.delete(collection)
  }

  #index(collection: number): KeywordIndex {
    let index = this.#indexes.get(collection)
    if (!index) {
      const row = this.#db
        .prepare<[number], { keywords: string; cursor: number | null }>(
          'SELECT keywords, keywords_cursor AS cursor FROM collections WHERE key = ?',
        )
        .get(collection)
      const { keywords, cursor = null } = row ?? {}
      index = {
        paths: parsePaths(keywords),
        statements: prepare(this.#db, keywordTable(collection)),
        next:
          cursor === null
            ? undefined
            : { statements: prepare(this.#db, nextKeywordTable(collection)), cursor },
      }
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
