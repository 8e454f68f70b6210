import type { KeywordMatch, KeywordQuery } from '../../core/keyword-query.js'
import type { FilterQuestion, MatchingKeys } from './filter-messages.js'

/** An item in whose text words are looked for, and the part of it, if that is known. */
export interface MatchedItem {
  id: string
  part?: { start: number; end: number }
}

export interface KeywordRequest {
  op: 'keyword'
  collection: number
  query: KeywordQuery
  k: number
  /** Only items that match. */
  matching?: (MatchingKeys & { question: FilterQuestion }) | undefined
}

export interface MatchRequest {
  op: 'match'
  collection: number
  query: KeywordQuery
  items: MatchedItem[]
}

/** What the query thread is asked; each operation with what it answers. */
export interface QueryOperations {
  keyword: { request: KeywordRequest; result: { id: string; score: number }[] }
  match: { request: MatchRequest; result: [id: string, match: KeywordMatch][] }
}

export type QueryRequest = QueryOperations[keyof QueryOperations]['request']
