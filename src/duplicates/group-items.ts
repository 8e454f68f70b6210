import type { DuplicateGroup, DuplicateRelation } from '../core/types.js'
import type { DuplicateSettings, Found } from './duplicate-messages.js'
import { type Link, LinkTable, makeStars } from './groups.js'

/** What is known of an item; its place among the others tells when it was first written. */
export interface ItemRow {
  id: string
  /** Number of its text; -1 without. */
  text: number
  /** Number of its picture; -1 without. */
  picture: number
  textBytes: number
  pixels: number
}

export interface Grouping {
  rows: readonly ItemRow[]
  /** Scores of other pictures, and of other texts. */
  pictureLinks(picture: number): ReadonlyMap<number, number>
  textLinks(text: number): ReadonlyMap<number, number>
  /** Cosines of other items. */
  similarLinks(item: number): ReadonlyMap<number, number> | undefined
  /** Compares two pictures now. */
  comparePictures(a: number, b: number): number
  settings: DuplicateSettings
  check(): void
}

/** Items that are the same in what they are compared by, those that are rather kept first. */
type Class = number[]

/** Classes with one picture (or text) that are paired with those of another one. */
const OF_ONE = 16
/** Pictures at two steps from one that is kept that are compared with it. */
const AT_TWO_STEPS = 64

/** Makes groups of items from what is known of their texts, pictures and vectors. */
export function groupItems(grouping: Grouping): { rows: string[]; found: Found } {
  const { rows, settings } = grouping
  const order = rows.map((_, item) => item).sort((a, b) => byKeeping(rows, settings.by, a, b))
  const classes = makeClasses(rows, order, settings)
  const links = new LinkTable()
  const nears = settings.relations.includes('near') ? new NearLinks(grouping, classes, links) : undefined
  nears?.addAll()
  if (settings.relations.includes('similar')) addSimilar(grouping, classes, links)
  const stars = makeStars(
    classes.map((_, i) => i),
    (keep) => {
      grouping.check()
      nears?.addSecondSteps(keep)
      return links.of(keep)
    },
    (keep) => (classes[keep]?.length ?? 0) > 1,
  )
  const found: Found = { groups: stars.length, exact: 0, near: 0, similar: 0 }
  const same: DuplicateRelation = settings.relations.includes('exact') ? 'exact' : 'near'
  const groups = stars.map(({ keep, others }) => {
    const [kept = 0, ...copies] = classes[keep] ?? []
    const members = [
      ...copies.map((item) => ({ item, relation: same, score: 1 })),
      ...others.flatMap(({ member, relation, score }) =>
        (classes[member] ?? []).map((item) => ({ item, relation, score })),
      ),
    ]
    for (const { relation } of members) found[relation]++
    const duplicates = members.map(({ item, relation, score }) => {
      return { id: idOf(rows, item), relation, score: Math.round(score * 1e4) / 1e4 }
    })
    return { kept, group: { keep: idOf(rows, kept), duplicates } satisfies DuplicateGroup }
  })
  groups.sort((a, b) => a.kept - b.kept)
  return { rows: groups.map(({ group }) => JSON.stringify(group)), found }
}

/** The larger picture first, then the longer text, then what was written first. */
function byKeeping(rows: readonly ItemRow[], by: DuplicateSettings['by'], a: number, b: number): number {
  const [x, y] = [rows[a], rows[b]]
  if (!x || !y) return a - b
  const pixels = by === 'text' ? 0 : y.pixels - x.pixels
  return pixels || (by === 'image' ? 0 : y.textBytes - x.textBytes) || a - b
}

/** Every item in one class, classes in the order of their first items; items without any of the parts are alone. */
function makeClasses(
  rows: readonly ItemRow[],
  order: readonly number[],
  { by, relations }: DuplicateSettings,
): Class[] {
  const collapses = relations.includes('exact') || relations.includes('near')
  const classes: Class[] = []
  const byKey = new Map<string, Class>()
  for (const item of order) {
    const { text = -1, picture = -1 } = rows[item] ?? {}
    const key = by === 'item' ? `${text} ${picture}` : String(by === 'text' ? text : picture)
    const nothing = by === 'item' ? text < 0 && picture < 0 : key === '-1'
    const known = collapses && !nothing ? byKey.get(key) : undefined
    if (known) known.push(item)
    else {
      const fresh = [item]
      classes.push(fresh)
      if (!nothing) byKey.set(key, fresh)
    }
  }
  return classes
}

