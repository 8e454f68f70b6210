/** Terms that stand side by side in one part of the keyword index. */
export interface KeywordPhrase {
  /** `words`: of the text and the metadata fields; `grams`: pairs of characters of scripts without spaces. */
  within: 'words' | 'grams'
  /** At least one; letters and digits only where they are ASCII. */
  terms: string[]
  /** The last term may go on. */
  prefix: boolean
}

/** A word or phrase that was asked for: found where any of its phrases is. */
export interface KeywordClause {
  /** At least one; more than one for what can be found in more than one way. */
  phrases: KeywordPhrase[]
}

/** What is asked of a keyword index. At least one of `all` and `any` is not empty. */
export interface KeywordQuery {
  /** Must be found. */
  all: KeywordClause[]
  /** Where `all` is empty at least one must be found; else they only add to the score. */
  any: KeywordClause[]
  /** Must not be found. */
  none: KeywordClause[]
}

/** Where the words of a query stand in a part of a text, in UTF-16 units of the whole text. */
export interface KeywordMatch {
  /** Of the item that was looked at. */
  revision: number
  /** Whether it holds what must be found, and nothing of what must not. */
  admitted: boolean
  /** The part that was looked at: the one given, else the one where most of the query stands. */
  start: number
  end: number
  /** In order, not overlapping. */
  marks: [start: number, end: number][]
}
