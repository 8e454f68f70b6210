import type { FilteredPlan } from '../../core/backend.js'
import { norm } from '../../core/vectors.js'
import { DEFAULT_EF } from '../../indexes/hnsw-index.js'
import { nearestOfEach } from '../../indexes/nearest-of-each.js'
import { type ItemHit, rowDistance } from '../../indexes/scan-table.js'
import type { VectorTable } from '../../indexes/vector-table.js'
import type { FoundItems } from './filter-cache.js'
import type { MatchingItems } from './matching-items.js'
import type { MetricIndex } from './metric-index.js'
import { enough, planNext, planSearch, type SearchFacts, type SearchPlan } from './plan-search.js'
import type { SpaceAnswer, SpaceSearch } from './space-search.js'

/** What a search with a filter goes through. */
export interface SearchedSpace {
  table: VectorTable
  /** Undefined where none serves the metric, or the search is to be exact. */
  index: MetricIndex | undefined
  /** Whether an item may have several vectors. */
  passages: boolean
  /** Compares with rows of the table. */
  scan(rows: Uint32Array): Promise<ItemHit[]>
}

/** The k nearest of the items that match: all of them compared, or the index asked until k are sure. */
export async function searchMatching(
  space: SearchedSpace,
  search: SpaceSearch,
  found: FoundItems,
): Promise<SpaceAnswer> {
  const { table, index } = space
  const { matching } = found
  const tailRow = index ? index.tailRow() : 0
  const facts: SearchFacts = {
    matches: matching.count,
    items: matching.items,
    live: table.live,
    tail: table.rows - tailRow,
    dim: table.dim,
    k: search.k + search.exclude.size,
    queries: search.vectors.length,
    segments: index?.segments.length ?? 0,
    passages: space.passages,
    ef: search.ef ?? index?.efFor(search.targetRecall) ?? DEFAULT_EF,
    chances: matching.nearby.chances(),
  }
  let plan = planSearch(facts)
  const filtered = report(found, plan)
  if (index && plan.strategy === 'hnsw') {
    const tail = matching.rowsFrom(table, tailRow)
    const late = tail.length === 0 ? [] : await space.scan(tail)
    while (plan.strategy === 'hnsw') {
      const ef = Math.max(facts.ef, plan.fetch)
      const { near, horizon } = collect(index, table, search, {
        matching,
        fetch: ef,
        wanted: enough(facts.k),
      })
      const hits = nearestOfEach([...near, ...late])
      const within = hits.findLastIndex(({ distance }) => distance <= horizon) + 1
      const sure = within >= Math.min(enough(facts.k), matching.count)
      if (plan.list) matching.nearby.note(plan.list, sure)
      if (sure || horizon === Number.POSITIVE_INFINITY) {
        hits.length = Math.min(hits.length, search.k)
        return { hits, strategy: 'hnsw', ef, scanned: tail.length, filtered }
      }
      plan = planNext(facts, { fetch: ef, found: within })
    }
  }
  const rows = matching.rowsOf(table)
  return { hits: await space.scan(rows), strategy: 'exact', scanned: rows.length, filtered }
}

function report({ matching, resolved, hint }: FoundItems, plan: SearchPlan): FilteredPlan {
  const { count: matches, items } = matching
  const filtered: FilteredPlan = {
    matches,
    selectivity: items === 0 ? 0 : matches / items,
    estimatedMs: Math.round(plan.micros) / 1000,
    resolved,
  }
  if (hint !== undefined) filtered.hint = hint
  return filtered
}

/**
 * The nearest `wanted` items that match of each list that the index gives, and the distance within which those are all;
 * infinity where the index has no more.
 */
function collect(
  index: MetricIndex,
  table: VectorTable,
  { vectors, metric, exclude }: SpaceSearch,
  { matching, fetch, wanted }: { matching: MatchingItems; fetch: number; wanted: number },
): { near: ItemHit[]; horizon: number } {
  const near: ItemHit[] = []
  let horizon = Number.POSITIVE_INFINITY
  for (const vector of vectors) {
    const length = norm(vector)
    for (const segment of index.segments) {
      const neighbours = segment.index.candidates(vector, fetch, { ef: fetch })
      const seen = new Set<number>()
      let last = -1
      for (const { label } of neighbours) {
        const row = table.rowOf(label)
        if (row < 0) continue
        last = row
        const item = table.itemAt(row)
        if (!matching.has(item) || exclude.has(item) || !table.isLive(row)) continue
        const distance = rowDistance(table, row, metric, vector, length)
        near.push({ item, distance, label, passage: table.passageAt(row), row })
        if (seen.add(item).size === wanted) break
      }
      const complete = seen.size < wanted && neighbours.length >= segment.index.count
      if (!complete && last >= 0) {
        horizon = Math.min(horizon, rowDistance(table, last, metric, vector, length))
      }
    }
  }
  return { near, horizon }
}
