import type { ItemContent } from '../../core/backend.js'
import type { CollectionKeys } from './collection-keys.js'
import { parseCursor } from './parse-cursor.js'
import type { Connection } from './sqlite.js'

interface ContentRow {
  key: number
  id: string
  textHash: string | null
  textBytes: number | null
  imageHash: string | null
  pixels: number | null
}

/** Reads what items hold, and the fingerprints kept with them. */
export class ContentReader {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  page(
    collection: CollectionKeys,
    options: { limit: number; cursor?: string; kinds: readonly string[] },
  ): { items: ItemContent[]; cursor?: string } {
    const { limit, cursor, kinds } = options
    const rows = this.#sql.page.all(collection.key, parseCursor(cursor), limit + 1)
    const items = rows.slice(0, limit).map((row) => this.#content(row, kinds))
    const last = rows[limit - 1]
    return rows.length > limit && last ? { items, cursor: String(last.key) } : { items }
  }

  /** Those of the ids that are there, in their order. */
  of(collection: CollectionKeys, ids: readonly string[], kinds: readonly string[]): ItemContent[] {
    const rows = this.#sql.those.all(JSON.stringify(ids), collection.key)
    return rows.map((row) => this.#content(row, kinds))
  }

  #content(row: ContentRow, kinds: readonly string[]): ItemContent {
    const { key, id, textHash, imageHash } = row
    const fingerprints: ItemContent['fingerprints'] = {}
    for (const kind of kinds) {
      const found = this.#sql.fingerprint.get(key, kind)
      if (found) fingerprints[kind] = { source: found.source, bytes: new Uint8Array(found.bytes) }
    }
    const sizes = { textBytes: row.textBytes ?? 0, pixels: row.pixels ?? 0 }
    return { id, textHash, imageHash, ...sizes, fingerprints }
  }
}

function prepare(db: Connection) {
  const columns = `i.key, i.id, i.text_hash AS textHash, octet_length(i.text) AS textBytes,
    m.hash AS imageHash, m.width * m.height AS pixels`
  const images = 'LEFT JOIN images m ON i.has_image = 1 AND m.item = i.key'
  return {
    page: db.prepare<[number, number, number], ContentRow>(
      `SELECT ${columns} FROM items i ${images} WHERE i.collection = ? AND i.key > ? ORDER BY i.key LIMIT ?`,
    ),
    those: db.prepare<[string, number], ContentRow>(
      `SELECT ${columns} FROM json_each(?) asked CROSS JOIN items i ON i.collection = ? AND i.id = asked.value ${images}
       ORDER BY asked.key`,
    ),
    fingerprint: db.prepare<[number, string], { source: string; bytes: Uint8Array }>(
      'SELECT source, bytes FROM fingerprints WHERE item = ? AND kind = ?',
    ),
  }
}
