/**
 * A collection of precomputed vectors against raw hnswlib-node: recall, searches, bulk add, stalls, reopening,
 * memory, and what is left after deletes and updates.
 *
 *   npx tsx scripts/bench/collection.ts [--count 30000] [--dim 384] [--seed 1] [--only PART,…]
 *
 * Parts: add, stall, encode, memory, batches, reopen, search, churn. Each runs in a process of its own, one after the other;
 * reopen and search use what add left behind.
 * Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import hnswlib from 'hnswlib-node'
import type { Metric } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import type { ItemInput } from '#src/core/types.js'
import { Kindred } from '#src/index.js'
import { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M } from '#src/indexes/hnsw-index.js'
import { clusteredVectors } from './clustered-vectors.js'
import { type Figure, machineFacts, median, printFigures, processMemory } from './machine.js'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '30000' },
    dim: { type: 'string', default: '384' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'add,stall,encode,memory,batches,reopen,search,churn' },
    part: { type: 'string' },
    home: { type: 'string', default: '' },
  },
})
const count = Number(values.count)
const dim = Number(values.dim)
const seed = Number(values.seed)
const home = values.home

async function runAll(): Promise<void> {
  const parts = values.only.split(',')
  if (!parts.includes('add') && parts.some((part) => part === 'reopen' || part === 'search')) {
    console.error('reopen and search use what add left behind: --only add,reopen,search')
    process.exit(2)
  }
  console.log(machineFacts(['hnswlib-node']))
  console.log(
    `seed: ${seed}; ${count} clustered unit vectors of ${dim} dimensions; m ${DEFAULT_M}, efConstruction ${DEFAULT_EF_CONSTRUCTION}, ef ${DEFAULT_EF}\n`,
  )
  const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  let holds = true
  try {
    for (const part of parts) holds = printFigures(await runPart(part, folder)) && holds
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.exitCode = holds ? 0 : 1
}

function runPart(part: string, folder: string): Promise<Figure[]> {
  const args = [
    '--part',
    part,
    '--home',
    folder,
    '--count',
    values.count,
    '--dim',
    values.dim,
    '--seed',
    values.seed,
  ]
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), args, {
    execArgv: ['--import', 'tsx', '--expose-gc'],
  })
  return new Promise((resolve, reject) => {
    child.once('message', (figures) => resolve(figures as Figure[]))
    child.once('exit', (code) => reject(new Error(`part ${part} ended with code ${code}`)))
  })
}

interface Input {
  items: ItemInput[]
  vectors: Float32Array[]
  queries: Float32Array[]
}

function makeInput(prefix = 'item', withSeed = seed): Input {
  const made = clusteredVectors({ seed: withSeed, count, dim, queries: 1_000 })
  const vectors = Array.from({ length: count }, (_, i) => made.vectors.subarray(i * dim, (i + 1) * dim))
  return {
    vectors,
    queries: made.queries,
    items: vectors.map((vector, i) => ({ id: `${prefix}-${i}`, vectors: { v: vector } })),
  }
}

const spaces = (metrics: Metric[] = ['cosine']) => ({ spaces: [{ name: 'v', dim, metrics }] })

function rawIndex(): InstanceType<typeof hnswlib.HierarchicalNSW> {
  return new hnswlib.HierarchicalNSW('cosine', dim)
}

function rawBuild(vectors: readonly Float32Array[]): {
  index: InstanceType<typeof hnswlib.HierarchicalNSW>
  ms: number
} {
  const index = rawIndex()
  index.initIndex(vectors.length, DEFAULT_M, DEFAULT_EF_CONSTRUCTION, 100)
  const began = performance.now()
  for (const [label, vector] of vectors.entries()) index.addPoint(Array.from(vector), label)
  return { index, ms: performance.now() - began }
}

/** From the call of `add` until everything is acknowledged and in the index, against raw insertions alone. */
async function add(): Promise<Figure[]> {
  const { items, vectors } = makeInput()
  const ours: number[] = []
  const acknowledged: number[] = []
  const raw: number[] = []
  for (let round = 0; round < 2; round++) {
    raw.push(rawBuild(vectors).ms)
    const kindred = await Kindred.open({ home: join(home, `add-${round}`) })
    const collection = await kindred.collection('c', spaces())
    const began = performance.now()
    await collection.add(items)
    acknowledged.push(performance.now() - began)
    await collection.settled()
    ours.push(performance.now() - began)
    await kindred.close()
  }
  raw.push(rawBuild(vectors).ms)
  const ratio = median(ours) / median(raw)
  return [
    figure('bulk add, acknowledged and indexed / raw build', ratio, '<= 1.25', ratio <= 1.25),
    fact('  of that, until acknowledged and searchable (exact)', `${Math.round(median(acknowledged))} ms`),
    fact('  until indexed; raw build', `${Math.round(median(ours))} ms; ${Math.round(median(raw))} ms`),
  ]
}

