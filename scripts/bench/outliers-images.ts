/**
 * Outliers among pictures: how they are ranked, and how many are flagged wrongly, against bounds.
 *
 *   npx tsx scripts/bench/outliers-images.ts --mnist DIR [--only one-class,contaminated,clean,mixed,fdr] [--seeds 1]
 *     [--from-seed 1] [--encoders autoencoder] [--kept FOLDER] [--likeness]
 *
 * DIR is a folder of IDX files, gzipped, by their usual names (Fashion-MNIST's fit too: rules were chosen on those, not on
 * MNIST). Each of ten classes makes a collection of 3,000 or 300 pictures, described by the descriptor for strangers that
 * is fitted to it, beside an autoencoder of 8 dimensions that is trained on it (--encoder: or a pca, or none), whose
 * reconstruction error is a detector; neighbours are exact. `contaminated` and `mixed` put 1, 5 and 10 % of other classes in. `clean` and
 * `fdr` fit the descriptor to pictures that are in none of the 20 splits; with --own-descriptor to each split's reference, which takes
 * long. With --likeness the usual descriptor is taken.
 * Needs `npm run build`; training takes nearly all of the time, about a quarter of an hour of one core a
 * seed; --kept keeps what encoders said in a folder, and a second run takes that. Exits 1 where a bound is missed.
 */
import { parseArgs } from 'node:util'
import { falseDiscoveries } from '#src/anomaly/false-discovery.js'
import { type DetectionFit, fitDetection } from '#src/anomaly/fit-detection.js'
import { seededRandom } from '#src/core/random.js'
import { type DescriberOptions, describe, describerOf, Neighbourhood, pick } from './described-pictures.js'
import { type GreySet, readGreySets } from './idx-pixels.js'
import { COLUMN_OF } from './kept-reconstructions.js'
import { type Figure, machineFacts, printFigures } from './machine.js'
import { rankingQuality } from './ranking.js'
import { shuffled } from './shuffled.js'

const { values } = parseArgs({
  options: {
    mnist: { type: 'string' },
    only: { type: 'string', default: 'one-class,contaminated,clean,mixed,fdr' },
    seeds: { type: 'string', default: '1' },
    'from-seed': { type: 'string', default: '1' },
    encoders: { type: 'string', default: 'autoencoder' },
    kept: { type: 'string' },
    splits: { type: 'string', default: '20' },
    likeness: { type: 'boolean', default: false },
    'own-descriptor': { type: 'boolean', default: false },
  },
})

const CLASSES = 10
const RATE = 0.01
const FDR = 0.1
const SPLIT = { reference: 3_000, tested: 2_000, seen: 1_000, strangers: 53 }
const describedBy = {
  strangers: !values.likeness,
  encoders: encodersNamed(values.encoders),
  kept: values.kept,
}
const only = new Set(values.only.split(','))
const sets = readSets()

function readSets(): ReturnType<typeof readGreySets> {
  if (values.mnist) return readGreySets(values.mnist)
  console.error(
    'usage: npx tsx scripts/bench/outliers-images.ts --mnist DIR [--only one-class,contaminated,clean,mixed,fdr]',
  )
  process.exit(2)
}

function encodersNamed(list: string): DescriberOptions['encoders'] {
  const known = Object.keys(COLUMN_OF) as (keyof typeof COLUMN_OF)[]
  const names = list === 'none' ? [] : list.split(',')
  const unknown = names.find((name) => !known.some((kind) => kind === name))
  if (unknown === undefined) return known.filter((kind) => names.includes(kind))
  console.error(`--encoders must be of ${known.join(', ')}, or none; got ${unknown}`)
  process.exit(2)
}

function rowsOf(set: GreySet, own: boolean, label: number): number[] {
  return [...set.labels.keys()].filter((row) => (set.labels[row] === label) === own)
}

function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length
}

interface MixResult {
  auc: number
  /** Where it is said that the collection is clean; NaN where it is not. */
  aucClean: number
  /** Of each detector alone. */
  detectors: Record<string, number>
  falseAlarms: number
  recall: number
  estimate: number
  covered: boolean
}

