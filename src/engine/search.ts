import type {
  CollectionRecord,
  FilteredPlan,
  Hit,
  ItemFields,
  NearestAnswer,
  SpaceRecord,
  StoredItem,
} from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { type Metric, scoreOf } from '../core/metrics.js'
import type { SearchAnswer, SearchPlan, SearchResult } from '../core/types.js'
import { type EngineContext, isTextSpace, loadSpaceEncoder } from './engine-context.js'
import { rechecked } from './filters.js'
import { currentVersion } from './image-table.js'
import { renderImage } from './item-image.js'
import type { Found } from './judge-answer.js'
import { throwIfAborted } from './pace.js'
import { invalid, show } from './requests.js'
import type { CheckedQuery, CheckedSearch } from './search-request.js'
import { showAnomaly, showVectors } from './show-item.js'

/** How often a search is repeated because items it found were removed before they could be read. */
const MAX_ROUNDS = 4

/**
 * Answers a checked search.
 *
 * @param began when the request came, by `performance.now()`
 * @param found is told what was the best
 */
export async function runSearch(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  { signal, began, found }: { signal?: AbortSignal; began: number; found?: Found },
): Promise<SearchAnswer> {
  throwIfAborted(signal)
  const { query, fields } = search
  const { vectors, space, metric } =
    query.kind === 'vector'
      ? given(search, query.vector)
      : await findQuestion(context, record, search, signal)
  const shown = { fields, space, metric }
  const exclude = excludedBy(query)
  const passages = isTextSpace(space)
  const reads = passages || fields.metadata || fields.text || fields.vectors || fields.anomaly
  const stillMatches = reads ? rechecked(search.where) : undefined
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
      targetRecall: search.targetRecall,
      where: search.where,
      exclude,
      // what is shown of a text is the passage that was found
      borders: passages,
      signal,
    })
    if (found) {
      found.space = space
      found.metric = metric
      found.dense = answer.hits[0]
    }
    if (!reads) {
      const results = answer.hits.map((hit) => toResult(hit, metric))
      return toAnswer(shown, answer, results, began)
    }
    const ids = answer.hits.map((hit) => hit.id)
    const items = await context.backend.get(record.name, ids, {
      ...fields,
      text: fields.text || passages,
      metadata: fields.metadata || stillMatches !== undefined,
    })
    // gone, or written anew since: then the passage found is not of the text read
    for (const { id, revision } of answer.hits) {
      if (revision !== undefined && items.get(id)?.revision !== revision) items.delete(id)
    }
    if (stillMatches) for (const [id, item] of items) if (!stillMatches(item)) items.delete(id)
    const missing = ids.length - items.size
    if (missing === 0 || ids.length < k || items.size >= search.k || round === MAX_ROUNDS) {
      const results = answer.hits.flatMap((hit) => {
        const item = items.get(hit.id)
        return item ? [toFullResult(hit, item, shown)] : []
      })
      return toAnswer(shown, answer, results.slice(0, search.k), began)
    }
    k += missing
  }
}

/** What a query never finds: what it names. */
function excludedBy(query: CheckedQuery): readonly string[] | undefined {
  if (query.kind === 'id') return [query.id]
  return query.kind === 'made' ? query.exclude : undefined
}

/** What is asked, where, and how it is compared. */
export interface Question {
  vectors: Float32Array[]
  space: SpaceRecord
  metric: Metric
}

/** How an answer is shown. */
interface Shown {
  fields: CheckedSearch['fields']
  space: SpaceRecord
  metric: Metric
}

function given({ space, metric }: CheckedSearch, vector: Float32Array): Question {
  return { vectors: [vector], space, metric: metric ?? defaultMetric(space) }
}

function defaultMetric(space: SpaceRecord): Metric {
  return space.metrics[0] ?? 'cosine'
}