/** Searches every few milliseconds until told to stop, and keeps how long each took. */
function startClient(ask: () => Promise<unknown>): { stop(): Promise<number[]> } {
  let running = true
  const took: number[] = []
  const done = (async () => {
    while (running) {
      const began = performance.now()
      await ask()
      took.push(performance.now() - began)
      await sleep(5)
    }
  })()
  return {
    async stop() {
      running = false
      await done
      return took
    },
  }
}

async function stalled(work: () => Promise<unknown>, ask: () => Promise<unknown>) {
  globalThis.gc?.()
  const delay = monitorEventLoopDelay({ resolution: 5 })
  const client = startClient(ask)
  delay.enable()
  await work()
  delay.disable()
  const took = await client.stop()
  return { ms: delay.max / 1e6, took }
}

/** The longest stall of the answering thread during a bulk add, its index build and the swap, while a client searches. */
async function stall(): Promise<Figure[]> {
  const { items, queries } = makeInput()
  const worst: number[] = []
  let asked = 0
  for (let round = 0; round < 3; round++) {
    const kindred = await Kindred.open({ home: join(home, `stall-${round}`) })
    const collection = await kindred.collection('c', spaces())
    await collection.add(items.slice(0, 100).map((item) => ({ ...item, id: `warm-${item.id}` })))
    let next = 0
    const { ms, took } = await stalled(
      async () => {
        await collection.add(items)
        await collection.settled()
      },
      () =>
        collection.search({
          query: { vector: queries[next++ % queries.length] as Float32Array },
          include: [],
        }),
    )
    worst.push(ms)
    asked += took.length
    await kindred.close()
  }
  const ms = median(worst)
  return [
    figure('longest stall during that add, a client searching, ms', ms, '<= 50', ms <= 50, 1),
    fact(
      '  of 3 rounds; searches answered meanwhile',
      `${worst.map((x) => x.toFixed(1)).join(', ')}; ${asked}`,
    ),
  ]
}

/** The same while 10,000 texts are encoded. */
async function encode(): Promise<Figure[]> {
  const kindred = await Kindred.open({ home: join(home, 'encode') })
  const collection = await kindred.collection('t')
  await collection.add([{ id: 'warm', text: 'a text that warms the encoder up' }])
  const random = seededRandom(seed)
  const words =
    'river stone market winter engine letter garden window doctor music history silver forest yellow question travel kitchen number island summer'.split(
      ' ',
    )
  const sentence = (): string =>
    Array.from({ length: 6 + random.int(14) }, () => words[random.int(words.length)]).join(' ')
  const texts = Array.from({ length: 10_000 }, (_, i) => ({ id: `t-${i}`, text: `${sentence()} ${i}` }))
  const { ms, took } = await stalled(
    () => collection.add(texts),
    () => collection.search({ query: { text: sentence() }, k: 5 }),
  )
  await kindred.close()
  return [
    figure('longest stall while 10,000 texts are encoded, a client searching, ms', ms, '<= 50', ms <= 50, 1),
    fact(
      '  searches answered meanwhile; their median, worst',
      `${took.length}; ${median(took).toFixed(0)} ms, ${Math.max(...took).toFixed(0)} ms`,
    ),
  ]
}

