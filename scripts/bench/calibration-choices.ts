/**
 * What the weights of `src/query/judge-match.ts` were fitted by: real queries and random words of other vocabularies, asked
 * of sets that are not those which scripts/bench/calibration.ts measures by.
 *
 *   npx tsx scripts/bench/calibration-choices.ts --stsb DIR [--seed 11]
 *
 * - STS-B train by genre: the one sentence of a pair that means nearly the same (4 of 5 or more) asks for the other;
 * - emoji by their label and tags: every second tag that is no word of the label is left out and asks for it;
 * - sections of this project's documents and of some packages' readmes: the heading asks for what stands under it.
 *
 * Every set and class counts the same. Vectors are compared one by one, and the words with every text. Needs
 * `npm run build`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import { dot } from '#src/core/vectors.js'
import { Kindred } from '#src/index.js'
import { type Distribution, deviationsAbove, distributionOf } from '#src/query/calibration.js'
import { DEVIATIONS_RANGE, NONE_BELOW } from '#src/query/judge-match.js'
import { nonsenseQueries } from '#src/query/nonsense.js'
import { contentTerms, WordRarity } from '#src/query/word-rarity.js'
import { fitLogistic, likelihood } from './logistic.js'
import { machineFacts } from './machine.js'
import { vocabularyOf } from './nonsense.js'
import { shuffledByKeys } from './shuffled.js'

const { values } = parseArgs({
  options: { stsb: { type: 'string', default: '' }, seed: { type: 'string', default: '11' } },
})
const random = seededRandom(Number(values.seed))
const ROOT = new URL('../../', import.meta.url)
const QUERIES = 150

interface QuerySet {
  name: string
  texts: string[]
  real: string[]
}

/** A query's evidence. */
interface Row {
  set: string
  real: boolean
  deviations: number
  words: number
}

function sentences(): QuerySet[] {
  const lines = readFileSync(join(values.stsb, 'sts-train.csv'), 'utf8').split('\n')
  const rows = lines.map((line) => line.split('\t')).filter((row) => row.length > 6)
  return ['main-captions', 'main-news', 'main-forum'].map((genre) => {
    const pairs = shuffledByKeys(
      rows.filter(([name]) => name === genre),
      random,
    ).map((row) => ({ score: Number(row[4]), a: row[5]?.trim() ?? '', b: row[6]?.trim() ?? '' }))
    const texts = [...new Set(pairs.map(({ b }) => b))].slice(0, 900)
    const there = new Set(texts)
    const asks = pairs.filter(({ score, a, b }) => score >= 4 && there.has(b) && !there.has(a))
    return { name: `STS-B ${genre}`, texts, real: asks.map(({ a }) => a) }
  })
}

function emoji(): QuerySet {
  const lines = readFileSync(new URL('data/emoji/emoji.jsonl', ROOT), 'utf8').split('\n').filter(Boolean)
  const all = lines.map(
    (line) => (JSON.parse(line) as { metadata: { label: string; tags?: string[] } }).metadata,
  )
  const some = shuffledByKeys(all, random).slice(0, 1_200)
  const held = some.map(({ label, tags = [] }) => {
    const own = new Set(label.toLowerCase().split(/\W+/))
    return tags.filter((tag) => !own.has(tag)).filter((_, i) => i % 2 === 0)
  })
  const texts = some.map(({ label, tags = [] }, i) =>
    [label, ...tags.filter((tag) => !held[i]?.includes(tag))].join(', '),
  )
  const real = held.filter((tags) => tags.length >= 2).map((tags) => tags.slice(0, 4).join(' '))
  return { name: 'emoji', texts, real }
}

