import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import type { Filter } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import type { SearchPlan, SearchResult } from '../core/types.js'
import { candidateCount, fuseRanks } from '../query/fusion.js'
import type { EngineContext } from './engine-context.js'
import type { SpaceQuestion } from './examples.js'
import { findInMode, type SearchCall } from './hybrid-search.js'
import { findQuestion, runSearch } from './search.js'
import type { CheckedRequest } from './search-mode.js'
import type { CheckedQuery, CheckedSearch } from './search-request.js'

/** The beginning of a ranked list. */
export interface Ranking {
  /** The best first; fewer than were asked for only if there are no more. */
  results: SearchResult[]
  plan: SearchPlan
}

/** Something that ranks a collection's items, to any depth. */
export interface RankedSource {
  readonly where: Filter | undefined
  /** Whose vectors are compared, where it is one space. */
  readonly space: SpaceRecord | undefined
  /**
   * Whether scores stay the same at another depth and under a narrower filter. Joint scores do not: an item's ranks
   * depend on what else is in the lists.
   */
  readonly absolute: boolean
  list(k: number, where?: Filter): Promise<Ranking>
}

/** Ranks by a checked request of one query. @param call is told the best of the first list that is read */
export async function requestSource(
  context: EngineContext,
  record: CollectionRecord,
  request: CheckedRequest,
  call: SearchCall,
): Promise<RankedSource> {
  if (request.mode === 'dense') {
    const { search } = request
    const { vectors, space, metric } = await findQuestion(context, record, search, call.signal)
    const exclude = search.query.kind === 'id' ? [search.query.id] : []
    return denseSource(
      context,
      record,
      { ...search, space, metric, query: { kind: 'made', vectors, exclude } },
      call,
    )
  }
  if (request.mode === 'keyword') {
    const list = (k: number, where = request.where): Promise<Ranking> =>
      findInMode(context, record, { ...request, k, where }, noting(call))
    return { where: request.where, space: undefined, absolute: true, list }
  }
  const { search } = request
  const list = (k: number, where = search.where): Promise<Ranking> =>
    findInMode(context, record, { ...request, search: { ...search, k, where } }, noting(call))
  return { where: search.where, space: search.space, absolute: false, list }
}

/**
 * Ranks by examples: of one space by its vectors, of several by ranks.
 *
 * @param call is told the best of the first list that is read, where it is one space
 */
export function examplesSource(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  { questions, ids }: { questions: readonly SpaceQuestion[]; ids: readonly string[] },
  call: SearchCall,
): RankedSource {
  const one = questions.length === 1
  const parts = questions.map(({ space, vector, weight }) => {
    const query: CheckedQuery = { kind: 'made', vectors: [vector], exclude: ids }
    const metric = search.metric ?? space.metrics[0] ?? 'cosine'
    return {
      source: denseSource(
        context,
        record,
        { ...search, space, metric, query },
        one ? call : { ...call, found: {} },
      ),
      space,
      weight,
    }
  })
  const [first] = parts
  if (first && one) return first.source
  const list = async (k: number, where = search.where): Promise<Ranking> => {
    const depth = candidateCount(k, LIMITS.k)
    const rankings = await Promise.all(parts.map(({ source }) => source.list(depth, where)))
    const lists = parts.map(({ space, weight }, i) => ({
      name: space.name,
      weight,
      list: rankings[i]?.results ?? [],
    }))
    const found = new Map<string, SearchResult>()
    for (const { name, list } of lists.toSorted((a, b) => b.weight - a.weight)) {
      for (const { distance, score, ...result } of list) {
        const known = found.get(result.id)
        const spaceScores = { ...known?.spaceScores, [name]: score }
        found.set(result.id, { ...result, ...known, score, spaceScores })
      }
    }
    const results = fuseRanks(lists)
      .slice(0, k)
      .flatMap(({ id, score }) => {
        const result = found.get(id)
        return result ? [{ ...result, score }] : []
      })
    const plans = rankings.map(({ plan }) => plan)
    return { results, plan: jointPlan(plans, depth) }
  }
  return { where: search.where, space: undefined, absolute: false, list }
}

function denseSource(
  context: EngineContext,
  record: CollectionRecord,
  search: CheckedSearch,
  call: SearchCall,
): RankedSource {
  const list = (k: number, where = search.where): Promise<Ranking> =>
    runSearch(context, record, { ...search, k, where }, noting(call))
  return { where: search.where, space: search.space, absolute: true, list }
}

/** A call whose best are told once: lists that are read after the first may be of fewer items. */
function noting(call: SearchCall): SearchCall {
  const { found = {} } = call
  return { ...call, found: found.space ? {} : found }
}

function jointPlan(plans: readonly SearchPlan[], candidates: number): SearchPlan {
  const [first] = plans
  const metrics = new Set(plans.map(({ metric }) => metric))
  return {
    mode: 'dense',
    strategy: plans.every(({ strategy }) => strategy === 'exact') ? 'exact' : 'hnsw',
    spaces: plans.flatMap(({ space }) => space ?? []),
    ...(metrics.size === 1 && first?.metric ? { metric: first.metric } : {}),
    ...(first?.ef === undefined ? {} : { ef: first.ef }),
    scanned: plans.reduce((sum, { scanned }) => sum + scanned, 0),
    fusion: 'rrf',
    candidates,
    ...(first?.filter ? { filter: first.filter } : {}),
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  }
}
