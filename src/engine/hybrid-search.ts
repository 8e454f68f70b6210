import type { CollectionRecord, Hit, KeywordHit, NearestAnswer, StoredItem } from '../core/backend.js'
import type { KeywordMatch, KeywordQuery } from '../core/keyword-query.js'
import { LIMITS } from '../core/limits.js'
import { scoreOf } from '../core/metrics.js'
import type { SearchAnswer, SearchPlan, SearchResult } from '../core/types.js'
import { candidateCount, type Fused, fuse } from '../query/fusion.js'
import { type EngineContext, isTextSpace } from './engine-context.js'
import { rechecked } from './filters.js'
import type { Found } from './judge-answer.js'
import { throwIfAborted } from './pace.js'
import { findQuestion, planFilter, type Question, runSearch, showFields } from './search.js'
import type { CheckedRequest } from './search-mode.js'

/** How much deeper both lists are read where too many of their items are excluded, or gone. */
const DEEPER = 4

export interface SearchCall {
  /** To be told what the best were. */
  found?: Found
  signal?: AbortSignal
  /** When the request came, by `performance.now()`. */
  began: number
}

/** Answers a checked request in its mode: neither judged nor with its facets. */
export function findInMode(
  context: EngineContext,
  record: CollectionRecord,
  request: CheckedRequest,
  call: SearchCall,
): Promise<SearchAnswer> {
  if (request.mode === 'dense') return runSearch(context, record, request.search, call)
  if (request.mode === 'hybrid') return searchHybrid(context, record, request, call)
  return searchKeywords(context, record, request, call)
}

type HybridRequest = Extract<CheckedRequest, { mode: 'hybrid' }>
type KeywordRequest = Extract<CheckedRequest, { mode: 'keyword' }>

/** An item of an answer before it is shown. */
interface Candidate extends Omit<Fused, 'scores'> {
  scores?: Fused['scores']
  /** Where the dense part found it. */
  hit?: Hit
}

async function searchKeywords(
  context: EngineContext,
  record: CollectionRecord,
  { words, k, fields, where }: KeywordRequest,
  { signal, began, found: best = {} }: SearchCall,
): Promise<SearchAnswer> {
  throwIfAborted(signal)
  let results: SearchResult[] = []
  for (let depth = k; words; depth = Math.min(LIMITS.k, depth * DEEPER)) {
    const hits = await context.backend.keyword(record.name, { query: words, k: depth, where })
    best.keyword = hits[0]
    results = await showCandidates(context, record, hits, { words, k, fields, where })
    if (results.length >= k || hits.length < depth || depth >= LIMITS.k) break
  }
  return {
    results,
    tookMs: performance.now() - began,
    plan: { mode: 'keyword', strategy: 'keyword', scanned: 0 },
  }
}

async function searchHybrid(
  context: EngineContext,
  record: CollectionRecord,
  { search, words, fusion }: HybridRequest,
  { signal, began, found: best = {} }: SearchCall,
): Promise<SearchAnswer> {
  throwIfAborted(signal)
  const { k, fields, where } = search
  const asksDense = fusion.alpha > 0 || !words
  let question: Question | undefined
  for (let depth = candidateCount(k, LIMITS.k); ; depth = Math.min(LIMITS.k, depth * DEEPER)) {
    const askDense = async (): Promise<NearestAnswer | undefined> => {
      if (!asksDense) return undefined
      question ??= await findQuestion(context, record, search, signal)
      const { vectors, space, metric } = question
      const { exact, ef, targetRecall } = search
      const asked = {
        space: space.name,
        encoder: space.encoder,
        vectors,
        metric,
        k: depth,
        exact,
        ef,
        targetRecall,
        where,
        signal,
      }
      return context.backend.nearest(record.name, asked)
    }
    const askWords = async (): Promise<KeywordHit[]> =>
      words && fusion.alpha < 1 ? context.backend.keyword(record.name, { query: words, k: depth, where }) : []
    const [nearest, keyword] = await Promise.all([askDense(), askWords()])
    throwIfAborted(signal)
    const metric = question?.metric ?? 'cosine'
    // what must be there is looked for by words: a list of them that came to its end holds all that has it
    const complete = fusion.alpha < 1 && keyword.length < depth && (words?.all.length ?? 0) > 0
    const hits = await admitted(context, record, nearest?.hits ?? [], { words, keyword, complete })
    const dense = hits.map(({ id, distance }) => ({ id, score: scoreOf(metric, distance) }))
    const hitOf = new Map(hits.map((hit) => [hit.id, hit]))
    Object.assign(best, { space: search.space, dense: hits[0], keyword: keyword[0] } satisfies Found)
    best.metric = question?.metric
    const candidates = fuse(dense, keyword, fusion).map((item) => ({ ...item, hit: hitOf.get(item.id) }))
    const results = await showCandidates(context, record, candidates, { words, k, fields, where, question })
    const more = !complete && ((nearest?.hits.length ?? 0) >= depth || keyword.length >= depth)
    if (results.length >= k || !more || depth >= LIMITS.k) {
      const plan: SearchPlan = {
        mode: 'hybrid',
        strategy: nearest?.strategy ?? 'keyword',
        ...(question ? { space: question.space.name, metric } : {}),
        ...(nearest?.ef === undefined ? {} : { ef: nearest.ef }),
        scanned: nearest?.scanned ?? 0,
        ...{ fusion: fusion.fusion, alpha: fusion.alpha, candidates: depth },
      }
      if (nearest?.filtered) planFilter(plan, nearest.filtered)
      return { results, tookMs: performance.now() - began, plan }
    }
  }
}

