import { setImmediate as nextTurn } from 'node:timers/promises'
import type { StoredImage } from '../../core/backend.js'
import type { CollectionKeys } from './collection-keys.js'
import { parseCursor } from './parse-cursor.js'
import type { Connection } from './sqlite.js'

/** Items looked at, and pictures read, before the event loop gets its turn: about 2 ms. */
const LOOK_SLICE = 2_000
const READ_SLICE = 32
/** Bytes of a page's pictures after which it ends before its limit. */
const PAGE_BYTES = 32 << 20

/** Which pictures are wanted: all, or those of items that an encoder version has no vectors of. */
export interface ImagesQuery {
  limit: number
  cursor: string | undefined
  lackingEncoder: number | undefined
}

/** Reads pictures. What schema 1 stored has no rendition: there the original serves as one. */
export class ImageReader {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  image(
    collection: CollectionKeys,
    id: string,
    options: { rendition?: boolean },
  ): { bytes: Uint8Array; type: string } | undefined {
    const row = (options.rendition ? this.#sql.rendition : this.#sql.original).get(collection.key, id)
    return row && { bytes: plain(row.bytes), type: row.type }
  }

  /**
   * A page of pictures, in the order of their items' first writing.
   *
   * @param proceed called after each turn of the event loop; throws where reading must not go on
   */
  async images(
    collection: CollectionKeys,
    query: ImagesQuery,
    proceed: () => void,
  ): Promise<{ images: StoredImage[]; cursor?: string }> {
    const keys = await this.#itemsWithImage(collection, query, proceed)
    const images: StoredImage[] = []
    let bytes = 0
    for (const [i, key] of keys.slice(0, query.limit).entries()) {
      if (i > 0 && i % READ_SLICE === 0) {
        await nextTurn()
        proceed()
      }
      const row = this.#sql.stored.get(key)
      if (!row) continue
      images.push({ id: row.id, revision: row.revision, rendition: plain(row.rendition) })
      bytes += row.rendition.length
      if (bytes >= PAGE_BYTES && i + 1 < keys.length) return { images, cursor: String(key) }
    }
    return keys.length > query.limit ? { images, cursor: String(keys[query.limit - 1]) } : { images }
  }

  count(collection: CollectionKeys): number {
    return this.#sql.count.get(collection.key) ?? 0
  }

  /** Keys of the items of a page, and of one more if there is one. */
  async #itemsWithImage(
    collection: CollectionKeys,
    { limit, cursor, lackingEncoder }: ImagesQuery,
    proceed: () => void,
  ): Promise<number[]> {
    const found: number[] = []
    let after = parseCursor(cursor)
    for (;;) {
      const rows =
        lackingEncoder === undefined
          ? this.#sql.withImage.all(collection.key, after, limit + 1)
          : this.#sql.lacking.all(lackingEncoder, collection.key, after, LOOK_SLICE)
      for (const [key, wanted] of rows) {
        if (wanted === 1) found.push(key)
        if (found.length > limit) return found
      }
      const last = rows.at(-1)
      if (lackingEncoder === undefined || rows.length < LOOK_SLICE || !last) return found
      after = last[0]
      await nextTurn()
      proceed()
    }
  }
}

/** Of the type that the port names, not a Buffer. */
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}

function prepare(db: Connection) {
  const image = (bytes: string, type: string) =>
    db.prepare<[number, string], { bytes: Uint8Array; type: string }>(
      `SELECT ${bytes} AS bytes, ${type} AS type FROM items i JOIN images m ON m.item = i.key
       WHERE i.collection = ? AND i.id = ?`,
    )
  const raw = <Arguments extends unknown[]>(sql: string) =>
    db.prepare<Arguments, [key: number, wanted: number]>(sql).raw()
  return {
    original: image(
      'CASE WHEN original_type IS NULL THEN rendition ELSE original END',
      'coalesce(original_type, rendition_type)',
    ),
    rendition: image(
      'CASE WHEN rendition_type IS NULL THEN original ELSE rendition END',
      'coalesce(rendition_type, original_type)',
    ),
    stored: db.prepare<[number], { id: string; revision: number; rendition: Uint8Array }>(
      `SELECT i.id, i.revision, CASE WHEN rendition_type IS NULL THEN original ELSE rendition END AS rendition
       FROM items i JOIN images m ON m.item = i.key WHERE i.key = ?`,
    ),
    withImage: raw<[number, number, number]>(
      'SELECT key, 1 FROM items WHERE collection = ? AND has_image = 1 AND key > ? ORDER BY key LIMIT ?',
    ),
    lacking: raw<[number, number, number, number]>(
      `SELECT key, NOT EXISTS (SELECT 1 FROM vectors WHERE item = items.key AND encoder = ?)
       FROM items WHERE collection = ? AND has_image = 1 AND key > ? ORDER BY key LIMIT ?`,
    ),
    count: db.prepare<[number], number>('SELECT images FROM collections WHERE key = ?').pluck(),
  }
}
