/**
 * How well strangers are ranked without labels, on tables and on embeddings, and how fast.
 *
 *   npx tsx scripts/bench/outliers.ts FOLDER [--python PYTHON] [--seeds 5] [--only quality,speed]
 *
 * FOLDER holds .npz files with `X`, shape [rows, columns], and `y`, 1 for a stranger; those whose names begin with CV or
 * NLP are embeddings. PYTHON is an interpreter with PyOD (pip install pyod): its detectors stand in the same table, over
 * standardised columns, and its isolation forest and nearest neighbours are timed against all of ours, in three rounds in turns. Needs
 * `npm run build`. Exits 1 where a bound is missed.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fitDetection } from '#src/anomaly/fit-detection.js'
import { spaceKind } from '#src/anomaly/space-kind.js'
import type { DetectionRows } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'
import { readNpz } from './npz-reader.js'
import { type RankingQuality, rankingQuality } from './ranking.js'

const SPEED_ROWS = 10_000
const SPEED_COLUMNS = 384
const SPEED_ROUNDS = 3

interface LabelledSet {
  name: string
  rows: DetectionRows
  strange: (row: number) => boolean
}

/** By who ranked, then by set. */
type Table = Map<string, Map<string, RankingQuality>>

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'quality,speed' },
  },
})
const [folder] = positionals
const seeds = Number(values.seeds)
const only = new Set(values.only.split(','))
if (folder === undefined) {
  console.error(
    'usage: npx tsx scripts/bench/outliers.ts FOLDER [--python PYTHON] [--seeds 5] [--only quality,speed]',
  )
  process.exitCode = 2
} else {
  console.log(machineFacts([]))
  const figures = only.has('quality') ? rankAll(folder) : []
  if (values.python && only.has('speed')) figures.push(...speed(values.python))
  if (!printFigures(figures)) process.exitCode = 1
}

function rankAll(from: string): Figure[] {
  console.log(`seeds 0 to ${seeds - 1}`)
  const sets = readSets(from)
  const table: Table = new Map()
  for (const set of sets) judge(set, table)
  if (values.python) judgePeers(values.python, from, table)
  printTable(table, sets)
  return quality(table, sets)
}

function readSets(from: string): LabelledSet[] {
  return readdirSync(from)
    .filter((file) => file.endsWith('.npz'))
    .sort()
    .map((file) => {
      const arrays = readNpz(join(from, file))
      const [x, y] = [arrays.get('X'), arrays.get('y')]
      if (x === undefined || y === undefined) throw new Error(`${file} has no X or no y`)
      const [count = 0, dim = 0] = x.shape
      return {
        name: file,
        rows: { values: Float32Array.from(x.values), count, dim, columns: {} },
        strange: (row) => y.values[row] === 1,
      }
    })
}

function judge({ name, rows, strange }: LabelledSet, table: Table): void {
  const sums = new Map<string, RankingQuality>()
  for (let seed = 0; seed < seeds; seed++) {
    const { scores } = fitDetection(rows, { reference: 'mixed', seed })
    const ranked = Object.entries(scores.detectors).map(([by, part]) => [by, part.scores] as const)
    for (const [by, given] of [['verdict', scores.verdict] as const, ...ranked]) {
      const { auc, averagePrecision } = rankingQuality(given, strange)
      const sum = sums.get(by) ?? { auc: 0, averagePrecision: 0 }
      sums.set(by, {
        auc: sum.auc + auc / seeds,
        averagePrecision: sum.averagePrecision + averagePrecision / seeds,
      })
    }
  }
  for (const [by, mean] of sums) put(table, { by, set: name, quality: mean })
  console.log(`${name}: ${rows.count} x ${rows.dim}, taken for ${spaceKind(rows)}`)
}

function judgePeers(python: string, from: string, table: Table): void {
  for (const line of runPeers(python, ['sets', from, String(seeds)])) {
    if (!('set' in line)) console.log(`peers: ${JSON.stringify(line)}`)
    else {
      const { set, name, auc, averagePrecision } = line as unknown as RankingQuality & Record<string, string>
      put(table, { by: `PyOD ${name}`, set: set ?? '', quality: { auc, averagePrecision } })
    }
  }
}

