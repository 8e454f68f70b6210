import type { FacetQuery, Facets, ListQuery, StoredAnomaly } from '../../core/backend.js'
import { conditionsOf, type Filter } from '../../core/filter.js'
import type { StrangestQuery } from './anomaly-reader.js'
import { type CollectionKeys, currentDetection, findCurrent } from './collection-keys.js'
import type { Collections } from './collections.js'
import type { FilterQuestion, ListPage, MatchingKeys, StrangestRows } from './filter-messages.js'
import type { FilterThread } from './filter-thread.js'
import { parseCursor } from './parse-cursor.js'

/** Everything but searches that asks which items a filter means; none of it runs on the thread that answers. */
export class FilteredReads {
  readonly #thread: FilterThread
  readonly #collections: Collections

  constructor(options: { thread: FilterThread; collections: Collections }) {
    this.#thread = options.thread
    this.#collections = options.collections
  }

  async count(keys: CollectionKeys, where: Filter): Promise<number> {
    const question = toQuestion(keys, where)
    const open = this.#collections.opened(keys)
    if (open) return (await open.filters.find(question)).matching.count
    return (await this.#thread.ask({ op: 'count', collection: keys.key, ...question })) as number
  }

  /** The items that match, as they were at some time after the call. */
  async matching(keys: CollectionKeys, question: FilterQuestion): Promise<MatchingKeys> {
    const open = this.#collections.opened(keys)
    if (open) return open.filters.keys(question)
    return (await this.#thread.ask({ op: 'keys', collection: keys.key, ...question })) as MatchingKeys
  }

  /** From what is known of the filter; else the items are read until the page is full. */
  async list(keys: CollectionKeys, query: ListQuery & { where: Filter }): Promise<ListPage> {
    const { limit, fields, cursor, where } = query
    const after = parseCursor(cursor)
    const question = toQuestion(keys, where)
    const filters = this.#collections.opened(keys)?.filters
    const known = filters?.knows(question) ? await filters.keys(question) : undefined
    const request = { op: 'list', collection: keys, after, limit, fields, known } as const
    return (await this.#thread.ask({ ...request, ...question })) as ListPage
  }

  facets(keys: CollectionKeys, { fields, where, limit }: FacetQuery): Promise<Facets> {
    const open = this.#collections.opened(keys)
    const question = where && toQuestion(keys, where)
    const changes = open?.filters.changes()
    const request = { op: 'facets', collection: keys.key, question, fields, limit, changes } as const
    const counted = this.#thread.ask(request)
    counted.catch(() => open?.filters.misunderstood())
    return counted as Promise<Facets>
  }

  strangest(
    keys: CollectionKeys,
    space: string,
    { where, ...query }: StrangestQuery & { where: Filter },
  ): Promise<(StoredAnomaly & { id: string })[]> {
    const version = findCurrent(keys, space)
    const request = { op: 'strangest', version, query } as const
    return this.#thread.ask({ ...request, ...toQuestion(keys, where) }) as Promise<StrangestRows>
  }
}

/** A filter with the encoder versions and detections that it looks at now. */
export function toQuestion(keys: CollectionKeys, filter: Filter): FilterQuestion {
  const encoderKeys: Record<string, number> = {}
  const detectionKeys: Record<string, number> = {}
  for (const { field } of conditionsOf(filter)) {
    if (field.kind !== 'anomaly') continue
    const current = keys.spaces.find(({ name }) => name === field.space)?.current
    const detection = currentDetection(current)
    if (current) encoderKeys[field.space] = current.encoderKey
    if (detection) detectionKeys[field.space] = detection.detectionKey
  }
  return { filter, encoderKeys, detectionKeys }
}
