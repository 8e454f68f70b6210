import type { KeywordClause, KeywordMatch, KeywordPhrase, KeywordQuery } from '../../core/keyword-query.js'
import type { Metadata } from '../../core/types.js'
import { matchText } from '../../query/match-text.js'
import type { ItemKeys } from './filter-messages.js'
import { firstVarint } from './first-varint.js'
import { hasKey } from './item-keys.js'
import { clauseCount, keywordPlan } from './keyword-plan.js'
import { keywordTable, parsePaths } from './keyword-table.js'
import { matchingId } from './matching-id.js'
import type { KeywordRequest, MatchRequest } from './query-messages.js'
import type { Connection } from './sqlite.js'

/** Of more different words that may be found, the rarest are asked. */
const MOST_WORDS = 64
const COUNTS_KEPT = 10_000

/** Statements of one collection. */
interface KeywordStatements {
  /** Items that bm25() reckons with: all that were ever added since the index was made. */
  items: () => number
  count: (phrase: KeywordPhrase) => number
  best: (expression: string, k: number, among: ItemKeys | undefined) => Scored[]
  /** To be called when the database has changed: counts are remembered. */
  forget: () => void
}

interface Scored {
  key: number
  score: number
}

/** Reads keyword indexes. Lives in the query thread, each call within a transaction. */
export class KeywordSearch {
  readonly #db: Connection
  readonly #sql: ReturnType<typeof prepare>
  readonly #statements = new Map<number, KeywordStatements>()
  /** The items that a statement finds, where those are not all. */
  #among: ItemKeys = new Float64Array(new SharedArrayBuffer(0))
  /** Changes with every commit of another connection. */
  #version = -1

