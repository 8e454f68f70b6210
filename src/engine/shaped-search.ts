import type { CollectionRecord, ItemFields } from '../core/backend.js'
import { LIMITS } from '../core/limits.js'
import type { SearchAnswer, SearchPlan, SearchResult } from '../core/types.js'
import { diversify, stretched } from '../query/diversify.js'
import { meanDirection } from '../query/rocchio.js'
import type { EngineContext } from './engine-context.js'
import { asksByExamples, type CheckedExamples, checkExamples, resolveExamples } from './examples.js'
import { asksJudgements } from './filters.js'
import { findInMode, type SearchCall } from './hybrid-search.js'
import { type Asked, type Found, judgeAnswer } from './judge-answer.js'
import { Pace, throwIfAborted } from './pace.js'
import { type Bound, RankedFeed, readGroups } from './ranked-feed.js'
import { examplesSource, type RankedSource, requestSource } from './ranked-source.js'
import { checkFields, invalid } from './requests.js'
import { requestHash, writeCursor } from './search-cursor.js'
import { type CheckedRequest, checkRequest, MODE_FIELDS } from './search-mode.js'
import type { AnswerFields, CheckedSearch } from './search-request.js'
import { checkShape, type SearchShape, SHAPE_FIELDS } from './search-shape.js'

type CheckedQuestion = CheckedRequest | { mode: 'examples'; examples: CheckedExamples; search: CheckedSearch }

/** A checked search: how items are ranked, and what becomes of the ranking. */
export interface CheckedWhole {
  asked: CheckedQuestion
  /** Undefined: the first k are answered. */
  shape: SearchShape | undefined
  hash: () => string
}

const ALL_FIELDS: ReadonlySet<string> = new Set([...MODE_FIELDS, ...SHAPE_FIELDS])
/** How many candidates are looked at for diverse results: so many times k, but not more than a bound. */
const POOL_FACTOR = 5
const POOL_MOST = 500
/** Values of each facet. */
const FACET_VALUES = 10

/** Checks a search request of any kind. @throws EngineError INVALID_REQUEST naming the field, … */
export function checkWhole(input: unknown, record: CollectionRecord): CheckedWhole {
  const request = checkFields(input, ALL_FIELDS, 'search request')
  const { given, rest } = withoutShape(request)
  const hash = (): string => requestHash(request, record)
  const asked = asksByExamples(rest.query) ? checkByExamples(rest, record) : checkRequest(rest, record)
  const { k } = answerFields(asked)
  const { ef, targetRecall } = asked.mode === 'keyword' ? {} : asked.search
  const shape = checkShape(given, { k, mode: asked.mode, ef, targetRecall, hash })
  return { asked, shape, hash }
}

function withoutShape(request: Record<string, unknown>): Record<'given' | 'rest', Record<string, unknown>> {
  if (!SHAPE_FIELDS.some((field) => field in request)) return { given: {}, rest: request }
  const { minScore, maxDistance, offset, cursor, groupBy, groupSize, diversity, ...rest } = request
  return { given: { minScore, maxDistance, offset, cursor, groupBy, groupSize, diversity }, rest }
}

function checkByExamples(rest: Record<string, unknown>, record: CollectionRecord): CheckedQuestion {
  const { mode, fusion, alpha, ...request } = rest
  if (mode !== undefined && mode !== 'dense') {
    throw invalid('mode', 'mode must be "dense" or left out for a query by examples, which compares vectors')
  }
  const odd = Object.entries({ fusion, alpha }).find(([, value]) => value !== undefined)
  if (odd)
    throw invalid(odd[0], `${odd[0]} is of hybrid search; examples of several spaces are joined by ranks`)
  const examples = checkExamples(request, record)
  return { mode: 'examples', examples, search: examples.search }
}

function answerFields(asked: CheckedQuestion): AnswerFields {
  return asked.mode === 'keyword' ? asked : asked.search
}

/** Answers a checked search of any kind, judges it, and counts the values that were asked for among all that match. */
export async function answerWhole(
  context: EngineContext,
  record: CollectionRecord,
  whole: CheckedWhole,
  call: Omit<SearchCall, 'found'>,
): Promise<SearchAnswer> {
  throwIfAborted(call.signal)
  const { facets: fields, where } = answerFields(whole.asked)
  if (where && asksJudgements(where)) await context.detections.judged(record.name, where)
  if (fields.length === 0) return answerJudged(context, record, whole, call)
  const [answer, facets] = await Promise.all([
    answerJudged(context, record, whole, call),
    context.backend.facets(record.name, { fields, where, limit: FACET_VALUES }),
  ])
  return { ...answer, facets }
}

async function answerJudged(
  context: EngineContext,
  record: CollectionRecord,
  whole: CheckedWhole,
  call: Omit<SearchCall, 'found'>,
): Promise<SearchAnswer> {
  const { asked, shape } = whole
  const found: Found = {}
  const noted = { ...call, found }
  const answer =
    shape || asked.mode === 'examples'
      ? await answerShaped(context, record, whole, noted)
      : await findInMode(context, record, asked, noted)
  const judged = await judgeAnswer(context, record, answer, { asked: judgedBy(asked), found })
  judged.tookMs = performance.now() - call.began
  return judged
}

/** What of a question matters to whether it was answered. */
function judgedBy(asked: CheckedQuestion): Asked {
  if (asked.mode === 'keyword') return asked
  const { query, calibrated } = asked.search
  const words = asked.mode === 'hybrid' ? asked.words : undefined
  return {
    calibrated,
    words,
    ...(asked.mode !== 'examples' && query.kind === 'text' ? { text: query.text } : {}),
  }
}

