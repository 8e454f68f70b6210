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
