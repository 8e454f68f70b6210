import { countBelow } from '../../core/ascending.js'
import type { Facets } from '../../core/backend.js'
import { valuesAt } from '../../core/field-values.js'
import type { Json, Metadata } from '../../core/types.js'
import { AnomalyReader } from './anomaly-reader.js'
import { DetectionReader } from './detection-reader.js'
import { plainValues } from './field-column.js'
import { FilterIndex } from './filter-index.js'
import type {
  FacetsRequest,
  FilterQuestion,
  FilterRequest,
  ListPage,
  MatchingKeys,
} from './filter-messages.js'
import { ItemReader } from './item-reader.js'
import { conditionOf, ItemScan, type Pause } from './item-scan.js'
import { matchingId } from './matching-id.js'
import { readWrites } from './schema.js'
import { slotsOf } from './slot-bits.js'
import { type Connection, openDatabase } from './sqlite.js'

export type { Pause } from './item-scan.js'

/** Keys looked at before the thread looks at what else there is to do. */
const KEYS_BETWEEN_TURNS = 256

/** What the filter thread answers, over a read-only connection of its own. */
export class FilterAnswers {
  readonly #db: Connection
  readonly #anomalies: AnomalyReader
  readonly #items: ItemReader
  /** By collection. */
  readonly #indexes = new Map<number, FilterIndex>()

  constructor(path: string) {
    this.#db = openDatabase(path, { readonly: true })
    this.#db.pragma('cache_size = -16000')
    this.#anomalies = new AnomalyReader(this.#db, new DetectionReader(this.#db))
    this.#items = new ItemReader(this.#db, this.#anomalies)
  }

  /** What it is told of slots it takes over before it returns; only then it may wait. */
  answer(request: FilterRequest, pause: Pause): unknown {
    switch (request.op) {
      case 'resolve': {
        const index = this.#index(request.collection)
        index.apply(request.changes)
        return index.resolve(request, request.base, pause)
      }
      case 'prepare': {
        const index = this.#index(request.collection)
        index.apply(request.changes)
        return index.ready()
      }
      case 'count':
        return this.#count(request.collection, request, pause)
      case 'keysOf': {
        const index = this.#index(request.collection)
        index.apply(request.changes)
        return index.sharedKeys(new Uint32Array(request.bits))
      }
      case 'keys':
        return this.#keys(request.collection, request, pause)
      case 'list':
        return this.#list(request, pause)
      case 'strangest': {
        const { version, query } = request
        return this.#anomalies.strangest(version, query, conditionOf(request))
      }
      case 'facets': {
        const index = request.changes && this.#index(request.collection)
        if (index && request.changes) index.apply(request.changes)
        return this.#facets(request, index, pause)
      }
      case 'forget':
        return void this.#indexes.delete(request.collection)
    }
  }

  #index(collection: number): FilterIndex {
    let index = this.#indexes.get(collection)
    if (!index) {
      index = new FilterIndex(this.#db, collection)
      this.#indexes.set(collection, index)
    }
    return index
  }

  async #count(collection: number, question: FilterQuestion, pause: Pause): Promise<number> {
    let count = 0
    const scan = new ItemScan(this.#db, collection)
    await scan.each({ columns: 'count(*)', question, pause }, ([row]) => {
      count += Number(row?.[0])
    })
    return count
  }

  async #keys(collection: number, question: FilterQuestion, pause: Pause): Promise<MatchingKeys> {
    const seq = readWrites(this.#db)
    const keys: number[] = []
    const scan = new ItemScan(this.#db, collection)
    await scan.each<[number]>({ columns: 'key', question, pause }, (rows) => {
      for (const [key] of rows) keys.push(key)
    })
    const shared = new Float64Array(new SharedArrayBuffer(8 * keys.length))
    shared.set(keys)
    return { keys: shared, seq }
  }

  async #list(request: Extract<FilterRequest, { op: 'list' }>, pause: Pause): Promise<ListPage> {
    const { collection, after, limit, known } = request
    const keys: number[] = []
    if (known) {
      const idOf = matchingId(this.#db, collection.key, { question: request, ...known })
      for (let at = countBelow(known.keys, after + 1); at < known.keys.length && keys.length <= limit; at++) {
        const key = known.keys[at] as number
        if (idOf(key) !== undefined) keys.push(key)
        if (at % KEYS_BETWEEN_TURNS === 0) await pause()
      }
      return this.#items.page(collection, keys, request)
    }
    const scan = new ItemScan(this.#db, collection.key)
    await scan.each<[number]>({ columns: 'key', question: request, after, pause }, (rows) => {
      for (const [key] of rows) keys.push(key)
      return keys.length <= limit
    })
    return this.#items.page(collection, keys, request)
  }

  async #facets(request: FacetsRequest, index: FilterIndex | undefined, pause: Pause): Promise<Facets> {
    const counts = new Map(request.fields.map((name) => [name, new Map<Json, number>()]))
    let others = [...request.fields]
    let keys: Float64Array | undefined
    if (index) {
      await index.ready()
      const { bits } = await index.resolve(request.question, undefined, pause)
      const slots = slotsOf(new Uint32Array(bits))
      others = others.filter((name) => {
        const column = index.column(name)
        column?.eachValue(slots, (value) => addOne(counts.get(name), value))
        return !column
      })
      if (slots.length < index.items / 2) keys = index.keysOf(slots)
    }
    if (others.length > 0) {
      const fields = others.map((name) => ({ path: name.split('.'), count: counts.get(name) }))
      const add = ([json]: [string]): void => {
        const metadata = JSON.parse(json) as Metadata
        for (const { path, count } of fields) {
          for (const value of plainValues(valuesAt(metadata, path).values)) addOne(count, value)
        }
      }
      const scan = new ItemScan(this.#db, request.collection)
      const { question } = request
      if (keys)
        await scan.those<[string]>({ columns: 'metadata', question, keys, pause }, (rows) =>
          rows.forEach(add),
        )
      else await scan.each<[string]>({ columns: 'metadata', question, pause }, (rows) => rows.forEach(add))
    }
    return Object.fromEntries([...counts].map(([name, count]) => [name, mostFrequent(count, request.limit)]))
  }
}

function addOne(counts: Map<Json, number> | undefined, value: Json): void {
  counts?.set(value, (counts.get(value) ?? 0) + 1)
}

/** The most frequent first; of equally frequent ones in the order of their JSON. */
function mostFrequent(counts: ReadonlyMap<Json, number>, limit: number): { value: Json; count: number }[] {
  const all = Array.from(counts, ([value, count]) => ({ value, count, name: JSON.stringify(value) }))
  all.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  return all.slice(0, limit).map(({ value, count }) => ({ value, count }))
}
