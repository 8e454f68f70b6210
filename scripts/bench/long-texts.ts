/**
 * Whether a search of k items answers k where every item has many passages: one near item could take up all the places of
 * a list of vectors.
 */
import { type Random, seededRandom } from '#src/core/random.js'
import type { Kindred } from '#src/index.js'
import type { Figure } from './machine.js'

const K = 10
const QUERIES = 50
/** About 20 passages of 256 tokens that overlap by .15, at 1.3 tokens a word. */
const WORDS_AN_ITEM = 3_300

/**
 * Asks collections of long texts, made of sentences drawn at random, for the ten nearest items.
 *
 * @param sizes items of each collection; an item takes the encoder about a second
 */
export async function longTexts(
  kindred: Kindred,
  { sentences, sizes, seed }: { sentences: readonly string[]; sizes: readonly number[]; seed: number },
): Promise<Figure[]> {
  const random = seededRandom(seed)
  const figures: Figure[] = []
  for (const items of sizes) {
    const collection = await kindred.collection(`long-${items}`)
    for (let i = 0; i < items; i++) await collection.add([{ id: `t${i}`, text: longText(sentences, random) }])
    await collection.settled()
    const vectors = (await collection.summary()).spaces.find(({ name }) => name === 'text')?.vectors ?? 0
    const expected = Math.min(K, items)
    for (const mode of ['dense', 'hybrid'] as const) {
      const answered: number[] = []
      for (let i = 0; i < QUERIES; i++) {
        const sentence = sentences[random.int(sentences.length)] ?? ''
        // without signs: quotation marks and hyphens say what must be there and what must not
        const query = { text: (sentence.match(/[\p{L}\p{N}]+/gu) ?? []).join(' ') }
        answered.push((await collection.search({ query, mode, k: K, include: [] })).results.length)
      }
      const [least, most] = [Math.min(...answered), Math.max(...answered)]
      const passages = (vectors / items).toFixed(0)
      figures.push({
        what: `${items} long texts, ${passages} passages each, ${QUERIES} ${mode} queries, k 10: items`,
        value: least === most ? String(least) : `${least} to ${most}`,
        bound: `= ${expected}`,
        holds: least === expected && most === expected,
      })
    }
  }
  return figures
}

function longText(sentences: readonly string[], random: Random): string {
  const drawn: string[] = []
  for (let words = 0; words < WORDS_AN_ITEM; ) {
    const sentence = sentences[random.int(sentences.length)] ?? 'Nothing.'
    drawn.push(sentence)
    words += sentence.split(' ').length
  }
  return drawn.join(' ')
}
