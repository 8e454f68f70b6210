import type { KeywordClause, KeywordPhrase, KeywordQuery } from '../core/keyword-query.js'
import { LIMITS } from '../core/limits.js'
import { isUnspaced, segmentGrams, segmentWords, unspacedRuns, type Word } from './segment-words.js'
import { STOP_WORDS } from './stop-words.js'

/** A longer run of characters is a sentence, which no text repeats. */
const LONGEST_RUN = 24

/** A query text taken apart. */
export interface ParsedKeywords {
  /** Undefined where no word is asked for. */
  query: KeywordQuery | undefined
  /** Whether words are excluded, but none asked for. */
  onlyExcluded: boolean
  /** What is asked for without its signs, as a text encoder should read it. */
  plain: string
}

/**
 * Parts of a query: `-` right before what is excluded, a phrase in quotation marks that stand at its borders, or what
 * reaches to the next space. A `-` before a digit is a minus.
 */
const PARTS =
  /(?<=^|\s)(?<not>-(?=["\p{L}\p{Extended_Pictographic}]))?(?:"(?<phrase>[^"]*)"(?=$|[\s.,;:!?)])|(?<chunk>\S+))|\S+/gu

/**
 * Reads a query: words, "quoted phrases", prefix*, -excluded words and -"excluded phrases". Every text is a query;
 * whatever is none of these signs is a word or stands between words.
 *
 * English words that carry no meaning ({@link STOP_WORDS}) are left out unless nothing else is asked for. Of a text
 * longer than LIMITS.keywordQueryLength only the beginning is read, but `plain` is whole.
 */
export function parseKeywords(text: string): ParsedKeywords {
  const head = text.slice(0, LIMITS.keywordQueryLength)
  const query: KeywordQuery = { all: [], any: [], none: [] }
  const stopped: KeywordClause[] = []
  const plain: string[] = []
  for (const { 0: part, groups } of head.matchAll(PARTS)) {
    const { not, phrase, chunk = part } = groups ?? {}
    if (phrase !== undefined) {
      const clauses = phraseClauses(phrase)
      if (not === undefined) plain.push(phrase)
      query[not === undefined ? 'all' : 'none'].push(...clauses)
      continue
    }
    const prefix = /[\p{L}\p{N}\p{M}]\*$/u.test(chunk)
    if (not !== undefined) {
      query.none.push(...phraseClauses(chunk, prefix))
      continue
    }
    plain.push(prefix ? chunk.slice(0, -1) : chunk)
    const words = segmentWords(chunk)
    for (const word of words) {
      const begins = prefix && word === words.at(-1)
      const clauses = STOP_WORDS.has(word.folded) && !begins ? stopped : query.any
      clauses.push(wordClause(chunk, word, begins))
    }
    query.any.push(...runClauses(chunk, words))
  }
  if (query.all.length === 0 && query.any.length === 0) query.any = stopped
  for (const key of ['all', 'any', 'none'] as const) query[key] = distinct(query[key])
  const asks = query.all.length > 0 || query.any.length > 0
  const changed = query.all.length > 0 || query.none.length > 0 || head.includes('*')
  return {
    query: asks ? query : undefined,
    onlyExcluded: !asks && query.none.length > 0,
    plain: changed ? plain.join(' ') + text.slice(head.length) : text,
  }
}

/** The words of a phrase side by side; characters without spaces also as they stand, whatever words they make. */
function phraseClauses(text: string, prefix = false): KeywordClause[] {
  const words = segmentWords(text)
  if (words.length === 0) return []
  const terms = words.map(({ term, folded }, i) => (prefix && i === words.length - 1 ? folded : term))
  const phrases: KeywordPhrase[] = [{ within: 'words', terms, prefix }]
  const bare = (prefix ? text.slice(0, -1) : text).trim()
  if (isUnspaced(bare)) phrases.push(gramPhrase(bare))
  return [{ phrases }]
}

function wordClause(chunk: string, { term, folded, start, end }: Word, prefix: boolean): KeywordClause {
  const phrases: KeywordPhrase[] = [{ within: 'words', terms: [prefix ? folded : term], prefix }]
  const part = chunk.slice(start, end)
  // one kana or syllable is a particle more often than a word
  if (isUnspaced(part) && (part.length > 1 || /\p{Script=Han}/u.test(part))) phrases.push(gramPhrase(part))
  return { phrases }
}

/**
 * Runs of characters as they stand, where they were cut into words: what the dictionary does not know it cuts anyhow.
 */
function runClauses(chunk: string, words: readonly Word[]): KeywordClause[] {
  return unspacedRuns(chunk)
    .filter(({ start, end }) => !words.some((word) => word.start === start && word.end === end))
    .filter(({ start, end }) => end - start <= LONGEST_RUN)
    .map(({ start, end }) => ({ phrases: [gramPhrase(chunk.slice(start, end))] }))
}

/** All characters side by side; the last one's pair is not known, so that a character alone is a beginning. */
function gramPhrase(text: string): KeywordPhrase {
  const grams = segmentGrams(text).map(({ term }) => term)
  return grams.length > 1
    ? { within: 'grams', terms: grams.slice(0, -1), prefix: false }
    : { within: 'grams', terms: grams, prefix: true }
}

function distinct(clauses: readonly KeywordClause[]): KeywordClause[] {
  return [...new Map(clauses.map((clause) => [JSON.stringify(clause), clause])).values()]
}