function sections(): QuerySet {
  const own = readdirSync(new URL('docs', ROOT)).filter((name) => name.endsWith('.md'))
  const packages = ['commander/Readme.md', 'fast-check/README.md', 'zod/README.md']
  const files = [
    'README.md',
    ...own.map((name) => `docs/${name}`),
    ...packages.map((name) => `node_modules/${name}`),
  ]
  const parts = files.flatMap((name) => readFileSync(new URL(name, ROOT), 'utf8').split(/^#+ /m).slice(1))
  const read = parts.map((part) => {
    const [heading = '', ...rest] = part.split('\n')
    const text = rest
      .join(' ')
      .replace(/```.*?```/gs, ' ')
      .replace(/\s+/g, ' ')
      .trim()
    return { heading: heading.replace(/[`#]/g, ''), text: text.slice(0, 1_200) }
  })
  const long = read.filter(({ text }) => text.length > 120)
  const headings = long.map(({ heading }) => heading).filter((heading) => heading.split(' ').length > 1)
  return { name: 'sections', texts: long.map(({ text }) => text), real: shuffledByKeys(headings, random) }
}

async function evidence(
  kindred: Kindred,
  { name, texts, real }: QuerySet,
  foreign: string[][],
): Promise<Row[]> {
  const { vectors } = await kindred.embed(texts)
  const best = async (queries: string[]): Promise<number[]> => {
    const asked = await kindred.embed(queries, { as: 'query' })
    return asked.vectors.map((query) => Math.max(...vectors.map((vector) => dot(query, vector))))
  }
  const own = nonsenseQueries(vocabularyOf(texts), 100, random)
  const reached: Distribution = distributionOf(await best(own))
  const terms = texts.map(contentTerms)
  const rarity = new WordRarity()
  for (const words of terms) rarity.add(words)
  const judge = async (queries: string[], isReal: boolean): Promise<Row[]> => {
    const scores = await best(queries)
    return queries.map((query, i) => {
      const asked = contentTerms(query)
      const words = Math.max(...terms.map((text) => rarity.share(asked, text) ?? 0))
      return { set: name, real: isReal, deviations: bounded(deviationsAbove(reached, scores[i] ?? 0)), words }
    })
  }
  const each = Math.ceil(QUERIES / foreign.length)
  const nonsense = foreign.flatMap((words) => nonsenseQueries(words, each, random))
  return [...(await judge(real.slice(0, QUERIES), true)), ...(await judge(nonsense, false))]
}

function bounded(deviations: number): number {
  const [least, most] = DEVIATIONS_RANGE
  return Math.min(most, Math.max(least, deviations))
}

function report(name: string, rows: readonly Row[], features: (row: Row) => number[]): void {
  const size = (row: Row): number =>
    rows.filter(({ set, real }) => set === row.set && real === row.real).length
  const weights = fitLogistic(
    rows.map((row) => ({ features: features(row), positive: row.real, weight: 1 / size(row) })),
  )
  console.log(`\n${name}: constant, weights: ${weights.map((weight) => weight.toFixed(2)).join(', ')}`)
  for (const set of new Set(rows.map((row) => row.set))) {
    const none = (real: boolean): string => {
      const some = rows.filter((row) => row.set === set && row.real === real)
      const marked = some.filter((row) => likelihood(weights, features(row)) < NONE_BELOW)
      return `${((100 * marked.length) / some.length).toFixed(1)} % of ${some.length}`
    }
    console.log(`  ${set.padEnd(22)} marked none: nonsense ${none(false)}, real ${none(true)}`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
const kindred = await Kindred.open({ home: folder })
try {
  console.log(`${machineFacts(['onnxruntime-node', 'stemmer'])}\nseed: ${values.seed}`)
  const sets = [...sentences(), emoji(), sections()]
  const vocabularies = sets.map(({ texts }) => vocabularyOf(texts))
  const rows: Row[] = []
  for (const [i, set] of sets.entries()) {
    rows.push(
      ...(await evidence(
        kindred,
        set,
        vocabularies.filter((_, other) => other !== i),
      )),
    )
  }
  report('deviations and words', rows, ({ deviations, words }) => [deviations, words])
  report('deviations alone', rows, ({ deviations }) => [deviations])
} finally {
  await kindred.close()
  rmSync(folder, { recursive: true, force: true })
}