/** Makes or reads the vectors that a search compares. */
export async function findQuestion(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  signal: AbortSignal | undefined,
): Promise<Question> {
  const { query, space } = search
  const metric = search.metric ?? defaultMetric(space)
  switch (query.kind) {
    case 'vector':
      return given(search, query.vector)
    case 'made':
      return { vectors: query.vectors, space, metric }
    case 'text': {
      if (!isTextSpace(space)) throw invalid('query.text', `space "${space.name}" has no encoder of texts`)
      const encoder = await loadSpaceEncoder(context, space)
      const encoded = await encoder.encode([query.text], { as: 'query', signal })
      return { vectors: encoded.map((text) => text.vector), space, metric }
    }
    case 'image': {
      const { rendition } = await renderImage(context.images, query.image, signal)
      const version = currentVersion(space)
      const vectors = await context.fitted.use(record.name, space.name, version, async (encoder) => {
        const encoded = await encoder.encode([rendition.bytes], { signal })
        return encoded.map((image) => image.vector)
      })
      return { vectors, space, metric }
    }
    case 'id':
      return vectorsOfItem(context, record, search, query.id)
  }
}

async function vectorsOfItem(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  id: string,
): Promise<Question> {
  const items = await context.backend.get(record.name, [id], { vectors: true })
  const item = items.get(id)
  if (!item) {
    const message = `collection "${record.name}" has no item ${show(id)}`
    throw new EngineError('ITEM_NOT_FOUND', message, { details: { field: 'query.id', id } })
  }
  const candidates = [search.space, ...search.others]
  const space = candidates.find(({ name }) => (item.vectors?.[name] ?? []).length > 0)
  if (!space) {
    const names = candidates.map(({ name }) => `"${name}"`).join(', ')
    throw invalid('query.id', `item ${show(id)} has no vector in space ${names}`)
  }
  const vectors = item.vectors?.[space.name] ?? []
  const metric = search.metric ?? defaultMetric(space)
  if (metric === 'cosine' && vectors.some((vector) => vector.every((x) => x === 0))) {
    const message = `item ${show(id)} has a zero vector, which has no direction for cosine; ask with another metric`
    throw new EngineError('ZERO_VECTOR', message, { details: { field: 'query.id', id } })
  }
  return { vectors, space, metric }
}

function toResult(hit: Hit, metric: Metric): SearchResult {
  return { id: hit.id, score: scoreOf(metric, hit.distance), distance: hit.distance }
}

function toFullResult(hit: Hit, item: StoredItem, { fields, space, metric }: Shown): SearchResult {
  const result = toResult(hit, metric)
  showFields(result, item, fields, space.name)
  if (isTextSpace(space) && item.text != null) result.passage = item.text.slice(hit.start, hit.end)
  return result
}

/** Puts the fields that were asked for into a result. */
export function showFields(result: SearchResult, item: StoredItem, fields: ItemFields, space?: string): void {
  if (fields.metadata) result.metadata = item.metadata ?? {}
  if (fields.text) result.text = item.text ?? null
  if (fields.vectors) result.vectors = showVectors(item.vectors)
  const anomaly = fields.anomaly ? showAnomaly(item, space) : undefined
  if (anomaly) result.anomaly = anomaly
}

function toAnswer(
  { space, metric }: Shown,
  { strategy, ef, scanned, filtered }: NearestAnswer,
  results: SearchResult[],
  began: number,
): SearchAnswer {
  const plan: SearchPlan = { mode: 'dense', strategy, space: space.name, metric, scanned }
  if (ef !== undefined) plan.ef = ef
  if (filtered) planFilter(plan, filtered)
  return { results, tookMs: performance.now() - began, plan }
}

/** Tells in a plan what was known of the search's filter. */
export function planFilter(
  plan: SearchPlan,
  { matches, selectivity, estimatedMs, resolved, hint }: FilteredPlan,
): void {
  plan.filter = { matches, selectivity, estimatedMs, resolved }
  if (hint !== undefined) plan.hint = hint
}