function addSimilar(
  { rows, similarLinks, settings }: Grouping,
  classes: readonly Class[],
  links: LinkTable,
): void {
  const classOf = new Int32Array(rows.length)
  for (const [i, items] of classes.entries()) for (const item of items) classOf[item] = i
  for (let item = 0; item < rows.length; item++) {
    for (const [other, cosine] of similarLinks(item) ?? []) {
      if (cosine < settings.threshold) continue
      links.add(classOf[item] ?? 0, classOf[other] ?? 0, { relation: 'similar', score: Math.min(1, cosine) })
    }
  }
}

/** Finds which classes are near duplicates. */
class NearLinks {
  readonly #grouping: Grouping
  readonly #links: LinkTable
  /** Of each class. */
  readonly #contents: { text: number; picture: number }[]
  readonly #byPicture = new Map<number, number[]>()
  readonly #byText = new Map<number, number[]>()

  constructor(grouping: Grouping, classes: readonly Class[], links: LinkTable) {
    this.#grouping = grouping
    this.#links = links
    const { by } = grouping.settings
    this.#contents = classes.map(([first = -1]) => {
      const { text = -1, picture = -1 } = grouping.rows[first] ?? {}
      return { text: by === 'image' ? -1 : text, picture: by === 'text' ? -1 : picture }
    })
    for (const [i, { text, picture }] of this.#contents.entries()) {
      if (picture >= 0) listIn(this.#byPicture, picture, i)
      if (text >= 0) listIn(this.#byText, text, i)
    }
  }

  addAll(): void {
    const { pictureLinks, textLinks, check } = this.#grouping
    for (const [lists, linksOf] of [
      [this.#byPicture, pictureLinks],
      [this.#byText, textLinks],
    ] as const) {
      for (const [content, classes] of lists) {
        check()
        // the same picture with another text, or the other way round
        for (const [i, a] of classes.entries()) {
          for (const b of classes.slice(i + 1, i + 1 + OF_ONE)) this.#add(a, b)
        }
        for (const other of linksOf(content).keys()) {
          if (other > content) continue
          for (const a of classes.slice(0, OF_ONE)) {
            for (const b of (lists.get(other) ?? []).slice(0, OF_ONE)) this.#add(a, b)
          }
        }
      }
    }
  }

  /** Compares one that is kept with what is near to those near to it: its own neighbours may have been too many. */
  addSecondSteps(keep: number): void {
    const own = this.#contents[keep]?.picture ?? -1
    if (own < 0) return
    const { pictureLinks, comparePictures } = this.#grouping
    const first = pictureLinks(own)
    const second = new Set<number>()
    for (const picture of first.keys()) {
      for (const next of pictureLinks(picture).keys()) if (next !== own && !first.has(next)) second.add(next)
    }
    for (const picture of [...second].sort((a, b) => a - b).slice(0, AT_TWO_STEPS)) {
      if (comparePictures(own, picture) === 0) continue
      for (const other of (this.#byPicture.get(picture) ?? []).slice(0, OF_ONE)) this.#add(keep, other)
    }
  }

  #add(a: number, b: number): void {
    const score = this.#score(a, b)
    if (score !== undefined) this.#links.add(a, b, { relation: 'near', score } satisfies Link)
  }

  /** The lesser of the scores of what both have; undefined where that is nothing, or differs too much. */
  #score(a: number, b: number): number | undefined {
    const [x, y] = [this.#contents[a], this.#contents[b]]
    if (!x || !y) return undefined
    const { pictureLinks, textLinks, settings } = this.#grouping
    let least: number | undefined
    for (const [ours, theirs, linksOf, threshold] of [
      [x.picture, y.picture, pictureLinks, settings.imageThreshold],
      [x.text, y.text, textLinks, settings.textThreshold],
    ] as const) {
      if (ours < 0 || theirs < 0) continue
      const score = ours === theirs ? 1 : (linksOf(ours).get(theirs) ?? 0)
      if (score < threshold) return undefined
      least = Math.min(least ?? 1, score)
    }
    return least
  }
}

function listIn(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

function idOf(rows: readonly ItemRow[], item: number): string {
  return rows[item]?.id ?? ''
}