// resident memory above the same process with an empty collection, warm encoders and the same input
const memory = () => memoryOf('one add', count)
const batches = () => memoryOf('adds of 1,000', 1_000)

async function memoryOf(name: string, batch: number): Promise<Figure[]> {
  const raw = count * dim * 4
  const { items } = makeInput()
  const kindred = await Kindred.open({ home: join(home, `memory-${batch}`) })
  await kindred.embed(['a text that warms the encoder up'])
  const collection = await kindred.collection('c', spaces())
  globalThis.gc?.()
  await sleep(500)
  const base = processMemory('VmRSS')
  resetPeak()
  for (let from = 0; from < count; from += batch) await collection.add(items.slice(from, from + batch))
  await collection.settled()
  const peak = processMemory('VmHWM') - base
  globalThis.gc?.()
  await sleep(2_000)
  globalThis.gc?.()
  const steady = processMemory('VmRSS') - base
  await kindred.close()
  return [
    figure(`resident memory, ${name}, steady / raw vectors`, steady / raw, '<= 3', steady <= 3 * raw),
    figure('  peak of add, builds and swaps / raw vectors', peak / raw, '<= 6', peak <= 6 * raw),
  ]
}

function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // then the peak is that since the process began, which is no less
  }
}

/** From opening the home to the first answer, with the index that was saved. */
async function reopen(): Promise<Figure[]> {
  const { queries } = makeInput()
  const took: number[] = []
  let builds = 0
  let strategy = ''
  for (let round = 0; round < 5; round++) {
    const began = performance.now()
    const kindred = await Kindred.open({ home: join(home, 'add-0') })
    const collection = await kindred.getCollection('c')
    const answer = await collection.search({ query: { vector: queries[round] as Float32Array } })
    took.push(performance.now() - began)
    strategy = answer.plan.strategy
    builds += kindred.jobs.list().length
    await kindred.close()
  }
  const ms = median(took)
  return [
    figure('reopening until the first answer, ms', ms, '<= 1000', ms <= 1_000, 0),
    figure(
      `  index builds that it took (answers by ${strategy})`,
      builds,
      '= 0',
      builds === 0 && strategy === 'hnsw',
      0,
    ),
  ]
}

/** Recall at the default setting, and searches a second beside raw hnswlib in turns. */
async function search(): Promise<Figure[]> {
  const { vectors, queries } = makeInput()
  const kindred = await Kindred.open({ home: join(home, 'add-0') })
  const collection = await kindred.getCollection('c')
  const { index } = rawBuild(vectors)
  index.setEf(DEFAULT_EF)
  const ids = vectors.map((_, i) => `item-${i}`)
  const rawRound = async (): Promise<number> => {
    const began = performance.now()
    for (const query of queries) {
      const { neighbors, distances } = index.searchKnn(Array.from(query), 10)
      neighbors.map((label, i) => ({ id: ids[label], distance: distances[i] }))
    }
    return (queries.length / (performance.now() - began)) * 1000
  }
  const ourRound = async (): Promise<number> => {
    const began = performance.now()
    for (const vector of queries) await collection.search({ query: { vector }, k: 10, include: [] })
    return (queries.length / (performance.now() - began)) * 1000
  }
  await rawRound()
  await ourRound()
  const ours: number[] = []
  const raw: number[] = []
  const ratios: number[] = []
  for (let round = 0; round < 9; round++) {
    const [a, b] =
      round % 2 === 0 ? [await ourRound(), await rawRound()] : [await rawRound(), await ourRound()].reverse()
    ours.push(a as number)
    raw.push(b as number)
    ratios.push((a as number) / (b as number))
    await nextTurn()
  }
  const recall = await recallOf(collection, queries.slice(0, 500))
  await kindred.close()
  const ratio = median(ratios)
  return [
    figure('recall@10 at the default setting', recall, '>= 0.99', recall >= 0.99, 4),
    figure(
      'searches a second in process, with ids / raw hnswlib at the same ef',
      ratio,
      '>= 0.9',
      ratio >= 0.9,
    ),
    fact('  ours; raw', `${Math.round(median(ours))}/s; ${Math.round(median(raw))}/s`),
  ]
}

