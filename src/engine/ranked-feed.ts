import type { Filter } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import type { SearchPlan, SearchResult } from '../core/types.js'
import { type Group, Groups, type GroupValue } from '../query/groups.js'
import type { RankedSource, Ranking } from './ranked-source.js'

/** Depths at which joint lists are read for pages. */
const TIERS = [100, 400, 1_600, 6_400, LIMITS.k] as const
/** With a bound, a list is first read so deep, and then so many times deeper: it often ends long before `k`. */
const SHALLOW = 200
const STEP = 16
const FIRST_DEPTH = 50
const DEEPER = 4

/** Whether a result is within the bounds that were asked; what is worse than one that is not, is not either. */
export type Bound = (result: SearchResult) => boolean

/**
 * Reads a source as deep as is needed, up to the bounds.
 *
 * Pages need a list whose beginning stays as it is when more of it is read. Where scores are absolute it does. Joint
 * lists change with their depth: for pages they are read at fixed depths, and each adds what those before did not have.
 */
export class RankedFeed {
  readonly #source: RankedSource
  readonly #bound: Bound | undefined
  readonly #paged: boolean
  #tier = 0

  results: SearchResult[] = []
  plan: SearchPlan | undefined
  /** Whether nothing follows. */
  ended = false

  constructor(source: RankedSource, { bound, paged }: { bound: Bound | undefined; paged: boolean }) {
    this.#source = source
    this.#bound = bound
    this.#paged = paged
  }

  /** Reads until there are `count` results or no more. */
  async reach(count: number): Promise<void> {
    if (!this.#paged || this.#source.absolute) {
      for (
        let depth = this.#bound ? SHALLOW : count;
        this.results.length < count && !this.ended;
        depth *= STEP
      ) {
        this.results = await this.#read(Math.min(depth, count, LIMITS.k))
      }
      return
    }
    while (this.results.length < count && !this.ended) {
      const found = await this.#read(TIERS[this.#tier++] ?? LIMITS.k)
      const known = new Set(this.results.map(({ id }) => id))
      this.results.push(...found.filter(({ id }) => !known.has(id)))
    }
  }

  async #read(depth: number): Promise<SearchResult[]> {
    const { results, plan } = await this.#source.list(depth)
    this.plan ??= plan
    const within = this.#bound ? results.filter(this.#bound) : results
    this.ended = results.length < depth || within.length < results.length || depth >= LIMITS.k
    return within
  }
}

/** What groups are wanted. */
export interface GroupQuery {
  field: string
  size: number
  /** How many. */
  count: number
  bound: Bound | undefined
  paged: boolean
}

/** Reads a source until there are as many groups as wanted, each as large as it can be, or nothing is left. */
export async function readGroups(
  source: RankedSource,
  query: GroupQuery,
): Promise<{ groups: Group<SearchResult>[]; plan: SearchPlan | undefined }> {
  return source.absolute ? narrowing(source, query) : deepening(source, query)
}

const isDone = (groups: Groups<SearchResult>, count: number): boolean =>
  groups.count >= count && groups.values(count, 'partial').length === 0

function firstDepth({ count, size }: GroupQuery): number {
  return Math.min(LIMITS.k, Math.max(FIRST_DEPTH, 3 * count * size))
}

/** Asks again without the groups that are full, so that one large group does not hide the others. */
async function narrowing(
  source: RankedSource,
  query: GroupQuery,
): Promise<{ groups: Group<SearchResult>[]; plan: SearchPlan | undefined }> {
  const { field, size, count, bound } = query
  const groups = new Groups<SearchResult>(field, size)
  let plan: SearchPlan | undefined
  let where = source.where
  for (let depth = firstDepth(query); ; depth = Math.min(LIMITS.k, depth * DEEPER)) {
    const ranking: Ranking = await source.list(depth, where)
    plan ??= ranking.plan
    const within = bound ? ranking.results.filter(bound) : ranking.results
    const took = groups.add(within)
    const isAll = within.length < depth
    if (isDone(groups, count) || isAll || (took === 0 && depth >= LIMITS.k)) break
    where = narrowed(source.where, field, groups, count)
  }
  const found = groups.first(groups.count)
  // an index that is asked anew may find what it had missed
  found.sort((a, b) => (b.members[0]?.score ?? 0) - (a.members[0]?.score ?? 0))
  return { groups: found.slice(0, count), plan }
}

function narrowed(
  where: Filter | undefined,
  name: string,
  groups: Groups<SearchResult>,
  count: number,
): Filter {
  const field = { kind: 'metadata', path: name.split('.') } as const
  const anyOf = (values: GroupValue[]): Filter => ({ op: 'in', field, values })
  const missing: Filter[] =
    groups.count >= count
      ? [anyOf(groups.values(count, 'partial'))]
      : [
          { op: 'exists', field },
          { op: 'not', of: anyOf(groups.values(groups.count, 'full')) },
        ]
  return { op: 'and', of: where ? [where, ...missing] : missing }
}

async function deepening(
  source: RankedSource,
  query: GroupQuery,
): Promise<{ groups: Group<SearchResult>[]; plan: SearchPlan | undefined }> {
  const { field, size, count, bound, paged } = query
  const feed = new RankedFeed(source, { bound, paged })
  for (let depth = firstDepth(query); ; depth = Math.min(LIMITS.k, depth * DEEPER)) {
    await feed.reach(depth)
    const groups = new Groups<SearchResult>(field, size)
    groups.add(feed.results)
    if (isDone(groups, count) || feed.ended || depth >= LIMITS.k) {
      return { groups: groups.first(count), plan: feed.plan }
    }
  }
}