  constructor(db: Connection) {
    this.#db = db
    this.#sql = prepare(db)
    db.function('kindred_among', (key) => Number(hasKey(this.#among, key as number)))
  }

  /** At most k items, the best first; ties in the order of first writing. */
  search({ collection, query, k, matching }: KeywordRequest): { id: string; score: number }[] {
    if (this.#sql.paths.get(collection) === undefined) {
      this.#statements.delete(collection)
      return []
    }
    const version = Number(this.#sql.version.get())
    if (version !== this.#version) for (const { forget } of this.#statements.values()) forget()
    this.#version = version
    const statements = this.#of(collection)
    if (!matching) return withIds(this.#best(statements, query, k, undefined), (key) => this.#sql.id.get(key))
    this.#among = matching.keys
    const idOf = remembering(matchingId(this.#db, collection, matching))
    // what was written since the filter was looked up may not match any more: then more is asked for
    for (let depth = k; ; ) {
      const found = this.#best(statements, query, depth, this.#among)
      const hits = withIds(found, idOf)
      if (hits.length >= k || found.length < depth) return hits.slice(0, k)
      depth += found.length - hits.length
    }
  }

  /** Where the words stand in items that are there. */
  match({ collection, query, items }: MatchRequest): [id: string, match: KeywordMatch][] {
    const paths = parsePaths(this.#sql.paths.get(collection))
    return items.flatMap(({ id, part }): [string, KeywordMatch][] => {
      const row = this.#sql.item.get(collection, id)
      if (!row) return []
      const item = { text: row.text, metadata: JSON.parse(row.metadata) as Metadata, paths }
      return [[id, { revision: row.revision, ...matchText(query, item, part) }]]
    })
  }

  #best(
    { items, count, best: bestOf }: KeywordStatements,
    query: KeywordQuery,
    k: number,
    among: ItemKeys | undefined,
  ): Scored[] {
    const best = (match: string, most: number): Scored[] => bestOf(match, most, among)
    const { all, none } = query
    const ask = (must: string, may: readonly KeywordClause[]): Scored[] => {
      const rest = none.length > 0 ? ` NOT ${anyOf(none)}` : ''
      const bare = best(`${must}${rest}`, k)
      if (may.length === 0 || bare.length === 0) return bare
      // those that have some of what may be found have their whole score in the second list, the others in the first
      return merge(best(`(${must} AND ${anyOf(may)})${rest}`, k), bare).slice(0, k)
    }
    const counted = query.any.map((clause) => ({ clause, counts: clause.phrases.map(count) }))
    const found = counted.filter((clause) => clauseCount(clause) > 0)
    const words = found.sort((a, b) => clauseCount(a) - clauseCount(b)).slice(0, MOST_WORDS)
    if (all.length > 0) {
      const must = all.map((clause) => anyOf([clause])).join(' AND ')
      return ask(
        `(${must})`,
        words.map(({ clause }) => clause),
      )
    }
    if (words.length === 0) return []
    for (const { must, may, bound } of keywordPlan(words, items())) {
      const answer = ask(anyOf(must), may)
      if (may.length === 0 || (answer.at(k - 1)?.score ?? 0) > bound) return answer
    }
    return []
  }

  #of(collection: number): KeywordStatements {
    let statements = this.#statements.get(collection)
    if (!statements) {
      statements = prepareCollection(this.#db, collection)
      this.#statements.set(collection, statements)
    }
    return statements
  }
}

/** Two lists of the same items, the best first, each item with the better of its scores. */
function merge(a: readonly Scored[], b: readonly Scored[]): Scored[] {
  const scores = new Map<number, number>()
  for (const { key, score } of [...a, ...b]) scores.set(key, Math.max(score, scores.get(key) ?? 0))
  return Array.from(scores, ([key, score]) => ({ key, score })).sort(
    (x, y) => y.score - x.score || x.key - y.key,
  )
}

function withIds(
  found: readonly Scored[],
  idOf: (key: number) => string | undefined,
): { id: string; score: number }[] {
  return found.flatMap(({ key, score }) => {
    const id = idOf(key)
    return id === undefined ? [] : [{ id, score }]
  })
}

function remembering<T>(read: (key: number) => T): (key: number) => T {
  const known = new Map<number, { value: T }>()
  return (key) => {
    const { value } = known.get(key) ?? { value: read(key) }
    known.set(key, { value })
    return value
  }
}

function anyOf(clauses: readonly KeywordClause[]): string {
  return `(${clauses.flatMap(({ phrases }) => phrases.map(expression)).join(' OR ')})`
}

/** Terms hold no quotation marks: they are letters, digits, and what is not ASCII. */
function expression({ within, terms, prefix }: KeywordPhrase): string {
  const columns = within === 'words' ? '{text fields}' : '{grams}'
  return `${columns} : "${terms.join(' ').replaceAll('"', '""')}"${prefix ? ' *' : ''}`
}

function prepare(db: Connection) {
  return {
    version: db.prepare<[], number>('PRAGMA data_version').pluck(),
    paths: db.prepare<[number], string>('SELECT keywords FROM collections WHERE key = ?').pluck(),
    id: db.prepare<[number], string>('SELECT id FROM items WHERE key = ?').pluck(),
    item: db.prepare<[number, string], { revision: number; metadata: string; text: string | null }>(
      'SELECT revision, metadata, text FROM items WHERE collection = ? AND id = ?',
    ),
  }
}

function prepareCollection(db: Connection, collection: number): KeywordStatements {
  const table = keywordTable(collection)
  const averages = db.prepare<[], Uint8Array>(`SELECT block FROM ${table}_data WHERE id = 1`).pluck()
  const count = db.prepare<[string], number>(`SELECT count(*) FROM ${table} WHERE ${table} MATCH ?`).pluck()
  // half a weight for what is found by its characters: a word that only begins or ends like it is found as well
  const prepareBest = (condition: string) =>
    db.prepare<[string, number], Scored>(
      `SELECT rowid AS key, -bm25(${table}, 1.0, 1.0, 0.5) AS score FROM ${table} WHERE ${table} MATCH ?
       ${condition} ORDER BY score DESC, rowid LIMIT ?`,
    )
  const best = prepareBest('')
  const bestAmong = prepareBest('AND kindred_among(rowid)')
  const counts = new Map<string, number>()
  const remembered = (key: string, read: () => number | undefined): number => {
    const known = counts.get(key)
    if (known !== undefined) return known
    const value = read() ?? 0
    if (counts.size >= COUNTS_KEPT) counts.clear()
    counts.set(key, value)
    return value
  }
  return {
    items: () => remembered('', () => firstVarint(averages.get())),
    count: (phrase) => {
      const match = expression(phrase)
      return remembered(match, () => count.get(match))
    },
    best: (match, k, among) => (among ? bestAmong : best).all(match, k),
    forget: () => counts.clear(),
  }
}
