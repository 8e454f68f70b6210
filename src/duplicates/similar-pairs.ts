import type { SpaceRecord } from '../core/backend.js'
import { dot, norm } from '../core/vectors.js'
import { checkAborted, type DuplicateSearch } from './duplicate-search.js'

/** Neighbours that each item is given. */
const NEIGHBOURS = 10
/** Items whose vectors are read at once. */
const BATCH = 200

/** Pairs above the threshold, of some items and all others. */
export interface SimilarPairs {
  pairs: [a: string, b: string, cosine: number][]
  /** Items that were searched for so far. */
  searched: number
  /** Neighbours that were looked at. */
  compared: number
}

/**
 * Asks the index for each item's nearest others. Of items with several passages all must be found in the other, and the
 * other way round: their cosine is the least that a passage of either has with its best in the other one.
 *
 * @param matching only these are compared: those that `search.where` means
 * @throws EngineError CANCELLED
 */
export async function* similarPairs(
  search: DuplicateSearch,
  space: SpaceRecord,
  matching?: ReadonlySet<string>,
): AsyncGenerator<SimilarPairs, void, undefined> {
  const { backend, collection, settings, where, signal } = search
  let searched = 0
  for await (const ids of idsOf(search, space.name, matching)) {
    const pairs: SimilarPairs['pairs'] = []
    let compared = 0
    const items = await backend.get(collection, ids, { vectors: true })
    for (const [id, item] of items) {
      checkAborted(search)
      const vectors = (item.vectors?.[space.name] ?? []).filter((vector) => norm(vector) > 0)
      if (vectors.length === 0) continue
      const { hits } = await backend.nearest(collection, {
        space: space.name,
        encoder: space.encoder,
        vectors,
        metric: 'cosine',
        k: NEIGHBOURS,
        exclude: [id],
        where: where?.filter,
        signal,
      })
      const near = hits.filter(({ distance }) => 1 - distance >= settings.threshold)
      compared += hits.length
      const others = await backend.get(
        collection,
        near.map((hit) => hit.id),
        { vectors: true },
      )
      for (const hit of near) {
        const theirs = others.get(hit.id)?.vectors?.[space.name] ?? []
        const whole = vectors.length === 1 && theirs.length === 1
        const cosine = whole ? 1 - hit.distance : wholeCosine(vectors, theirs)
        if (cosine >= settings.threshold) pairs.push([id, hit.id, cosine])
      }
    }
    searched += ids.length
    yield { pairs, searched, compared }
  }
}

async function* idsOf(
  { backend, collection }: DuplicateSearch,
  space: string,
  matching: ReadonlySet<string> | undefined,
): AsyncGenerator<string[]> {
  const seen = new Set<string>()
  for await (const { ids } of backend.scan(collection, space, { batch: BATCH })) {
    const wanted = matching ? ids.filter((id) => matching.has(id)) : ids
    const fresh = wanted.filter((id, i) => !seen.has(id) && wanted.indexOf(id) === i)
    for (const id of fresh) seen.add(id)
    if (fresh.length > 0) yield fresh
  }
}

function wholeCosine(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  if (theirs.length === 0) return -1
  const best = (vector: Float32Array, others: readonly Float32Array[]): number =>
    Math.max(...others.map((other) => dot(vector, other) / (norm(vector) * norm(other) || 1)))
  return Math.min(
    ...ours.map((vector) => best(vector, theirs)),
    ...theirs.map((vector) => best(vector, ours)),
  )
}
