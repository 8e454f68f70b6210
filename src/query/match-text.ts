import type { KeywordMatch, KeywordQuery } from '../core/keyword-query.js'
import type { Metadata } from '../core/types.js'
import { choosePassage } from './choose-passage.js'
import { keywordDocument, keywordValues } from './keyword-document.js'
import { admits, findPlaces, joinPlaces } from './match-keywords.js'

/** Marks of one part; more are not shown. */
const MAX_MARKS = 200

/**
 * Where the words of a query stand in an item's text.
 *
 * @param part the borders of what is shown; without them the part where most of the query stands is chosen
 */
export function matchText(
  query: KeywordQuery,
  item: { text: string | null; metadata: Metadata; paths: readonly string[] },
  part?: { start: number; end: number },
): Omit<KeywordMatch, 'revision'> {
  const { text, metadata, paths } = item
  const bounded = query.all.length > 0 || query.none.length > 0
  const admitted = !bounded || admits(query, keywordDocument(text, keywordValues(metadata, paths)))
  if (text === null) return { admitted, start: 0, end: 0, marks: [] }
  if (part) {
    const places = findPlaces(query, text.slice(part.start, part.end))
    const marks = joinPlaces(places).map(([start, end]): [number, number] => [
      start + part.start,
      end + part.start,
    ])
    return { admitted, start: part.start, end: part.end, marks: marks.slice(0, MAX_MARKS) }
  }
  const places = findPlaces(query, text)
  const chosen = choosePassage(text, places)
  const marks = joinPlaces(places).filter(([start, end]) => start >= chosen.start && end <= chosen.end)
  return { admitted, ...chosen, marks: marks.slice(0, MAX_MARKS) }
}
