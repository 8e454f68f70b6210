import type { Random } from '../core/random.js'

/** Queries that mean nothing: two to ten words in a row, each drawn at random. */
export function nonsenseQueries(words: readonly string[], count: number, random: Random): string[] {
  const word = (): string => words[random.int(words.length)] ?? ''
  return Array.from({ length: count }, () => Array.from({ length: 2 + random.int(9) }, word).join(' '))
}
