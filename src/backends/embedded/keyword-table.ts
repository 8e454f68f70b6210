import type { Metadata } from '../../core/types.js'
import { type KeywordDocument, keywordDocument, keywordValues } from '../../query/keyword-document.js'
import type { Connection } from './sqlite.js'

/** The keyword index of a collection, by its key. */
export function keywordTable(collection: number): string {
  return `keywords_${collection}`
}

/** The one that will take its place: see `keyword-rebuild.ts`. */
export function nextKeywordTable(collection: number): string {
  return `${keywordTable(collection)}_next`
}

/**
 * Makes the keyword index of a collection: inverted lists only, no texts. Each collection has its own, so that how rare
 * a word is does not depend on others. The tokenizer `ascii` takes the terms as they are: they hold letters and digits,
 * and whatever is not ASCII.
 */
export function createKeywordTable(
  db: Connection,
  collection: number,
  table = keywordTable(collection),
): void {
  db.exec(
    `CREATE VIRTUAL TABLE ${table} USING
     fts5(text, fields, grams, content='', contentless_delete=1, tokenize='ascii')`,
  )
}

export function dropKeywordTable(db: Connection, table: string): void {
  db.exec(`DROP TABLE IF EXISTS ${table}`)
}

/** A document's columns as they are inserted; undefined where it has no words. */
export function keywordColumns(
  text: string | null,
  values: readonly string[],
): [text: string, fields: string, grams: string] | undefined {
  const document: KeywordDocument = keywordDocument(text, values)
  if (document.text.length === 0 && document.fields.length === 0 && document.grams.length === 0)
    return undefined
  return [document.text.join(' '), document.fields.join(' '), document.grams.join(' ')]
}

/** The paths of a collection's metadata that are indexed. */
export function parsePaths(json: string | undefined): string[] {
  return JSON.parse(json ?? '[]') as string[]
}

/** The strings of an item's metadata that are indexed. */
export function indexedValues(metadata: string, paths: readonly string[]): string[] {
  return paths.length === 0 ? [] : keywordValues(JSON.parse(metadata) as Metadata, paths)
}

/** Items whose keys are held at a time while {@link fillKeywordTables} goes through them. */
const PAGE = 1_000

/** Makes and fills the keyword indexes of all collections; one item's text is in memory at a time. */
export function fillKeywordTables(db: Connection): void {
  const collections = db.prepare<[], { key: number; keywords: string }>(
    'SELECT key, keywords FROM collections',
  )
  const page = db
    .prepare<[number, number, number], number>(
      'SELECT key FROM items WHERE collection = ? AND key > ? ORDER BY key LIMIT ?',
    )
    .pluck()
  const item = db.prepare<[number], { text: string | null; metadata: string }>(
    'SELECT metadata, text FROM items WHERE key = ?',
  )
  for (const { key: collection, keywords } of collections.all()) {
    createKeywordTable(db, collection)
    const paths = parsePaths(keywords)
    const insert = db.prepare(
      `INSERT INTO ${keywordTable(collection)} (rowid, text, fields, grams) VALUES (?, ?, ?, ?)`,
    )
    for (let keys = page.all(collection, 0, PAGE); keys.length > 0; ) {
      for (const key of keys) {
        const row = item.get(key)
        const columns = row && keywordColumns(row.text, indexedValues(row.metadata, paths))
        if (columns) insert.run(key, ...columns)
      }
      keys = page.all(collection, keys.at(-1) ?? 0, PAGE)
    }
  }
}
