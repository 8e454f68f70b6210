/**
 * What judging new items costs: adding them to a collection whose detectors were fitted, until all are judged, against the
 * same adds to one without detectors. Both until everything is in the indexes. So few are added that the detectors are not
 * fitted again meanwhile.
 *
 *   npx tsx scripts/bench/judging.ts [--only texts,pictures,vectors] [--seed 1] [--rounds 3]
 *
 * Texts and pictures are those of the demo collections (emoji, Fashion-MNIST); vectors are clustered, of 384 dimensions.
 * Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { renderRecords } from '#src/cli/render-records.js'
import { seededRandom } from '#src/core/random.js'
import type { CollectionOptions, ItemInput } from '#src/core/types.js'
import { readEmoji, readFashion } from '#src/datasets/demo-sets.js'
import { ImageWorkers } from '#src/images/image-workers.js'
import { type Collection, Kindred } from '#src/index.js'
import { clusteredVectors } from './clustered-vectors.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'
import { shuffled } from './shuffled.js'

const BOUND = 1.5
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'texts,pictures,vectors' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
  },
})
const rounds = Number(values.rounds)

interface Kind {
  /** Items that the detectors are fitted to. */
  base: number
  /** Items that are added in each round. */
  added: number
  /** Of one `add`. */
  batch: number
  options?: CollectionOptions
  items(): Promise<ItemInput[]>
}

const KINDS: Record<string, Kind> = {
  texts: {
    ...{ base: 1_300, added: 150, batch: 50 },
    async items() {
      const items: ItemInput[] = []
      for await (const { id, text } of readEmoji()) items.push({ id, text })
      // in their own order the last are of other groups than the first, and the detectors would be fitted again
      return shuffled(items, seededRandom(Number(values.seed)))
    },
  },
  pictures: {
    ...{ base: 4_000, added: 500, batch: 50 },
    async items() {
      const items: ItemInput[] = []
      const images = ImageWorkers.create()
      const { signal } = new AbortController()
      for await (const record of renderRecords(readFashion(), images, signal)) {
        if ('item' in record) items.push(record.item)
        if (items.length === 4_000 + 500 * rounds) break
      }
      await images.close()
      return items
    },
  },
  vectors: {
    ...{ base: 13_000, added: 2_000, batch: 100 },
    options: { spaces: [{ name: 'v', dim: 384 }] },
    async items() {
      const count = 13_000 + 2_000 * rounds
      const { vectors } = clusteredVectors({ seed: Number(values.seed), count, dim: 384, queries: 0 })
      return Array.from({ length: count }, (_, i) => ({
        id: `v${i}`,
        vectors: { v: vectors.subarray(i * 384, (i + 1) * 384) },
      }))
    },
  },
}

console.log(machineFacts(['hnswlib-node', 'better-sqlite3', 'onnxruntime-node']))
console.log(`seed: ${values.seed}; ${rounds} rounds, taken in turn\n`)
const home = mkdtempSync(join(tmpdir(), 'kindred-judging-'))
const kindred = await Kindred.open({ home })
try {
  const figures: Figure[] = []
  for (const name of values.only.split(',')) figures.push(await measure(name))
  process.exitCode = printFigures(figures) ? 0 : 1
} finally {
  await kindred.close()
  rmSync(home, { recursive: true, force: true })
}

async function measure(name: string): Promise<Figure> {
  const kind = KINDS[name]
  if (!kind) throw new Error(`no kind ${name}; there are ${Object.keys(KINDS).join(', ')}`)
  const items = await kind.items()
  const [plain, judged] = [
    await kindred.collection(`${name}-plain`, kind.options),
    await kindred.collection(`${name}-judged`, kind.options),
  ]
  for (const collection of [plain, judged]) {
    for (let from = 0; from < kind.base; from += 10 * kind.batch) {
      await addAll(collection, items.slice(from, Math.min(kind.base, from + 10 * kind.batch)), kind.batch)
      // pictures have their descriptor fitted to them in the background, at each fourfold number: none of that is to fall into a round
      for (const { id } of kindred.jobs.list()) for await (const job of kindred.jobs.watch(id)) void job
    }
  }
  await (await judged.detect()).finished
  const ratios: number[] = []
  const times: [number, number][] = []
  for (let round = 0; round < rounds; round++) {
    const from = kind.base + round * kind.added
    const some = items.slice(from, from + kind.added)
    const withoutJudging = await timed(async () => {
      await addAll(plain, some, kind.batch)
    })
    const withJudging = await timed(async () => {
      await addAll(judged, some, kind.batch)
      // waits until all are judged
      const { scored } = await judged.outliers({ limit: 1 })
      if (scored !== from + some.length) throw new Error(`${scored} judged, not ${from + some.length}`)
    })
    times.push([withJudging, withoutJudging])
    ratios.push(withJudging / withoutJudging)
  }
  const again = kindred.jobs.list().filter(({ kind: job }) => job === 'redetect')
  if (again.length > 0)
    throw new Error(`the detectors of ${again[0]?.collection} were fitted again meanwhile`)
  const ratio = median(ratios)
  const each = times
    .map((pair) => pair.map((ms) => ((1_000 * ms) / kind.added).toFixed(0)).join('/'))
    .join(', ')
  return {
    what: `${name}: adding with judging / without (us an item: ${each})`,
    value: ratio.toFixed(2),
    bound: `<= ${BOUND}`,
    holds: ratio <= BOUND,
  }
}

async function addAll(collection: Collection, items: readonly ItemInput[], batch: number): Promise<void> {
  for (let from = 0; from < items.length; from += batch) await collection.add(items.slice(from, from + batch))
  await collection.settled()
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}