/** A collection of one class with a part of others, judged as of unknown contamination; and test images by it. */
async function judgeMixOf(
  label: number,
  { size, part, seed }: { size: number; part: number; seed: number },
): Promise<MixResult> {
  const random = seededRandom(1_000 * seed + label)
  const others = Math.round(part * size)
  const rows = [
    ...shuffled(rowsOf(sets.train, true, label), random).slice(0, size - others),
    ...shuffled(rowsOf(sets.train, false, label), random).slice(0, others),
  ]
  const descriptor = await describerOf(sets.train, rows, describedBy)
  const collection = await describe(descriptor, sets.train, rows)
  const test = await describe(descriptor, sets.test, [...sets.test.labels.keys()].slice(0, 3_000))
  const aucOf = (scores: Float64Array): number =>
    rankingQuality(scores, (row) => sets.test.labels[row] !== label).auc
  const judge = (
    reference: 'clean' | 'mixed',
  ): DetectionFit & { auc: number; alone: MixResult['detectors'] } => {
    const fit = fitDetection(new Neighbourhood(collection).own(), { reference, seed })
    const kept = [...fit.trimmed.keys()].filter((row) => fit.trimmed[row] === 0)
    const { verdict, detectors } = fit.detection.score(new Neighbourhood(pick(collection, kept)).of(test))
    const alone = Object.entries(detectors).map(([name, told]) => [name, aucOf(told.scores)])
    return { ...fit, auc: aucOf(verdict), alone: Object.fromEntries(alone) }
  }
  const { detection, scores, auc, alone } = judge('mixed')
  const flagged = scores.pValues.map((p) => (p <= RATE ? 1 : 0))
  const { estimate, low, high } = detection.report.contamination
  return {
    auc,
    aucClean: part === 0 ? judge('clean').auc : Number.NaN,
    detectors: alone,
    falseAlarms: mean([...flagged.subarray(0, size - others)]),
    recall: mean([...flagged.subarray(size - others)]),
    estimate,
    covered: low <= part && part <= high,
  }
}

/** Whoever has a collection of one class may say so, or not. */
function oneClass(size: number, results: readonly MixResult[], bound: number): Figure[] {
  const what = `one class, ${size.toLocaleString('en')} images`
  return [
    atLeast(`${what}, said to be clean: ROC AUC`, mean(results.map((r) => r.aucClean)), bound),
    atLeast(`${what}, unknown mix: ROC AUC`, mean(results.map((r) => r.auc)), bound),
  ]
}

const PARTS = [0, 0.01, 0.05, 0.1]
const AUC_BOUNDS: Record<number, number> = { 0: 0.988, 0.05: 0.975, 0.1: 0.95 }

async function mixes(): Promise<Figure[]> {
  const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + Number(values['from-seed']))
  const run = async (size: number, part: number): Promise<MixResult[]> => {
    const results: MixResult[] = []
    for (const seed of seeds) {
      for (let label = 0; label < CLASSES; label++)
        results.push(await judgeMixOf(label, { size, part, seed }))
    }
    const show = (of: (result: MixResult) => number): string =>
      results.map((result) => of(result).toFixed(3)).join(' ')
    console.log(`  ${size} images, ${100 * part} % others; ROC AUC ${show((r) => r.auc)}`)
    console.log(`    false alarms ${show((r) => r.falseAlarms)}; recall ${show((r) => r.recall)}`)
    const names = Object.keys(results[0]?.detectors ?? {})
    const alone = names.map(
      (name) => `${name} ${mean(results.map((r) => r.detectors[name] ?? 0)).toFixed(3)}`,
    )
    console.log(`    each detector alone: ${alone.join(', ')}`)
    console.log(
      `    strangers, estimate ${show((r) => r.estimate)}; in the range told ${results.filter((r) => r.covered).length} of ${results.length}`,
    )
    return results
  }
  const figures: Figure[] = []
  const wanted = PARTS.filter(
    (part) =>
      only.has('mixed') || (part === 0 ? only.has('one-class') : part > 0.01 && only.has('contaminated')),
  )
  const found = new Map<number, MixResult[]>()
  for (const part of wanted) {
    const results = await run(3_000, part)
    found.set(part, results)
    const bound = AUC_BOUNDS[part]
    if (bound === undefined) continue
    if (part === 0) figures.push(...oneClass(3_000, results, bound))
    else
      figures.push(
        atLeast(`one class, ${100 * part} % others: ROC AUC`, mean(results.map((r) => r.auc)), bound),
      )
  }
  if (only.has('one-class')) figures.push(...oneClass(300, await run(300, 0), 0.984))
  if (only.has('mixed')) {
    const all = [...found.values()].flat()
    const rates = all.map((r) => r.falseAlarms).toSorted((a, b) => a - b)
    const at = (share: number): string =>
      `${(100 * (rates[Math.floor(share * rates.length)] ?? 0)).toFixed(2)} %`
    console.log(`  false alarms of nine in ten mixes: ${at(0.05)} to ${at(0.95)}`)
    figures.push(between('unknown mix, target 1 %: false alarms', mean(rates), [0.006, 0.022]))
    const recall = mean((found.get(0.05) ?? []).map((r) => r.recall))
    figures.push(atLeast('unknown mix of 5 %, target 1 %: recall', recall, 0.65))
  }
  return figures
}

