import { stemmer } from 'stemmer'

/** A word of a text, as the keyword index knows it. */
export interface Word {
  /** Lower case, without diacritics, English endings taken off; letters and digits only where it is ASCII. */
  term: string
  /** The same before its ending was taken off. */
  folded: string
  /** Borders in the text, in UTF-16 units. */
  start: number
  end: number
}

/** A character of a text that is written without spaces, with the one after it, or alone at the end of its run. */
export interface Gram {
  term: string
  /** Borders of the first character in the text, in UTF-16 units. */
  start: number
  end: number
  /** Counts the runs of the text. */
  run: number
}

/** Longer words are cut: nobody asks for them, and an index of base64 would be larger than the texts. */
const MAX_TERM = 64
const STEMS_KEPT = 50_000

/** Scripts without spaces between words, and Hangul, whose words carry their particles. */
const UNSPACED =
  '[[\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Bopomofo}\\p{scx=Hangul}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Myanmar}]&&[\\p{L}\\p{N}\\p{M}]]'
const SPACED = `[[\\p{L}\\p{N}\\p{M}]--${UNSPACED}]`
const PARTS = new RegExp(
  `(?<run>${UNSPACED}+)|(?<word>${SPACED}+(?:['\\u2019]${SPACED}+)*)|\\p{Extended_Pictographic}`,
  'gv',
)
const RUNS = new RegExp(`${UNSPACED}+`, 'gv')
/** A character with the marks that belong to it. */
const CHARACTERS = /.[\p{M}\uff9e\uff9f]*/gsu
// The dictionaries of ICU are the same for all locales; this one is named so that no machine's setting matters.
const segmenter = new Intl.Segmenter('ja', { granularity: 'word' })

/**
 * The words of a text in their order. Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese are cut by the
 * dictionaries of ICU; a pictograph is a word.
 */
export function segmentWords(text: string): Word[] {
  const words: Word[] = []
  for (const match of text.matchAll(PARTS)) {
    const { index: start, groups } = match
    const [part] = match
    const end = start + part.length
    if (groups?.run !== undefined) {
      for (const { segment, index } of segmenter.segment(part)) {
        const folded = cut(foldUnspaced(segment))
        if (folded === '') continue
        words.push({ term: folded, folded, start: start + index, end: start + index + segment.length })
      }
      continue
    }
    const folded = cut(groups?.word === undefined ? part : foldSpaced(part))
    if (folded !== '') words.push({ term: stem(folded), folded, start, end })
  }
  return words
}

/** What lets a text without spaces be found wherever its words are thought to end: every two characters side by side. */
export function segmentGrams(text: string): Gram[] {
  const grams: Gram[] = []
  let run = 0
  for (const { 0: part, index } of text.matchAll(RUNS)) {
    const characters = [...part.matchAll(CHARACTERS)].map((match) => ({
      folded: foldUnspaced(match[0]),
      start: index + match.index,
      end: index + match.index + match[0].length,
    }))
    for (const [i, { folded, start, end }] of characters.entries()) {
      grams.push({ term: folded + (characters[i + 1]?.folded ?? ''), start, end, run })
    }
    run++
  }
  return grams
}

/** Whether a text has nothing but characters of scripts that are written without spaces. */
export function isUnspaced(text: string): boolean {
  return ONLY_UNSPACED.test(text)
}

/** Where a text has such characters one after the other. */
export function unspacedRuns(text: string): { start: number; end: number }[] {
  return Array.from(text.matchAll(RUNS), ({ 0: run, index }) => ({ start: index, end: index + run.length }))
}

const ONLY_UNSPACED = new RegExp(`^${UNSPACED}+$`, 'v')

function foldUnspaced(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(FOREIGN, '')
}

/** What compatibility decomposition may bring in: `(1)` of ⑴. The index takes ASCII letters and digits only. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const FOREIGN = /[\x00-\x2f\x3a-\x60\x7b-\x7f]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII is the common, fast case
const ASCII = /^[\x00-\x7f]*$/

function foldSpaced(word: string): string {
  const plain = word
    .toLowerCase()
    .replace(/['\u2019]s$/, '')
    .replace(/['\u2019]/g, '')
  if (ASCII.test(plain)) return plain
  return plain
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(FOREIGN, '')
}

function cut(term: string): string {
  if (term.length <= MAX_TERM) return term
  const short = term.slice(0, MAX_TERM)
  return short.isWellFormed() ? short : short.slice(0, -1)
}

const stems = new Map<string, string>()

function stem(word: string): string {
  const known = stems.get(word)
  if (known !== undefined) return known
  const made = /^[a-z]{3,}$/.test(word) ? stemmer(word) : word
  if (stems.size >= STEMS_KEPT) stems.clear()
  stems.set(word, made)
  return made
}