type Searchable = Awaited<ReturnType<Kindred['collection']>>

async function recallOf(
  collection: Searchable,
  queries: readonly Float32Array[],
  metric: Metric = 'cosine',
): Promise<number> {
  let found = 0
  for (const vector of queries) {
    const request = { query: { vector }, k: 10, metric, include: [] }
    const truth = await collection.search({ ...request, exact: true })
    const ids = new Set(truth.results.map(({ id }) => id))
    for (const { id } of (await collection.search(request)).results) if (ids.has(id)) found++
  }
  return found / (queries.length * 10)
}

/** 20 % random deletes and 20 % updates, for the metrics in which a vector is its own nearest. */
async function churn(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const metric of ['cosine', 'euclidean'] as const) {
    const { items, vectors, queries } = makeInput()
    const fresh = makeInput('item', seed + 1).vectors
    const kindred = await Kindred.open({ home: join(home, `churn-${metric}`) })
    const collection = await kindred.collection('c', spaces([metric]))
    await collection.add(items)
    await collection.settled()
    const random = seededRandom(seed)
    const order = vectors.map((_, i) => ({ i, at: random.uniform() })).sort((a, b) => a.at - b.at)
    const deleted = order.slice(0, count / 5).map(({ i }) => `item-${i}`)
    const updated = order.slice(count / 5, (2 * count) / 5).map(({ i }) => i)
    for (let from = 0; from < deleted.length; from += 500) {
      await collection.remove(deleted.slice(from, from + 500))
      const changed = updated.slice(from, from + 500)
      await collection.add(
        changed.map((i) => ({ id: `item-${i}`, vectors: { v: fresh[i] as Float32Array } })),
      )
      for (const i of changed) vectors[i] = fresh[i] as Float32Array
    }
    // as it is, with whatever the background has done so far; then once more when all is done
    const gone = new Set(deleted)
    for (const when of ['at once', 'settled']) {
      if (when === 'settled') await collection.settled()
      const recall = await recallOf(collection, queries.slice(0, 200), metric)
      let lost = 0
      let returned = 0
      for (const [i, vector] of vectors.entries()) {
        if (gone.has(`item-${i}`)) continue
        const { results } = await collection.search({ query: { vector }, k: 10, metric, include: [] })
        if (results[0]?.id !== `item-${i}`) lost++
        for (const { id } of results) if (gone.has(id)) returned++
      }
      figures.push(
        figure(
          `${metric}, 20 % deleted, 20 % updated, ${when}: recall@10`,
          recall,
          '>= 0.99',
          recall >= 0.99,
          4,
        ),
        figure('  live items not found by their own vector', lost, '= 0', lost === 0, 0),
        figure('  deleted ids in answers', returned, '= 0', returned === 0, 0),
      )
    }
    await kindred.close()
  }
  return figures
}

function figure(what: string, value: number, bound: string, holds: boolean, digits = 2): Figure {
  return { what, value: value.toFixed(digits), bound, holds }
}

function fact(what: string, value: string): Figure {
  return { what, value, bound: '', holds: true }
}

const PARTS: Record<string, () => Promise<Figure[]>> = {
  add,
  stall,
  encode,
  memory,
  batches,
  reopen,
  search,
  churn,
}

if (values.part === undefined) await runAll()
else process.send?.(await PARTS[values.part]?.())
