import { segmentWords, type Word } from './segment-words.js'
import { STOP_WORDS } from './stop-words.js'

/** The words of a text that carry meaning. */
export function contentWords(text: string): Word[] {
  return segmentWords(text).filter(({ folded }) => !STOP_WORDS.has(folded))
}

/** The same as the keyword index knows them, each once. */
export function contentTerms(text: string): Set<string> {
  return new Set(contentWords(text).map(({ term }) => term))
}

/** Knows in how many of some texts words stand. */
export class WordRarity {
  readonly #counts: Map<string, number>
  #texts: number

  constructor(counts: Iterable<readonly [string, number]> = [], texts = 0) {
    this.#counts = new Map(counts)
    this.#texts = texts
  }

  get texts(): number {
    return this.#texts
  }

  counts(): IterableIterator<[string, number]> {
    return this.#counts.entries()
  }

  add(terms: ReadonlySet<string>): void {
    this.#texts++
    for (const term of terms) this.#counts.set(term, (this.#counts.get(term) ?? 0) + 1)
  }

  /** `ln(1 + (n - df + .5) / (df + .5))`, BM25's inverse document frequency as Lucene keeps it above 0. */
  rarity(term: string): number {
    const found = this.#counts.get(term) ?? 0
    return Math.log(1 + (this.#texts - found + 0.5) / (found + 0.5))
  }

  /**
   * What part of a query's words a text has, rare words counting more: the sum of the rarities of those it has by the sum
   * of all.
   *
   * @returns 0 to 1; undefined where the query has no word that carries meaning
   */
  share(query: ReadonlySet<string>, text: ReadonlySet<string>): number | undefined {
    let [has, all] = [0, 0]
    for (const term of query) {
      const rarity = this.rarity(term)
      all += rarity
      if (text.has(term)) has += rarity
    }
    return all > 0 ? has / all : undefined
  }
}
