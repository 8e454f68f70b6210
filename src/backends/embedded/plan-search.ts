import type { Chances } from './nearby.js'

/** What is known before a search with a filter begins. */
export interface SearchFacts {
  /** Items that match, and all items. */
  matches: number
  items: number
  /** Live vectors of the space, and those of them that no index holds yet. */
  live: number
  tail: number
  dim: number
  /** Items wanted; the excluded ones are to be counted in. */
  k: number
  /** Vectors that are asked. */
  queries: number
  /** Segments of the index; 0 without one. */
  segments: number
  /** Whether an item may have several vectors. */
  passages: boolean
  /** HNSW's breadth of search, at least. */
  ef: number
  /** What earlier searches with the filter found. */
  chances: Chances
}

/** How a search with a filter is begun. */
export type SearchPlan =
  | { strategy: 'exact'; micros: number }
  /** `fetch`: how many vectors the index is asked for, matching or not. `list`: which of the first lists that is. */
  | { strategy: 'hnsw'; micros: number; fetch: number; list?: keyof Chances }

// Microseconds, measured on one core at 30,000 x 384 by scripts/bench/filters.ts and fitted by hand; only their ratios
// matter. A row that is compared: 0.25. A vector of the breadth of an index search: 3, and 80 for the descent.
const ROW = 0.03
const ROW_NUMBER = 0.00057
const BREADTH = 0.8
const BREADTH_NUMBER = 0.0057
const DESCENT = 80

/** What comparing some vectors takes, in microseconds. */
export function scanMicros(rows: number, { dim, queries }: Pick<SearchFacts, 'dim' | 'queries'>): number {
  return rows * queries * (ROW + ROW_NUMBER * dim)
}

/** What asking the index for `fetch` vectors takes, in microseconds; searches of larger indexes miss more caches. */
export function indexMicros(fetch: number, facts: SearchFacts): number {
  const breadth = Math.max(fetch, facts.ef)
  const growth = Math.max(0.7, 1 + 0.1 * Math.log2(Math.max(1, facts.live) / 30_000))
  const search = DESCENT + breadth * (BREADTH + BREADTH_NUMBER * facts.dim) * growth
  return facts.queries * facts.segments * search
}

/**
 * How many vectors the index must be asked for so that `k` that match are among them, where one in `1 / density` does. The
 * nearest of a list are found surely and the farthest less so, the longer the list the less: up to rank 100 twice as
 * many are enough for a recall of .99, beyond it takes up to four times as many.
 */
export function fetchFor(k: number, density: number): number {
  const rank = k / density
  return Math.ceil(rank <= 100 ? 2 * rank : 4 * rank - 200)
}

/** How many of those that match must have been found so that the best `k` are among them: a few more. */
export function enough(k: number): number {
  return k + Math.ceil(Math.sqrt(k))
}

/**
 * Compares all that match; or asks the index, for a list of the usual length or for one in which enough should match, and
 * goes on from there where they do not: whichever is expected to be fastest. A list that was not tried yet with the
 * filter is expected to do.
 */
export function planSearch(facts: SearchFacts): SearchPlan {
  const { ef, live, chances } = facts
  const selectivity = facts.items === 0 ? 0 : facts.matches / facts.items
  const exact = scanMicros(live * selectivity, facts)
  let best: SearchPlan = { strategy: 'exact', micros: exact }
  if (facts.segments === 0 || selectivity === 0) return best
  const tail = scanMicros(facts.tail * selectivity, facts)
  const consider = (list: keyof Chances, fetch: number, otherwise: number): void => {
    const micros = indexMicros(fetch, facts) + tail + (1 - (chances[list] ?? 1)) * otherwise
    if (micros < best.micros) best = { strategy: 'hnsw', micros, fetch, list }
  }
  const long = Math.max(ef, fetchFor(facts.passages ? 2 * facts.k : facts.k, selectivity))
  if (long < live) consider('long', long, exact)
  if (ef < long && ef >= enough(facts.k)) consider('short', ef, best.micros)
  return best
}

/**
 * What to do after the index was asked for `fetch` vectors and too few of them matched: they may lie far from the query,
 * so that what the list shows counts, not what the whole collection does.
 *
 * @param found items that matched
 */
export function planNext(facts: SearchFacts, { fetch, found }: { fetch: number; found: number }): SearchPlan {
  const exact = scanMicros((facts.live * facts.matches) / Math.max(1, facts.items), facts)
  const wider = Math.max(2 * fetch, fetchFor(facts.k, (found + 1) / fetch))
  const hnsw = indexMicros(wider, facts)
  if (hnsw >= exact || wider >= facts.live) return { strategy: 'exact', micros: exact }
  return { strategy: 'hnsw', micros: hnsw, fetch: wider }
}
