/** What may be found, and how many items have each of its phrases. */
export interface CountedClause<C> {
  clause: C
  counts: readonly number[]
}

/** A way to find the best: items that have one of `must`, with what `may` adds to their scores. */
export interface KeywordStep<C> {
  must: C[]
  may: C[]
  /** No item that has none of `must` scores more. The way has worked where the last of the k best does. */
  bound: number
}

/** `k1 + 1` of BM25: what a word's rarity is multiplied with at most. */
const MOST_OF_TF = 2.2
/** Items below which comparing them all costs less than trying. */
const WORTH_IT = 2_000

/**
 * How to find the best items for words of which one suffices without scoring all items that have a common one: an item
 * that has only common words cannot come near one that has the rare ones (the idea of MaxScore, Turtle and Flood 1995).
 *
 * @param words rarest first, see {@link clauseCount}
 * @param items of the collection
 * @returns ways to try in turn; the last one always works
 */
export function keywordPlan<C>(words: readonly CountedClause<C>[], items: number): KeywordStep<C>[] {
  const rarities = words.map(({ counts }) => sum(counts.map((count) => rarity(count, items))))
  const found = words.map(clauseCount)
  const clauses = words.map(({ clause }) => clause)
  const steps: KeywordStep<C>[] = []
  for (let split = 1; split < words.length; split++) {
    const bound = sum(rarities.slice(split)) * MOST_OF_TF
    const spared = sum(found.slice(split))
    const scored = sum(found.slice(0, split))
    // an item of middling length that has each of the rare words once scores the sum of their rarities
    if (bound > sum(rarities.slice(0, split)) || spared < WORTH_IT || spared < scored) continue
    steps.push({ must: clauses.slice(0, split), may: clauses.slice(split), bound })
    if (steps.length === 2) break
  }
  return [...steps, { must: clauses, may: [], bound: 0 }]
}

/** How many items a clause finds at most. */
export function clauseCount({ counts }: CountedClause<unknown>): number {
  return sum(counts)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** As the bm25() of SQLite's FTS5 computes it. */
function rarity(count: number, items: number): number {
  return Math.max(1e-6, Math.log((items - count + 0.5) / (count + 0.5)))
}
