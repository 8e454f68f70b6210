import { firstVarint } from './first-varint.js'
import { createKeywordTable, dropKeywordTable, keywordTable, nextKeywordTable } from './keyword-table.js'
import type { KeywordWrites } from './keyword-writes.js'
import type { Connection } from './sqlite.js'

/** For how long one step goes on, and the items that it looks up at a time. */
const STEP_MS = 30
const PAGE = 100
/** Items that were removed, or replaced, until an index is made anew: so many, and as many as there are. */
const WORN = 10_000

/**
 * Makes worn keyword indexes anew. FTS5 never forgets in its totals what was removed, so that after many changes all words
 * seem rarer than they are. The new index is filled little by little beside the old one, which is searched meanwhile; writes
 * to items that it has come to go to both. `collections.keywords_cursor` is the last item that it has come to.
 */
export class KeywordRebuild {
  readonly #db: Connection
  readonly #keywords: KeywordWrites
  readonly #worn: number
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection, keywords: KeywordWrites, { worn = WORN }: { worn?: number } = {}) {
    this.#db = db
    this.#keywords = keywords
    this.#worn = worn
    this.#sql = prepare(db)
  }

  /** Does a part of what there is to do; within a transaction. @returns whether there may be more */
  step(): boolean {
    const begun = this.#sql.begun.get()
    if (begun) {
      this.#fill(begun.key, begun.cursor)
      return true
    }
    const worn = this.#sql.all.all().find(({ key, items }) => this.#added(key) > 2 * items + this.#worn)
    if (!worn) return false
    createKeywordTable(this.#db, worn.key, nextKeywordTable(worn.key))
    this.#move(worn.key, 0)
    return true
  }

  #fill(collection: number, from: number): void {
    const end = performance.now() + STEP_MS
    let cursor = from
    while (performance.now() < end) {
      const keys = this.#sql.page.all(collection, cursor, PAGE)
      if (keys.length === 0) {
        dropKeywordTable(this.#db, keywordTable(collection))
        this.#db.exec(`ALTER TABLE ${nextKeywordTable(collection)} RENAME TO ${keywordTable(collection)}`)
        this.#move(collection, null)
        return
      }
      for (const key of keys) {
        const item = this.#sql.item.get(key)
        if (item) this.#keywords.addToNext(collection, key, item)
        cursor = key
        if (performance.now() >= end) break
      }
    }
    this.#move(collection, cursor)
  }

  #move(collection: number, cursor: number | null): void {
    this.#sql.move.run(cursor, collection)
    this.#keywords.forget(collection)
  }

  /** Items that were ever added to the index. */
  #added(collection: number): number {
    const totals = this.#db
      .prepare<[], Uint8Array>(`SELECT block FROM ${keywordTable(collection)}_data WHERE id = 1`)
      .pluck()
      .get()
    return firstVarint(totals)
  }
}

function prepare(db: Connection) {
  return {
    begun: db.prepare<[], { key: number; cursor: number }>(
      'SELECT key, keywords_cursor AS cursor FROM collections WHERE keywords_cursor IS NOT NULL LIMIT 1',
    ),
    all: db.prepare<[], { key: number; items: number }>('SELECT key, items FROM collections'),
    page: db
      .prepare<[number, number, number], number>(
        'SELECT key FROM items WHERE collection = ? AND key > ? ORDER BY key LIMIT ?',
      )
      .pluck(),
    item: db.prepare<[number], { metadata: string; text: string | null }>(
      'SELECT metadata, text FROM items WHERE key = ?',
    ),
    move: db.prepare('UPDATE collections SET keywords_cursor = ? WHERE key = ?'),
  }
}