function runPeers(python: string, args: readonly string[]): Record<string, unknown>[] {
  const script = fileURLToPath(new URL('./outliers-pyod.py', import.meta.url))
  const output = execFileSync(python, [script, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 })
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function put(
  table: Table,
  { by, set, quality: found }: { by: string; set: string; quality: RankingQuality },
): void {
  const row = table.get(by) ?? new Map<string, RankingQuality>()
  row.set(set, found)
  table.set(by, row)
}

function isEmbedding(name: string): boolean {
  return /^(CV|NLP)/.test(name)
}

function meanOf(table: Table, by: string, names: readonly string[]): RankingQuality {
  const found = names.map(
    (name) => table.get(by)?.get(name) ?? { auc: Number.NaN, averagePrecision: Number.NaN },
  )
  const mean = (of: (quality: RankingQuality) => number): number =>
    found.reduce((sum, one) => sum + of(one), 0) / found.length
  return { auc: mean(({ auc }) => auc), averagePrecision: mean((one) => one.averagePrecision) }
}

/** ROC AUC and average precision, in hundredths, a column a set. */
function printTable(table: Table, sets: readonly LabelledSet[]): void {
  const names = sets.map(({ name }) => name)
  const cell = ({ auc, averagePrecision }: RankingQuality): string =>
    `${(100 * auc).toFixed(1)} / ${(100 * averagePrecision).toFixed(1)}`.padStart(13)
  const short = (name: string): string => name.replace(/\.npz$/, '').slice(-12)
  console.log(
    `\nROC AUC / average precision, x 100\n${''.padEnd(14)}${[...names.map(short), 'mean', 'embeddings'].map((name) => name.padStart(13)).join('')}`,
  )
  for (const by of table.keys()) {
    const cells = names.map((name) => cell(meanOf(table, by, [name])))
    cells.push(cell(meanOf(table, by, names)), cell(meanOf(table, by, names.filter(isEmbedding))))
    console.log(`${by.padEnd(14)}${cells.join('')}`)
  }
  console.log('')
}

function quality(table: Table, sets: readonly LabelledSet[]): Figure[] {
  const names = sets.map(({ name }) => name)
  const all = meanOf(table, 'verdict', names)
  const embeddings = meanOf(table, 'verdict', names.filter(isEmbedding))
  return [
    atLeast(`verdict, ${names.length} sets: mean ROC AUC`, all.auc, 0.835),
    atLeast(`verdict, ${names.length} sets: mean average precision`, all.averagePrecision, 0.485),
    atLeast('verdict, embeddings: mean ROC AUC', embeddings.auc, 0.79),
  ]
}

function atLeast(what: string, value: number, bound: number): Figure {
  return { what, value: value.toFixed(4), bound: `at least ${bound}`, holds: value >= bound }
}

/** Three groups of normal rows: times do not depend on what they hold. */
function speed(python: string): Figure[] {
  const random = seededRandom(1)
  const centres = Float32Array.from({ length: 3 * SPEED_COLUMNS }, () => random.normal())
  const numbers = Float32Array.from(
    { length: SPEED_ROWS * SPEED_COLUMNS },
    (_, i) =>
      (centres[(Math.floor(i / SPEED_COLUMNS) % 3) * SPEED_COLUMNS + (i % SPEED_COLUMNS)] ?? 0) +
      random.normal(),
  )
  const home = mkdtempSync(join(tmpdir(), 'kindred-outliers-'))
  try {
    const file = join(home, 'rows.f32')
    writeFileSync(file, new Uint8Array(numbers.buffer))
    const rows: DetectionRows = { values: numbers, count: SPEED_ROWS, dim: SPEED_COLUMNS, columns: {} }
    const times = { fit: [] as number[], score: [] as number[] }
    const peers = { fit: [] as number[], score: [] as number[] }
    for (let round = 0; round < SPEED_ROUNDS; round++) {
      const lines = runPeers(python, ['speed', file, String(SPEED_ROWS), String(SPEED_COLUMNS)])
      for (const part of ['fit', 'score'] as const)
        peers[part].push(
          lines.reduce((sum, line) => sum + (typeof line[part] === 'number' ? line[part] : 0), 0),
        )
      const started = performance.now()
      const { detection } = fitDetection(rows, { reference: 'mixed', seed: 1 })
      const fitted = performance.now()
      detection.score(rows)
      times.fit.push((fitted - started) / 1000)
      times.score.push((performance.now() - fitted) / 1000)
    }
    return [
      atMostOne('10,000 x 384 unlabelled, fitted twice and scored', median(times.fit), median(peers.fit)),
      atMostOne('10,000 x 384 new items scored', median(times.score), median(peers.score)),
    ]
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function atMostOne(what: string, seconds: number, peers: number): Figure {
  return {
    what: `${what}: of PyOD's time`,
    value: `${(seconds / peers).toFixed(2)} (${seconds.toFixed(1)} s)`,
    bound: `at most 1 (${peers.toFixed(1)} s)`,
    holds: seconds <= peers,
  }
}