/**
 * The dense hits that hold what the query says must be there and nothing that must not. Keyword hits all do; where their
 * list is complete, nothing else does.
 */
async function admitted(
  context: EngineContext,
  record: CollectionRecord,
  hits: readonly Hit[],
  {
    words,
    keyword,
    complete,
  }: { words: KeywordQuery | undefined; keyword: readonly KeywordHit[]; complete: boolean },
): Promise<readonly Hit[]> {
  if (!words || (words.all.length === 0 && words.none.length === 0)) return hits
  const known = new Set(keyword.map(({ id }) => id))
  if (complete) return hits.filter(({ id }) => known.has(id))
  const items = hits.flatMap(({ id }) => (known.has(id) ? [] : [{ id, part: { start: 0, end: 0 } }]))
  const matches = await context.backend.keywordMatches(record.name, { query: words, items })
  return hits.filter(({ id }) => known.has(id) || matches.get(id)?.admitted)
}

interface Shown {
  words: KeywordQuery | undefined
  k: number
  fields: KeywordRequest['fields']
  where: KeywordRequest['where']
  question?: Question
}

/** Reads the first k candidates that are still there as they were found. */
async function showCandidates(
  context: EngineContext,
  record: CollectionRecord,
  candidates: readonly Candidate[],
  { words, k, fields, where, question }: Shown,
): Promise<SearchResult[]> {
  const stillMatches = rechecked(where)
  const wanted = { ...fields, text: true, metadata: fields.metadata || stillMatches !== undefined }
  const results: SearchResult[] = []
  for (let from = 0; from < candidates.length && results.length < k; ) {
    const batch = candidates.slice(from, from + k - results.length)
    from += batch.length
    const ids = batch.map(({ id }) => id)
    const parts = batch.map(({ id, hit }) =>
      hit ? { id, part: { start: hit.start, end: hit.end } } : { id },
    )
    const [items, matches] = await Promise.all([
      context.backend.get(record.name, ids, wanted),
      words
        ? context.backend.keywordMatches(record.name, { query: words, items: parts })
        : new Map<string, KeywordMatch>(),
    ])
    for (const candidate of batch) {
      const item = items.get(candidate.id)
      const { hit } = candidate
      if (!item || (hit?.revision !== undefined && hit.revision !== item.revision)) continue
      if (stillMatches && !stillMatches(item)) continue
      const match = matches.get(candidate.id)
      // written anew between the two readings: then the words found are not of the text read
      const current = match?.revision === item.revision ? match : undefined
      results.push(toResult(candidate, item, { fields, question, match: current }))
    }
  }
  return results
}

function toResult(
  { id, score, scores, hit }: Candidate,
  item: StoredItem,
  { fields, question, match }: Pick<Shown, 'fields' | 'question'> & { match: KeywordMatch | undefined },
): SearchResult {
  const result: SearchResult = { id, score }
  if (hit) result.distance = hit.distance
  if (scores) result.scores = scores
  showFields(result, item, fields, question?.space.name)
  const part = hit && question && isTextSpace(question.space) ? hit : match
  if (item.text == null || !part) return result
  const passage = item.text.slice(part.start, part.end)
  result.passage = passage
  const marks = (match?.marks ?? []).map(([start, end]): [number, number] => [
    start - part.start,
    end - part.start,
  ])
  if (marks.length > 0) result.highlights = [{ text: passage, start: part.start, marks }]
  return result
}
