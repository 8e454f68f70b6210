/**
 * What the defaults of keyword and hybrid search were chosen by: pairs of STS-B train that mean nearly the same (4 of 5 or
 * more). One sentence, or three of its words, asks for the other among all sentences of the set; mean reciprocal rank in
 * the first ten.
 *
 *   npx tsx scripts/bench/hybrid-choices.ts --stsb DIR [--pairs 600] [--seed 7]
 *
 * Needs `npm run build`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import { Kindred } from '#src/index.js'
import { fuse, type Ranked } from '#src/query/fusion.js'
import { segmentWords } from '#src/query/segment-words.js'
import { STOP_WORDS } from '#src/query/stop-words.js'
import { machineFacts } from './machine.js'
import { shuffledByKeys } from './shuffled.js'

const { values } = parseArgs({
  options: {
    stsb: { type: 'string', default: '' },
    pairs: { type: 'string', default: '600' },
    seed: { type: 'string', default: '7' },
  },
})
const random = seededRandom(Number(values.seed))
const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
const kindred = await Kindred.open({ home: folder })
const sums = new Map<string, number[]>()

function note(name: string, found: readonly string[], wanted: string, asked: string): void {
  const at = found
    .filter((id) => id !== asked)
    .slice(0, 10)
    .indexOf(wanted)
  sums.set(name, [...(sums.get(name) ?? []), at < 0 ? 0 : 1 / (at + 1)])
}

const ids = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id)

try {
  const lines = readFileSync(join(values.stsb, 'sts-train.csv'), 'utf8').split('\n')
  const rows = lines.map((line) => line.split('\t')).filter((row) => row.length > 6)
  const pairs = rows.map((row) => ({
    score: Number(row[4]),
    a: row[5]?.trim() ?? '',
    b: row[6]?.trim() ?? '',
  }))
  const sentences = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))]
  const collection = await kindred.collection('sentences')
  const idOf = new Map(sentences.map((text, i) => [text, `s${i}`]))
  await collection.add(sentences.map((text, i) => ({ id: `s${i}`, text })))
  await collection.settled()
  const search = async (text: string, mode: 'keyword' | 'dense'): Promise<Ranked[]> =>
    (await collection.search({ query: { text }, mode, k: 50, include: [] })).results

  const near = pairs.filter(({ score, a, b }) => score >= 4 && a !== b)
  for (const { a, b } of shuffledByKeys(near, random).slice(0, Number(values.pairs))) {
    const words = segmentWords(a).filter(({ folded }) => !STOP_WORDS.has(folded))
    const some = shuffledByKeys(words, random).slice(0, 3)
    const three = some.map(({ start, end }) => a.slice(start, end)).join(' ')
    for (const [kind, text] of [
      ['sentence', plain(a)],
      ['three words', three],
    ] as const) {
      if (text.trim() === '') continue
      const asked = kind === 'sentence' ? words : some
      const every = asked.map(({ start, end }) => `"${a.slice(start, end)}"`).join(' ')
      const any = await search(text, 'keyword')
      const all = every === '' ? [] : await search(every, 'keyword')
      const dense = await search(text, 'dense')
      const measure = (name: string, found: readonly string[]): void =>
        note(`${kind}: ${name}`, found, idOf.get(b) ?? '', idOf.get(a) ?? '')
      measure('keyword, any word', ids(any))
      measure('keyword, all words first', [...new Set([...ids(all), ...ids(any)])])
      measure('dense', ids(dense))
      for (const constant of [5, 10, 20, 60]) {
        measure(`hybrid, rrf ${constant}`, ids(fuse(dense, any, { fusion: 'rrf', alpha: 0.5, constant })))
      }
      measure('hybrid, score', ids(fuse(dense, any, { fusion: 'score', alpha: 0.5 })))
    }
  }
  console.log(
    `${machineFacts(['better-sqlite3', 'onnxruntime-node'])}\nseed: ${values.seed}; ${sentences.length} sentences\n`,
  )
  for (const [name, all] of sums) {
    console.log(`${(all.reduce((sum, value) => sum + value, 0) / all.length).toFixed(4)}  ${name}`)
  }
} finally {
  await kindred.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Without what would be a sign. */
function plain(text: string): string {
  return text.replace(/["*]/g, ' ').replace(/(^|\s)-/g, ' ')
}
