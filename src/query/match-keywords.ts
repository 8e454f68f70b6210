import type { KeywordClause, KeywordPhrase, KeywordQuery } from '../core/keyword-query.js'
import type { KeywordColumn, KeywordDocument } from './keyword-document.js'
import { segmentGrams, segmentWords } from './segment-words.js'

const COLUMNS: Record<KeywordPhrase['within'], readonly KeywordColumn[]> = {
  words: ['text', 'fields'],
  grams: ['grams'],
}

/** Whether a document holds all that must be found and nothing that must not; what only may be found is not asked. */
export function admits({ all, none }: KeywordQuery, document: KeywordDocument): boolean {
  return all.every((clause) => holds(clause, document)) && !none.some((clause) => holds(clause, document))
}

/** Whether one of a clause's phrases is found. */
export function holds({ phrases }: KeywordClause, document: KeywordDocument): boolean {
  return phrases.some((phrase) =>
    COLUMNS[phrase.within].some((column) => places(phrase, document[column]).length > 0),
  )
}

/** How often a phrase is found, by column. */
export function countPhrase(phrase: KeywordPhrase, document: KeywordDocument): Record<KeywordColumn, number> {
  const counts = { text: 0, fields: 0, grams: 0 }
  for (const column of COLUMNS[phrase.within]) counts[column] = places(phrase, document[column]).length
  return counts
}

/** A place where a clause of a query is found in a text, in UTF-16 units. */
export interface Place {
  start: number
  end: number
  /** Which of the clauses; counts those that must be found, then the others. */
  clause: number
}

/** Where the words of a query stand in a text, by their beginning. */
export function findPlaces({ all, any }: KeywordQuery, text: string): Place[] {
  const words = segmentWords(text)
  const terms = words.map(({ term }) => term)
  const clauses = [...all, ...any]
  const asksGrams = clauses.some(({ phrases }) => phrases.some(({ within }) => within === 'grams'))
  const grams = asksGrams ? segmentGrams(text) : []
  const pairs = grams.map(({ term }) => term)
  const index = { words: positions(terms), grams: positions(pairs) }
  const found: Place[] = []
  for (const [clause, { phrases }] of clauses.entries()) {
    for (const phrase of phrases) {
      const { within, terms: asked, prefix } = phrase
      const column = within === 'words' ? terms : pairs
      const parts = within === 'words' ? words : grams
      for (const at of places(phrase, column, index[within])) {
        const last = at + asked.length - 1
        // a pair ends with the character after it
        const end = within === 'grams' && !prefix ? last + 1 : last
        const [from, to] = [parts[at], parts[end] ?? parts[last]]
        if (from && to) found.push({ start: from.start, end: to.end, clause })
      }
    }
  }
  return found.sort((a, b) => a.start - b.start || a.end - b.end)
}

/** Joins places that overlap. */
export function joinPlaces(places: readonly Place[]): [start: number, end: number][] {
  const joined: [number, number][] = []
  for (const { start, end } of places) {
    const last = joined.at(-1)
    if (last && start < last[1]) last[1] = Math.max(last[1], end)
    else joined.push([start, end])
  }
  return joined
}

/** Where a phrase begins in a column. */
function places(phrase: KeywordPhrase, column: readonly string[], index?: Positions): number[] {
  const { terms, prefix } = phrase
  const [first = ''] = terms
  const last = terms.length - 1
  const begins = index && !(prefix && last === 0) ? (index.get(first) ?? []) : column.keys()
  const found: number[] = []
  for (const at of begins) {
    const fits = terms.every((term, i) => {
      const there = column[at + i]
      return prefix && i === last ? there?.startsWith(term) : there === term
    })
    if (fits) found.push(at)
  }
  return found
}

type Positions = ReadonlyMap<string, readonly number[]>

function positions(terms: readonly string[]): Positions {
  const index = new Map<string, number[]>()
  for (const [at, term] of terms.entries()) {
    const known = index.get(term)
    if (known) known.push(at)
    else index.set(term, [at])
  }
  return index
}
