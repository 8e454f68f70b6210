import type { Random } from '#src/core/random.js'
import { segmentWords } from '#src/query/segment-words.js'
import { STOP_WORDS } from '#src/query/stop-words.js'

/** The different words of texts, one of each stem: letters only, three or more, no stop words. */
export function vocabularyOf(texts: readonly string[]): string[] {
  const words = new Map<string, string>()
  for (const text of texts) {
    for (const { term, folded } of segmentWords(text)) {
      if (!STOP_WORDS.has(folded) && /^[a-z]{3,}$/.test(folded)) words.set(term, folded)
    }
  }
  return [...words.values()]
}

/** Queries of two to ten words of a vocabulary, each word as likely. */
export function nonsense(words: readonly string[], count: number, random: Random): string[] {
  const word = (): string => words[random.int(words.length)] ?? ''
  return Array.from({ length: count }, () => Array.from({ length: 2 + random.int(9) }, word).join(' '))
}
