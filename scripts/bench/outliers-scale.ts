/**
 * Outliers of a large collection, through the engine: vectors of the user's own are added, the detectors are fitted and judge all of
 * them, the strangest are listed, and new items are judged. Prints seconds, memory and the longest stall of the answering thread.
 *
 *   npx tsx scripts/bench/outliers-scale.ts [--count 100000] [--dim 384] [--seed 1]
 *
 * Vectors of length 1 in 20 clusters, of which one in a thousand lies apart. Memory is the process's largest resident set of each step
 * above that before the engine was opened, in multiples of the raw vectors; the input lies in memory before that and does not count.
 * Needs `npm run build`, Linux for memory, and a machine at rest; takes some minutes. Exits 1 where a bound is missed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { ItemInput } from '#src/core/types.js'
import { Kindred } from '#src/index.js'
import { clusteredVectors } from './clustered-vectors.js'
import { type Figure, machineFacts, printFigures, processMemory } from './machine.js'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    dim: { type: 'string', default: '384' },
    seed: { type: 'string', default: '1' },
  },
})
const [count, dim, seed] = [Number(values.count), Number(values.dim), Number(values.seed)]
const BATCH = 1_000
const NEW = 1_000
/** Seconds that fitting and judging may take, memory in multiples of the raw vectors, and the longest stall. */
const BOUNDS = { detectSeconds: 120, newSeconds: 5, memory: 5, stallMs: 100 }

console.log(machineFacts(['hnswlib-node', 'better-sqlite3']))
console.log(`seed: ${seed}; ${count} x ${dim}\n`)
const { vectors } = clusteredVectors({ seed, count: count + NEW, dim, queries: 0, clusters: 20 })
// strangers: one in a thousand, around other centres
const others = clusteredVectors({ seed: seed + 1, count: Math.ceil((count + NEW) / 1_000), dim, queries: 0 })
for (let i = 0; i < others.vectors.length / dim; i++)
  vectors.set(others.vectors.subarray(i * dim, (i + 1) * dim), (1_000 * i + 500) * dim)
const raw = 4 * count * dim
const home = mkdtempSync(join(tmpdir(), 'kindred-outliers-scale-'))
const before = processMemory('VmRSS')
const kindred = await Kindred.open({ home })
const figures: Figure[] = []
try {
  const collection = await kindred.collection('large', { spaces: [{ name: 'v', dim }] })
  await measured('add', { memory: Number.POSITIVE_INFINITY }, async () => {
    for (let from = 0; from < count; from += BATCH) await collection.add(itemsOf(from, from + BATCH))
  })
  await measured('index', { memory: Number.POSITIVE_INFINITY }, () => collection.settled())
  const { flagged, report } = await measured(
    'detect',
    { seconds: BOUNDS.detectSeconds },
    async () => (await collection.detect()).finished,
  )
  const found = await measured('list', {}, () => collection.outliers({ limit: 100 }))
  await measured(`${NEW} new items`, { seconds: BOUNDS.newSeconds }, async () => {
    await collection.add(itemsOf(count, count + NEW))
    const { scored } = await collection.outliers({ limit: 1 })
    if (scored !== count + NEW) throw new Error(`${scored} are judged, not ${count + NEW}`)
  })
  await measured('nothing, for a second', {}, () => sleep(1_000))
  const planted = found.outliers.filter(({ id }) => Number(id) % 1_000 === 500).length
  console.log(
    `fitted to ${report.items} of ${count}; ${flagged} flagged; ${planted} of the 100 strangest were planted\n`,
  )
  process.exitCode = printFigures(figures) ? 0 : 1
} finally {
  await kindred.close()
  rmSync(home, { recursive: true, force: true })
}

function itemsOf(from: number, to: number): ItemInput[] {
  return Array.from({ length: to - from }, (_, i) => ({
    id: String(from + i),
    vectors: { v: vectors.subarray((from + i) * dim, (from + i + 1) * dim) },
  }))
}

/** @param bounds of seconds and memory; the stall's is always the same */
async function measured<T>(
  what: string,
  { seconds = Number.POSITIVE_INFINITY, memory = BOUNDS.memory }: { seconds?: number; memory?: number },
  work: () => Promise<T>,
): Promise<T> {
  forgetPeak()
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const began = performance.now()
  const result = await work()
  const took = (performance.now() - began) / 1_000
  delay.disable()
  const stall = delay.max / 1e6
  const peak = (processMemory('VmHWM') - before) / raw
  figures.push(
    figure(`${what}: seconds`, took, seconds),
    figure(`${what}: memory, x the raw vectors`, peak, memory),
    figure(`${what}: longest stall of the answering thread, ms`, stall, BOUNDS.stallMs),
  )
  return result
}

function figure(what: string, value: number, bound: number): Figure {
  const bounded = Number.isFinite(bound)
  // memory is unknown beside Linux
  const holds = !bounded || Number.isNaN(value) || value <= bound
  return { what, value: value.toFixed(2), bound: bounded ? `<= ${bound}` : '', holds }
}

/** The largest resident set is counted anew from here. */
function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // not Linux: there is no such figure
  }
}