/** A clean reference: the rate on new pictures of the class, and false discoveries where 5 % of new ones are others. */
async function clean(): Promise<Figure[]> {
  const rates: number[][] = []
  const discoveries: { wrong: number; found: number }[] = []
  for (let label = 0; label < CLASSES; label++) {
    const random = seededRandom(label + 1)
    const own = shuffled(rowsOf(sets.train, true, label), random)
    const used = SPLIT.reference + SPLIT.tested
    const descriptor = await describerOf(sets.train, own.slice(used), describedBy)
    const othersRows = shuffled(rowsOf(sets.train, false, label), random).slice(0, 1_000)
    let described = await describe(descriptor, sets.train, own.slice(0, used))
    let others = await describe(descriptor, sets.train, othersRows)
    rates.push([])
    for (let split = 0; split < Number(values.splits); split++) {
      const order = shuffled([...Array(used).keys()], random)
      const strange = shuffled([...Array(others.count).keys()], random).slice(0, SPLIT.strangers)
      if (values['own-descriptor']) {
        const fitted = await describerOf(
          sets.train,
          order.slice(0, SPLIT.reference).map((i) => own[i] as number),
          describedBy,
        )
        described = await describe(fitted, sets.train, own.slice(0, used))
        others = await describe(fitted, sets.train, othersRows)
      }
      const reference = pick(described, order.slice(0, SPLIT.reference))
      const neighbourhood = new Neighbourhood(reference)
      const { detection } = fitDetection(neighbourhood.own(), { reference: 'clean', seed: split })
      const tested = detection.score(neighbourhood.of(pick(described, order.slice(SPLIT.reference))))
      rates[label]?.push(mean([...tested.pValues.map((p) => (p <= RATE ? 1 : 0))]))
      if (split >= 10) continue
      const strangers = detection.score(neighbourhood.of(pick(others, strange)))
      const pValues = Float64Array.of(...tested.pValues.subarray(0, SPLIT.seen), ...strangers.pValues)
      const { flagged, count } = falseDiscoveries(pValues, {
        fdr: FDR,
        calibratedOn: detection.report.calibratedOn,
      })
      const wrong = flagged.subarray(0, SPLIT.seen).reduce((sum, flag) => sum + flag, 0)
      discoveries.push({ wrong: count === 0 ? 0 : wrong / count, found: (count - wrong) / SPLIT.strangers })
    }
    console.log(`  class ${label}: false alarms ${(100 * mean(rates[label] ?? [])).toFixed(2)} %`)
  }
  const byClass = rates.map(mean)
  console.log(
    `  of 5 % strangers found at an fdr of ${FDR}: ${mean(discoveries.map((d) => d.found)).toFixed(3)}`,
  )
  return [
    between('clean reference, target 1 %: false alarms', mean(byClass), [0.008, 0.012]),
    between('the same, the class with the most', Math.max(...byClass), [0, 0.015]),
    between(
      `clean reference, fdr ${FDR}, ${discoveries.length} runs: false discoveries`,
      mean(discoveries.map((d) => d.wrong)),
      [0, 0.11],
    ),
  ]
}

function atLeast(what: string, value: number, bound: number): Figure {
  return { what, value: value.toFixed(4), bound: `at least ${bound}`, holds: value >= bound }
}

function between(what: string, value: number, [low, high]: readonly [number, number]): Figure {
  const percent = (part: number): string => `${Number((100 * part).toFixed(2))} %`
  return {
    what,
    value: percent(value),
    bound: `${percent(low)} to ${percent(high)}`,
    holds: value >= low && value <= high,
  }
}

console.log(machineFacts([]))
const started = performance.now()
const figures = await mixes()
if (only.has('clean') || only.has('fdr')) figures.push(...(await clean()))
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`)
if (!printFigures(figures)) process.exitCode = 1
