import type { FilterQuestion } from './filter-messages.js'
import { filterSql, type SqlValue } from './filter-sql.js'
import type { Connection } from './sqlite.js'

/** Items that a statement looks at before the thread looks at what else there is to do: at first, and at most. */
const FIRST_CHUNK = 125
const MOST_CHUNK = 4_000
/** A chunk that took longer is followed by a smaller one, so that a costly filter does not keep the thread to itself. */
const CHUNK_MS = 20

/** Lets others have their turn. @throws EngineError where nobody waits for the answer any more, or it takes too long */
export type Pause = () => Promise<void>

/** Goes through a collection's items of which a filter holds, in the order of their keys, chunk by chunk. */
export class ItemScan {
  readonly #db: Connection
  readonly #collection: number
  readonly #nextBorder: ReturnType<typeof prepareBorder>

  constructor(db: Connection, collection: number) {
    this.#db = db
    this.#collection = collection
    this.#nextBorder = prepareBorder(db)
  }

  /** Calls back with each chunk's rows: arrays of the `columns`. @param visit ends the scan by returning false */
  async each<Row extends unknown[]>(
    options: { columns: string; question?: FilterQuestion | undefined; after?: number; pause: Pause },
    visit: (rows: Row[]) => unknown,
  ): Promise<void> {
    const { columns, question, pause } = options
    const { sql, parameters } = conditionOf(question)
    const statement = this.#db
      .prepare<[Record<string, SqlValue>], Row>(
        `SELECT ${columns} FROM items WHERE collection = @collection AND key > @after AND key <= @last
         AND ${sql} ORDER BY key`,
      )
      .raw()
    const collection = this.#collection
    const chunk = new ChunkSize()
    for (let after = options.after ?? 0; ; ) {
      const border = this.#nextBorder.get(collection, after, chunk.size - 1)
      const last = border ?? Number.MAX_SAFE_INTEGER
      const rows = chunk.measure(() => statement.all({ ...parameters, collection, after, last }))
      if (visit(rows) === false) return
      if (border === undefined) return
      after = border
      await pause()
    }
  }

  /** As {@link each}, of those of the `keys` whose items are there and match; in any order. */
  async those<Row extends unknown[]>(
    options: { columns: string; question: FilterQuestion | undefined; keys: Float64Array; pause: Pause },
    visit: (rows: Row[]) => void,
  ): Promise<void> {
    const { columns, question, keys, pause } = options
    const { sql, parameters } = conditionOf(question)
    const statement = this.#db
      .prepare<[Record<string, SqlValue>], Row>(
        `SELECT ${columns} FROM json_each(@keys) asked
         CROSS JOIN items ON items.key = asked.value AND items.collection = @collection WHERE ${sql}`,
      )
      .raw()
    const collection = this.#collection
    const chunk = new ChunkSize()
    for (let from = 0; from < keys.length; ) {
      if (from > 0) await pause()
      const some = keys.subarray(from, from + chunk.size)
      from += some.length
      const asked = JSON.stringify(Array.from(some))
      visit(chunk.measure(() => statement.all({ ...parameters, keys: asked, collection })))
    }
  }
}

/** How many items the next statement looks at, by how long the one before took. */
class ChunkSize {
  size = FIRST_CHUNK

  measure<T>(read: () => T): T {
    const began = performance.now()
    const answer = read()
    const factor = performance.now() - began > CHUNK_MS ? 1 / 2 : 2
    this.size = Math.min(MOST_CHUNK, Math.max(1, Math.floor(this.size * factor)))
    return answer
  }
}

/** The SQL of a filter that may not be there. */
export function conditionOf(question: FilterQuestion | undefined): ReturnType<typeof filterSql> {
  if (!question) return { sql: '1', parameters: {} }
  return filterSql(question.filter, question)
}

function prepareBorder(db: Connection) {
  return db
    .prepare<[number, number, number], number>(
      'SELECT key FROM items WHERE collection = ? AND key > ? ORDER BY key LIMIT 1 OFFSET ?',
    )
    .pluck()
}
