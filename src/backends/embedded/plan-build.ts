import type { EncoderKeys } from './collection-keys.js'

/** Live vectors from which an index is worth more than a scan, which takes about half a millisecond there. */
export const INDEX_FROM = 1_000

/** The same of one encoder's vectors: `indexFrom` of its settings, where it knows better how they are searched. */
export function indexFrom({ settings }: Pick<EncoderKeys, 'settings'>): number {
  const wanted = settings?.indexFrom
  return typeof wanted === 'number' && wanted > INDEX_FROM ? wanted : INDEX_FROM
}

/** A tail shorter than this is scanned faster than another segment is searched. */
export const TAIL_WORTH_A_SEGMENT = 200
/** A segment smaller than this many times what follows it is merged with it. */
const MERGE_FACTOR = 8
/** A segment with a larger part of its vectors dead is built anew. */
const DEAD_PART = 0.2
/** Removals after which the files are written anew, so that opening need not replay them. */
const REMOVALS_PER_SNAPSHOT = 10_000

/** What is known of an index when it is asked what to build. */
export interface IndexState {
  /** In the order of their labels; `count` with the dead ones. */
  segments: { count: number; live: number }[]
  /** Rows after the last segment. */
  tail: number
  /** Live vectors of the space, and from how many on it has an index. */
  live: number
  from: number
  removedSinceSaved: number
  /** The shortest tail that is worth a build. */
  minTail: number
}

/** Which segments, from `from` to before `to`, one new segment replaces. */
export interface BuildPlan {
  from: number
  to: number
  /** Whether the tail goes into it. */
  withTail: boolean
  /** Whether the first of them is extended instead of built again from its vectors. */
  extend: boolean
}

/** The tail that is built while writes go on: a scan of it costs a search no more than about half a millisecond. */
export function busyTail(live: number): number {
  return Math.max(TAIL_WORTH_A_SEGMENT, Math.min(INDEX_FROM, live / 20))
}

/**
 * Decides what to build next, so that there are few segments (each costs every search something) and each vector is
 * inserted few times: sizes grow geometrically, as in a log-structured merge tree (O'Neil et al. 1996).
 *
 * @returns undefined while nothing is worth it
 */
export function planBuild(state: IndexState): BuildPlan | undefined {
  const { segments, tail } = state
  if (state.live < state.from && segments.length === 0) return undefined
  const worn = segments.findIndex(({ count, live }) => count - live > count * DEAD_PART)
  if (worn >= 0) return { from: worn, to: worn + 1, withTail: false, extend: false }
  if (tail < state.minTail) {
    if (state.removedSinceSaved < REMOVALS_PER_SNAPSHOT || segments.length === 0) return undefined
    return { from: segments.length - 1, to: segments.length, withTail: true, extend: true }
  }
  let from = segments.length
  let pending = tail
  while (from > 0 && (segments[from - 1]?.count ?? 0) < MERGE_FACTOR * pending) {
    from--
    pending += segments[from]?.count ?? 0
  }
  const first = segments[from]
  return {
    from,
    to: segments.length,
    withTail: true,
    extend: first !== undefined && first.count * 2 > pending,
  }
}
