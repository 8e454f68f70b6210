import type { Place } from './match-keywords.js'

/** A text up to this length is a passage as a whole, in UTF-16 units. */
const WHOLE = 600
/** How far apart the words of one passage may stand, and how much is shown before the first and after the last. */
const SPAN = 400
const AROUND = 100

/**
 * The part of a text where most of the query stands: the most different clauses, then the most places.
 *
 * @param places by their beginning, not empty
 */
export function choosePassage(text: string, places: readonly Place[]): { start: number; end: number } {
  if (text.length <= WHOLE || places.length === 0) return { start: 0, end: Math.min(text.length, WHOLE) }
  let best = { score: -1, from: 0, to: 0 }
  const counts = new Map<number, number>()
  let to = 0
  for (const [from, first] of places.entries()) {
    for (let next = places[to]; next && next.end <= first.start + SPAN; next = places[++to]) {
      counts.set(next.clause, (counts.get(next.clause) ?? 0) + 1)
    }
    const score = counts.size * (places.length + 1) + (to - from)
    if (score > best.score) best = { score, from, to }
    if (to === from) to++
    else drop(counts, first.clause)
  }
  const inside = places.slice(best.from, Math.max(best.to, best.from + 1))
  const start = inside[0]?.start ?? 0
  const end = Math.max(...inside.map((place) => place.end))
  return { start: beginning(text, start), end: ending(text, end) }
}

function drop(counts: Map<number, number>, clause: number): void {
  const count = counts.get(clause) ?? 0
  if (count > 1) counts.set(clause, count - 1)
  else counts.delete(clause)
}

/** The beginning of the sentence if it is near, else of a word. */
function beginning(text: string, at: number): number {
  const from = Math.max(0, at - AROUND)
  if (from === 0) return 0
  const before = text.slice(from, at)
  const sentence = Math.max(
    ...['. ', '! ', '? ', '\n', '。', '！', '？'].map((mark) => {
      const found = before.lastIndexOf(mark)
      return found < 0 ? -1 : found + mark.length
    }),
  )
  if (sentence >= 0) return from + sentence
  const space = before.search(/\s/)
  return space < 0 ? whole(text, at - Math.min(AROUND, before.length)) : from + space + 1
}

/** The end of the sentence if it is near, else of a word. */
function ending(text: string, at: number): number {
  const to = Math.min(text.length, at + AROUND)
  if (to === text.length) return to
  const after = text.slice(at, to)
  const sentence = after.search(/[.!?](?=\s)|[。！？\n]/)
  if (sentence >= 0) return at + sentence + 1
  const space = after.lastIndexOf(' ')
  return space < 0 ? whole(text, to) : at + space
}

/** Not within a character. */
function whole(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at
}
