import type { DuplicateRelation } from '../core/types.js'

/** That two things are duplicates of each other, and how. */
export interface Link {
  relation: DuplicateRelation
  /** Larger is more alike; 1 for exact ones. */
  score: number
}

/** One that is kept, and those that are duplicates of it, the surest first. */
export interface Star {
  keep: number
  others: ({ member: number } & Link)[]
}

const RANK: Record<DuplicateRelation, number> = { exact: 0, near: 1, similar: 2 }

/** The surer first. */
function compare(a: Link, b: Link): number {
  return RANK[a.relation] - RANK[b.relation] || b.score - a.score
}

/** Links both ways; of several between the same two the surest. */
export class LinkTable {
  readonly #links = new Map<number, Map<number, Link>>()

  of(member: number): ReadonlyMap<number, Link> {
    return this.#links.get(member) ?? NONE
  }

  add(a: number, b: number, link: Link): void {
    const known = this.of(a).get(b)
    if (a === b || (known && compare(known, link) <= 0)) return
    this.#set(a, b, link)
    this.#set(b, a, link)
  }

  #set(from: number, to: number, link: Link): void {
    const links = this.#links.get(from) ?? new Map<number, Link>()
    links.set(to, link)
    this.#links.set(from, links)
  }
}

const NONE: ReadonlyMap<number, Link> = new Map()

/**
 * Makes groups of linked members. The best that is in no group yet is kept, and takes all that are linked to it directly
 * and in no group yet; then the next best. So each member is a duplicate of the one that is kept in its stead, and
 * chains (a like b, b like c, but c unlike a) do not run together: who is linked only to others' members is in no group.
 *
 * @param order all members, those that are rather kept first
 * @param linksOf asked once of each that is in no group yet
 * @param isGroup whether a member is a group by itself
 */
export function makeStars(
  order: readonly number[],
  linksOf: (member: number) => ReadonlyMap<number, Link>,
  isGroup: (member: number) => boolean = () => false,
): Star[] {
  const grouped = new Set<number>()
  const stars: Star[] = []
  for (const keep of order) {
    if (grouped.has(keep)) continue
    const others = Array.from(linksOf(keep), ([member, link]) => ({ member, ...link })).filter(
      ({ member }) => !grouped.has(member),
    )
    if (others.length === 0 && !isGroup(keep)) continue
    grouped.add(keep)
    for (const { member } of others) grouped.add(member)
    stars.push({ keep, others: others.sort((a, b) => compare(a, b) || a.member - b.member) })
  }
  return stars
}
