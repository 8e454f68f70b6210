import type { KeywordHit, KeywordSearchQuery } from '#src/core/backend.js'
import type { KeywordClause } from '#src/core/keyword-query.js'
import type { Metadata } from '#src/core/types.js'
import { type KeywordDocument, keywordDocument, keywordValues } from '#src/query/keyword-document.js'
import { admits, countPhrase, holds } from '#src/query/match-keywords.js'

const WEIGHTS = { text: 1, fields: 1, grams: 0.5 }
const K1 = 1.2
const B = 0.75

export interface KeywordItem {
  id: string
  text: string | null
  metadata: Metadata
}

/** BM25 over items in memory, each looked at: what a keyword index has to answer. */
export function searchKeywords(
  items: readonly KeywordItem[],
  paths: readonly string[],
  { query, k }: KeywordSearchQuery,
): KeywordHit[] {
  const all = items.map(({ id, text, metadata }) => ({
    id,
    document: keywordDocument(text, keywordValues(metadata, paths)),
  }))
  const documents = all.filter(({ document }) => lengthOf(document) > 0)
  const mean = documents.reduce((sum, { document }) => sum + lengthOf(document), 0) / documents.length
  const asked = [...query.all, ...query.any]
  const rarities = new Map(
    asked.flatMap(({ phrases }) =>
      phrases.map((phrase) => {
        const found = documents.filter(({ document }) => holds({ phrases: [phrase] }, document)).length
        const rarity = Math.log((documents.length - found + 0.5) / (found + 0.5))
        return [phrase, Math.max(1e-6, rarity)] as const
      }),
    ),
  )
  const scoreOf = (clause: KeywordClause, document: KeywordDocument): number =>
    clause.phrases.reduce((sum, phrase) => {
      const counts = countPhrase(phrase, document)
      const tf = WEIGHTS.text * counts.text + WEIGHTS.fields * counts.fields + WEIGHTS.grams * counts.grams
      const length = 1 - B + (B * lengthOf(document)) / mean
      return sum + ((rarities.get(phrase) ?? 0) * tf * (K1 + 1)) / (tf + K1 * length)
    }, 0)
  return documents
    .filter(({ document }) => admits(query, document))
    .filter(({ document }) => query.all.length > 0 || query.any.some((clause) => holds(clause, document)))
    .map(({ id, document }) => ({
      id,
      score: asked.reduce((sum, clause) => sum + scoreOf(clause, document), 0),
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
}

function lengthOf({ text, fields, grams }: KeywordDocument): number {
  return text.length + fields.length + grams.length
}
