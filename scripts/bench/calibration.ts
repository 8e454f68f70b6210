/**
 * Whether queries that mean nothing are told from real ones: random words of another collection's vocabulary, asked of
 * Cranfield and of Medline, beside the collections' own queries; what the verdict costs a search; and the longest block of
 * the answering thread while a calibration is made.
 *
 *   npx tsx scripts/bench/calibration.ts --cranfield DIR --medline DIR [--count 300] [--seed 1] [--only verdicts,cost]
 *
 * Needs `npm run build`. Nothing is chosen by these sets: they measure only. Exits 1 where a bound is missed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import type { SearchAnswer, SearchMode } from '#src/core/types.js'
import { type Collection, Kindred } from '#src/index.js'
import { nonsenseQueries } from '#src/query/nonsense.js'
import { type JudgedSet, readCranfield, readMedline } from './judged.js'
import { judgingCost, longestBlock } from './judging-cost.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'
import { vocabularyOf } from './nonsense.js'

const { values } = parseArgs({
  options: {
    cranfield: { type: 'string', default: '' },
    medline: { type: 'string', default: '' },
    count: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'verdicts,cost' },
  },
})
const seed = Number(values.seed)
const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
const kindred = await Kindred.open({ home: folder })

async function ask(
  collection: Collection,
  texts: readonly string[],
  mode: SearchMode,
): Promise<SearchAnswer[]> {
  const answers: SearchAnswer[] = []
  for (const text of texts) answers.push(await collection.search({ query: { text }, mode }))
  return answers
}

function shareOf(answers: readonly SearchAnswer[], match: SearchAnswer['match']): number {
  return answers.filter((answer) => answer.match === match).length / answers.length
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

async function measure(set: JudgedSet, other: JudgedSet): Promise<Figure[]> {
  const collection = await kindred.collection(set.name)
  await collection.add(set.documents)
  await collection.settled()
  const real = set.queries.map(({ text }) => text)
  const words = vocabularyOf(other.documents.map(({ text }) => text))
  const random = seededRandom(seed)
  const sets = {
    real,
    nonsense: nonsenseQueries(words, Number(values.count), random),
    foreign: other.queries.map(({ text }) => text),
  }
  const before = (await ask(collection, real.slice(0, 1), 'hybrid'))[0]
  const began = performance.now()
  await collection.search({ query: { text: 'calibrate' }, calibrated: true })
  const figures: Figure[] = [
    note(`${set.name}, made behind the first search`, `${(performance.now() - began).toFixed(0)} ms`),
    note('  that search had a verdict', String(before?.match !== undefined)),
  ]
  for (const mode of ['hybrid', 'dense'] as const) {
    const [right, wrong, foreign] = [
      await ask(collection, sets.real, mode),
      await ask(collection, sets.nonsense, mode),
      await ask(collection, sets.foreign, mode),
    ]
    const [lost, told] = [shareOf(right, 'none'), shareOf(wrong, 'none')]
    const bounded = mode === 'hybrid'
    figures.push({
      what: `${set.name}, ${mode}: ${wrong.length} nonsense queries marked none`,
      value: percent(told),
      bound: bounded ? '>= 90 %' : '',
      holds: !bounded || told >= 0.9,
    })
    figures.push({
      what: `${set.name}, ${mode}: ${right.length} real queries marked none`,
      value: percent(lost),
      bound: bounded ? '<= 5 %' : '',
      holds: !bounded || lost <= 0.05,
    })
    figures.push(
      note(
        '  real marked weak; good',
        `${percent(shareOf(right, 'weak'))}; ${percent(shareOf(right, 'good'))}`,
      ),
    )
    figures.push(
      note(
        `  ${foreign.length} real queries of ${other.name} marked none`,
        percent(shareOf(foreign, 'none')),
      ),
    )
    figures.push(note('  median search', `${median(right.map(({ tookMs }) => tookMs)).toFixed(2)} ms`))
  }
  return figures
}

function note(what: string, value: string): Figure {
  return { what, value, bound: '', holds: true }
}

try {
  console.log(`${machineFacts(['better-sqlite3', 'onnxruntime-node', 'stemmer'])}\nseed: ${seed}\n`)
  const [cranfield, medline] = [readCranfield(values.cranfield), readMedline(values.medline)]
  const parts: Record<string, () => Promise<Figure[]>> = {
    verdicts: async () => [...(await measure(cranfield, medline)), ...(await measure(medline, cranfield))],
    cost: async () => [...(await longestBlock(kindred)), ...(await judgingCost(cranfield, folder))],
  }
  let holds = true
  for (const part of values.only.split(',')) holds = printFigures((await parts[part]?.()) ?? []) && holds
  process.exitCode = holds ? 0 : 1
} finally {
  await kindred.close()
  rmSync(folder, { recursive: true, force: true })
}
