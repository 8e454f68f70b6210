import type { Json, Metadata } from '../core/types.js'
import { segmentGrams, segmentWords } from './segment-words.js'

/** The terms of an item in the columns of the keyword index. */
export interface KeywordDocument {
  text: string[]
  fields: string[]
  grams: string[]
}

export type KeywordColumn = keyof KeywordDocument

/** Stands between values and runs, so that no phrase reaches from one into the next; no word is like it. */
const BORDER = '\u00a6'

/** @param values strings of the metadata: see {@link keywordValues} */
export function keywordDocument(text: string | null, values: readonly string[]): KeywordDocument {
  const grams: string[] = []
  for (const value of text === null ? values : [text, ...values]) addGrams(grams, value)
  const fields: string[] = []
  for (const value of values) {
    if (fields.length > 0) fields.push(BORDER)
    for (const { term } of segmentWords(value)) fields.push(term)
  }
  return { text: text === null ? [] : segmentWords(text).map(({ term }) => term), fields, grams }
}

/**
 * The strings that lie under paths of the metadata, those in arrays one by one.
 *
 * @param paths names, with dots into objects: `title`, `author.name`; what is not a string there is left out
 */
export function keywordValues(metadata: Metadata, paths: readonly string[]): string[] {
  return paths.flatMap((path) => stringsAt(metadata, path.split('.')))
}

function stringsAt(value: Json | undefined, path: readonly string[]): string[] {
  if (Array.isArray(value)) return value.flatMap((element) => stringsAt(element, path))
  const [key, ...rest] = path
  if (key === undefined) return typeof value === 'string' ? [value] : []
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return []
  return stringsAt(value[key], rest)
}

function addGrams(grams: string[], text: string): void {
  let before = -1
  for (const { term, run } of segmentGrams(text)) {
    if (run !== before && grams.length > 0) grams.push(BORDER)
    before = run
    grams.push(term)
  }
}
