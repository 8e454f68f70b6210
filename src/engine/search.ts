import type { CollectionRecord, Hit, NearestAnswer, StoredItem } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { scoreOf } from '../core/metrics.js'
import type { SearchAnswer, SearchResult } from '../core/types.js'
import { type EngineContext, isEncoded, loadSpaceEncoder } from './engine-context.js'
import { throwIfAborted } from './pace.js'
import { invalid, show } from './requests.js'
import type { CheckedSearch } from './search-request.js'
import { showVectors } from './show-item.js'

/** How often a search is repeated because items it found were removed before they could be read. */
const MAX_ROUNDS = 4

/**
 * Answers a checked search.
 *
 * @param began when the request came, by `performance.now()`
 */
export async function runSearch(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  { signal, began }: { signal?: AbortSignal; began: number },
): Promise<SearchAnswer> {
  throwIfAborted(signal)
  const { query, space, metric, fields } = search
  const vectors =
    query.kind === 'vector' ? [query.vector] : await queryVectors(context, record, search, signal)
  const exclude = query.kind === 'id' ? [query.id] : undefined
  const passages = isEncoded(space)
  const reads = passages || fields.metadata || fields.text || fields.vectors
  let k = search.k
  for (let round = 1; ; round++) {
    const answer = await context.backend.nearest(record.name, {
      space: space.name,
      encoder: space.encoder,
      vectors,
      metric,
      k,
      exact: search.exact,
      ef: search.ef,
      exclude,
      signal,
    })
    if (!reads)
      return toAnswer(
        search,
        answer,
        answer.hits.map((hit) => toResult(hit, search)),
        began,
      )

    const ids = answer.hits.map((hit) => hit.id)
    const items = await context.backend.get(record.name, ids, { ...fields, text: fields.text || passages })
    // gone, or written anew since: then the passage found is not of the text read
    for (const { id, revision } of answer.hits) {
      if (revision !== undefined && items.get(id)?.revision !== revision) items.delete(id)
    }
    const missing = ids.length - items.size
    if (missing === 0 || ids.length < k || items.size >= search.k || round === MAX_ROUNDS) {
      const results = answer.hits.flatMap((hit) => {
        const item = items.get(hit.id)
        return item ? [toFullResult(hit, item, search)] : []
      })
      return toAnswer(search, answer, results.slice(0, search.k), began)
    }
    k += missing
  }
}

async function queryVectors(
  context: EngineContext,
  record: CollectionRecord,
  { query, space, metric }: CheckedSearch,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  if (query.kind === 'vector') return [query.vector]
  if (query.kind === 'text') {
    if (!isEncoded(space)) throw invalid('query.text', `space "${space.name}" has no encoder`)
    const encoder = await loadSpaceEncoder(context, space)
    const encoded = await encoder.encode([query.text], { as: 'query', signal })
    return encoded.map((text) => text.vector)
  }
  const items = await context.backend.get(record.name, [query.id], { vectors: true })
  const item = items.get(query.id)
  if (!item) {
    const message = `collection "${record.name}" has no item ${show(query.id)}`
    throw new EngineError('ITEM_NOT_FOUND', message, { details: { field: 'query.id', id: query.id } })
  }
  const vectors = item.vectors?.[space.name] ?? []
  if (vectors.length === 0) {
    throw invalid('query.id', `item ${show(query.id)} has no vector in space "${space.name}"`)
  }
  if (metric === 'cosine' && vectors.some((vector) => vector.every((x) => x === 0))) {
    const message = `item ${show(query.id)} has a zero vector, which has no direction for cosine; ask with another metric`
    throw new EngineError('ZERO_VECTOR', message, { details: { field: 'query.id', id: query.id } })
  }
  return vectors
}

function toResult(hit: Hit, { metric }: CheckedSearch): SearchResult {
  return { id: hit.id, score: scoreOf(metric, hit.distance), distance: hit.distance }
}

function toFullResult(hit: Hit, item: StoredItem, search: CheckedSearch): SearchResult {
  const { fields, space } = search
  const result = toResult(hit, search)
  if (fields.metadata) result.metadata = item.metadata ?? {}
  if (fields.text) result.text = item.text ?? null
  if (fields.vectors) result.vectors = showVectors(item.vectors)
  if (space.encoder !== null && item.text != null) result.passage = item.text.slice(hit.start, hit.end)
  return result
}

function toAnswer(
  { space, metric }: CheckedSearch,
  { strategy, ef, scanned }: NearestAnswer,
  results: SearchResult[],
  began: number,
): SearchAnswer {
  const plan = { strategy, space: space.name, metric, scanned, ...(ef === undefined ? {} : { ef }) }
  return { results, tookMs: performance.now() - began, plan }
}