async function answerShaped(
  context: EngineContext,
  record: CollectionRecord,
  { asked, shape, hash }: CheckedWhole,
  call: SearchCall,
): Promise<SearchAnswer> {
  const { k, fields } = answerFields(asked)
  const source = await sourceOf(context, record, prepared(asked, shape), call)
  if (!source.space && asked.mode === 'examples') refuseJoint(shape)
  const bound = boundOf(shape)
  const answer = (
    results: SearchResult[],
    { plan, ranked, cursor }: { plan: SearchPlan | undefined; ranked: number; cursor?: string },
  ): SearchAnswer => {
    // what is beyond the bounds, or in no group, answers nothing
    if (ranked === 0) Object.assign(call.found ?? {}, { dense: undefined, keyword: undefined })
    return {
      results,
      ...(cursor === undefined ? {} : { cursor }),
      tookMs: performance.now() - call.began,
      plan: plan ?? { mode: 'dense', strategy: 'exact', scanned: 0 },
    }
  }
  if (shape?.diversity !== undefined && source.space) {
    const pool = poolSize(k, source.space.dim)
    const { results, plan } = await source.list(pool)
    const within = bound ? results.filter(bound) : results
    const lambda = 1 - shape.diversity
    const chosen = await chooseDiverse(context, record, within, { source, plan, k, lambda }, call)
    return answer(chosen, { plan, ranked: within.length })
  }
  const start = shape?.start ?? 0
  const paged = shape?.start !== undefined
  const end = Math.min(LIMITS.k, start + k)
  // one more tells whether another page follows
  const count = paged ? end + 1 : end
  const next = (length: number): string | undefined =>
    paged && length > end && end < LIMITS.k ? writeCursor(end, hash()) : undefined
  if (shape?.groupBy !== undefined) {
    const { groupBy: field, groupSize: size } = shape
    const { groups, plan } = await readGroups(source, { field, size, count, bound, paged })
    const results = groups
      .slice(start, end)
      .flatMap(({ value, members }) => members.map((result) => withGroup(result, value, fields)))
    return answer(results, { plan, ranked: groups.length, cursor: next(groups.length) })
  }
  const feed = new RankedFeed(source, { bound, paged })
  await feed.reach(count)
  const { results, plan } = feed
  return answer(results.slice(start, end), { plan, ranked: results.length, cursor: next(results.length) })
}

/** Reads what the shape needs, and compares every vector where a part of the list must be exactly that. */
function prepared(asked: CheckedQuestion, shape: SearchShape | undefined): CheckedQuestion {
  const groups = shape?.groupBy !== undefined
  const withFields = (fields: ItemFields): ItemFields => (groups ? { ...fields, metadata: true } : fields)
  if (asked.mode === 'keyword') return { ...asked, fields: withFields(asked.fields) }
  const { search } = asked
  const exact = search.exact || shape?.start !== undefined || shape?.maxDistance !== undefined
  return { ...asked, search: { ...search, exact, fields: withFields(search.fields) } }
}

async function sourceOf(
  context: EngineContext,
  record: CollectionRecord,
  asked: CheckedQuestion,
  call: SearchCall,
): Promise<RankedSource> {
  if (asked.mode !== 'examples') return requestSource(context, record, asked, call)
  const resolved = await resolveExamples(context, record, asked.examples, call.signal)
  return examplesSource(context, record, asked.search, resolved, call)
}

/** @throws EngineError INVALID_REQUEST for what needs the vectors of one space */
function refuseJoint(shape: SearchShape | undefined): void {
  for (const field of ['maxDistance', 'diversity'] as const) {
    if (shape?.[field] === undefined) continue
    const message = `${field} is of one space, and the examples are of several; give them one space`
    throw invalid(field, message)
  }
}

function boundOf(shape: SearchShape | undefined): Bound | undefined {
  if (shape?.minScore === undefined && shape?.maxDistance === undefined) return undefined
  const { minScore = Number.NEGATIVE_INFINITY, maxDistance = Number.POSITIVE_INFINITY } = shape
  return ({ score, distance = Number.NEGATIVE_INFINITY }) => score >= minScore && distance <= maxDistance
}

function withGroup(result: SearchResult, group: SearchResult['group'], fields: ItemFields): SearchResult {
  const { metadata, ...rest } = result
  return fields.metadata ? { ...rest, group, metadata } : { ...rest, group }
}

/** At most 40 million multiplications, unless k alone takes more. */
function poolSize(k: number, dim: number): number {
  return Math.max(k, Math.min(POOL_FACTOR * k, POOL_MOST, Math.floor(4e7 / (k * dim))))
}

async function chooseDiverse(
  context: EngineContext,
  record: CollectionRecord,
  results: readonly SearchResult[],
  options: { source: RankedSource; plan: SearchPlan; k: number; lambda: number },
  { signal }: SearchCall,
): Promise<SearchResult[]> {
  const { source, plan, k, lambda } = options
  const ids = results.map(({ id }) => id)
  const items = await context.backend.get(record.name, ids, { vectors: true })
  const scores = results.map(({ score }) => score)
  // a cosine can be weighed against cosines as it is
  const isCosine = plan.mode === 'dense' && plan.metric === 'cosine'
  const relevances = isCosine ? scores : stretched(scores)
  const candidates = results.map(({ id }, i) => ({
    relevance: relevances[i] ?? 0,
    vector: meanDirection(items.get(id)?.vectors?.[source.space?.name ?? ''] ?? []),
  }))
  const chosen: SearchResult[] = []
  const pace = new Pace(signal)
  for (const i of diversify(candidates, { k, lambda })) {
    const result = results[i]
    if (result) chosen.push(result)
    if (pace.due) await pace.rest()
  }
  return chosen
}
