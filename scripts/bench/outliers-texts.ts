/**
 * Outliers among texts, by detector and by what the verdict would be if the autoencoder had a part in it: the figures that its
 * weight was chosen by. Texts of one kind are mixed with a few of another: emoji of one group among those of the others, and those
 * of others among one group; with --shared also sentences of STS-B and first sentences and beginnings of the abstracts of
 * Cranfield and Medline among each other.
 *
 *   npx tsx scripts/bench/outliers-texts.ts [--shared DIR] [--seeds 1] [--reference mixed|clean]
 *
 * DIR holds `stsb`, `cranfield` and `medline`. Neighbours are exact. Needs `npm run build`; takes some minutes. Nothing is bound.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bank } from '#src/anomaly/bank.js'
import { NEIGHBOURS } from '#src/anomaly/detectors/neighbours.js'
import { fitDetection } from '#src/anomaly/fit-detection.js'
import { entriesOf, jointVerdict } from '#src/anomaly/joint-verdict.js'
import { samplePlaces } from '#src/anomaly/sample-rows.js'
import type { DetectionRows } from '#src/core/detection.js'
import { seededRandom } from '#src/core/random.js'
import { readEmoji } from '#src/datasets/demo-sets.js'
import { Kindred } from '#src/index.js'
import { readCranfield, readMedline } from './judged.js'
import { machineFacts } from './machine.js'
import { type RankingQuality, rankingQuality } from './ranking.js'

const { values } = parseArgs({
  options: {
    shared: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    reference: { type: 'string', default: 'mixed' },
  },
})
const reference = values.reference === 'clean' ? 'clean' : 'mixed'
const seeds = Number(values.seeds)
/** Parts of the autoencoder beside 1 of neighbours, in units of n / (n + columns). */
const PARTS = [0, 1, 2]

interface Mix {
  name: string
  usual: Float32Array[]
  others: Float32Array[]
  /** Strangers to a usual text. */
  part: number
}

console.log(machineFacts(['onnxruntime-node']))
console.log(`${seeds} seeds, ${reference} reference; ROC AUC / average precision, x 100\n`)
const home = mkdtempSync(join(tmpdir(), 'kindred-outliers-'))
const kindred = await Kindred.open({ home })
const totals = new Map<string, RankingQuality[]>()
try {
  for (const mix of [...(await emojiMixes()), ...(await sharedMixes())]) {
    for (let seed = 1; seed <= seeds; seed++) {
      for (const [name, quality] of judge(mix, seed)) totals.set(name, [...(totals.get(name) ?? []), quality])
    }
    print(mix.name, seeds)
  }
  print('mean of all')
} finally {
  await kindred.close()
  rmSync(home, { recursive: true, force: true })
}

async function embed(texts: readonly string[]): Promise<Float32Array[]> {
  const vectors: Float32Array[] = []
  for (let from = 0; from < texts.length; from += 256)
    vectors.push(...(await kindred.embed(texts.slice(from, from + 256), { as: 'passage' })).vectors)
  return vectors
}

async function emojiMixes(): Promise<Mix[]> {
  const emoji: { text: string; group: string }[] = []
  for await (const { text = '', metadata } of readEmoji())
    emoji.push({ text, group: String(metadata?.group) })
  const vectors = await embed(emoji.map(({ text }) => text))
  return [...new Set(emoji.map(({ group }) => group))].flatMap((group) => {
    const own = vectors.filter((_, i) => emoji[i]?.group === group)
    const rest = vectors.filter((_, i) => emoji[i]?.group !== group)
    const among = { name: `${group} among emoji`, usual: rest, others: own, part: 0.03 }
    const beside = { name: `emoji among ${group}`, usual: own, others: rest, part: 0.05 }
    // too few to be a collection
    return [...(own.length > 60 ? [among] : []), ...(own.length > 150 ? [beside] : [])]
  })
}

async function sharedMixes(): Promise<Mix[]> {
  if (!values.shared) return []
  const sentences = readFileSync(join(values.shared, 'stsb', 'sts-train.csv'), 'utf8')
    .split('\n')
    .flatMap((line) => line.split('\t')[5] || [])
  const unlike = [...new Set(sentences)]
  const cranfield = readCranfield(join(values.shared, 'cranfield')).documents.map(({ text }) => text)
  const medline = readMedline(join(values.shared, 'medline')).documents.map(({ text }) => text)
  const stsb = await embed(
    Array.from({ length: 3_000 }, (_, i) => unlike[Math.floor((i * unlike.length) / 3_000)] ?? ''),
  )
  const beginnings = (texts: string[]) => embed(texts.map((text) => text.slice(0, 600)))
  const firsts = (texts: string[]) =>
    embed(texts.map((text) => (text.split(/\s?\.\s/)[0] || text).slice(0, 200)))
  const [flow, medical] = [await beginnings(cranfield), await beginnings(medline)]
  const [flowFirst, medicalFirst] = [await firsts(cranfield), await firsts(medline)]
  return [
    { name: 'Cranfield sentences among STS-B', usual: stsb, others: flowFirst, part: 0.03 },
    { name: 'Medline sentences among STS-B', usual: stsb, others: medicalFirst, part: 0.03 },
    { name: 'Medline abstracts among Cranfield', usual: flow, others: medical, part: 0.03 },
    { name: 'Cranfield abstracts among Medline', usual: medical, others: flow, part: 0.1 },
    { name: 'STS-B among Cranfield sentences', usual: flowFirst, others: stsb, part: 0.1 },
  ]
}

function judge({ usual, others, part }: Mix, seed: number): Map<string, RankingQuality> {
  const strangers = samplePlaces(others.length, Math.round(part * usual.length), seededRandom(seed))
  const all = [...usual, ...[...strangers].map((place) => others[place] as Float32Array)]
  const [count, dim] = [all.length, all[0]?.length ?? 0]
  const rows: DetectionRows = { values: new Float32Array(count * dim), count, dim, columns: {}, texts: true }
  for (const [i, vector] of all.entries()) rows.values.set(vector, i * dim)
  const own = Int32Array.from(all.keys())
  rows.nearest = new Bank(rows, 'cosine').nearest(rows, NEIGHBOURS, own).distances
  const { scores } = fitDetection(rows, { reference, seed })
  const surprises = Object.fromEntries(
    entriesOf(scores.detectors).map(([name, { pValues }]) => [name, pValues.map((p) => -Math.log(p))]),
  )
  const trust = count / (count + dim)
  const quality = (found: Float64Array) => rankingQuality(found, (row) => row >= usual.length)
  return new Map([
    ...entriesOf(scores.detectors).map(([name, said]) => [name, quality(said.scores)] as const),
    ...PARTS.map((ae) => {
      const weights = { neighbours: 1, mahalanobis: 2 * trust, autoencoder: ae * trust }
      return [`verdict with ${ae}`, quality(jointVerdict(surprises, weights, count))] as const
    }),
  ])
}

/** @param last how many of the latest results are averaged; default: all */
function print(name: string, last = Number.POSITIVE_INFINITY): void {
  console.log(`\n${name}`)
  for (const [detector, qualities] of totals) {
    const some = qualities.slice(-last)
    const mean = (of: (quality: RankingQuality) => number): string =>
      ((100 * some.reduce((sum, quality) => sum + of(quality), 0)) / some.length).toFixed(1)
    console.log(
      `  ${detector.padEnd(16)} ${mean(({ auc }) => auc)} / ${mean(({ averagePrecision }) => averagePrecision)}`,
    )
  }
}
