// The HNSW index against raw hnswlib-node, on one set of vectors in one run: npx tsx scripts/bench/indexes.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import hnswlib from 'hnswlib-node'
import { buildHnsw } from '#src/indexes/build-index.js'
import { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M, HnswIndex } from '#src/indexes/hnsw-index.js'
import { scanTable } from '#src/indexes/scan-table.js'
import { VectorTable } from '#src/indexes/vector-table.js'
import { clusteredVectors } from './clustered-vectors.js'

const SEED = 7
const COUNT = 30_000
const DIM = 384
const CLUSTERS = 200
const SPREAD = 0.8
const QUERIES = 500
const ROUNDS = 10
// short turns, so that what else the machine does hits both
const SLICE = 20
const K = 10

const { version } = createRequire(import.meta.url)('hnswlib-node/package.json') as { version: string }
console.log(`node ${process.version}, hnswlib-node ${version}, ${cpus().length} x ${cpus()[0]?.model}`)
console.log(`${COUNT} unit vectors of ${DIM} in ${CLUSTERS} clusters of spread ${SPREAD}, seed ${SEED}`)

const { vectors, queries } = clusteredVectors({
  seed: SEED,
  count: COUNT,
  dim: DIM,
  queries: QUERIES,
  clusters: CLUSTERS,
  spread: SPREAD,
})
const table = new VectorTable(DIM)
const labels = Uint32Array.from({ length: COUNT }, (_, i) => i)
table.appendMany(labels, labels, new Uint32Array(COUNT), vectors)
const truth = queries.map((query) => new Set(scanTable(table, query, 'cosine', K).map(({ label }) => label)))

const folder = await mkdtemp(join(tmpdir(), 'kindred-bench-'))
try {
  const raw = new hnswlib.HierarchicalNSW('ip', DIM)
  raw.initIndex(COUNT, DEFAULT_M, DEFAULT_EF_CONSTRUCTION, 100)
  const rawBuild = seconds(() => {
    for (let row = 0; row < COUNT; row++) raw.addPoint(Array.from(table.vector(row)), row)
  })
  const path = join(folder, 'index')
  const shared = { table: table.share(), metric: 'cosine', unit: true, path } as const
  const started = performance.now()
  const built = await buildHnsw(shared)
  const ownBuild = (performance.now() - started) / 1000
  const loading = performance.now()
  const index = await HnswIndex.load(path, { metric: 'cosine', dim: DIM, unit: true })
  const load = performance.now() - loading
  report('raw build', `${rawBuild.toFixed(1)} s`)
  report('build in a worker, audit, save and checksum', `${ownBuild.toFixed(1)} s`)
  report('  against raw', `${(ownBuild / rawBuild).toFixed(2)} x its time`)
  report('  kept apart by the audit', `${built.apart}`)
  report('load', `${load.toFixed(0)} ms for ${(built.bytes / 2 ** 20).toFixed(0)} MB`)

  const points = queries.map((query) => Array.from(query))
  for (const ef of [32, DEFAULT_EF, 128]) {
    raw.setEf(ef)
    const ratios: number[] = []
    const rates: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (let first = 0; first < QUERIES; first += SLICE) {
        const rawTime = seconds(() => {
          for (const point of points.slice(first, first + SLICE)) raw.searchKnn(point, K)
        })
        const ownTime = seconds(() => {
          for (const query of queries.slice(first, first + SLICE)) index.search(query, K, { ef })
        })
        ratios.push(rawTime / ownTime)
        rates.push(SLICE / ownTime)
      }
    }
    let found = 0
    queries.forEach((query, i) => {
      for (const { label } of index.search(query, K, { ef })) if (truth[i]?.has(label)) found++
    })
    const recall = (found / (QUERIES * K)).toFixed(4)
    const name = ef === DEFAULT_EF ? `ef ${ef} (default)` : `ef ${ef}`
    report(
      name,
      `recall@${K} ${recall}, ${median(rates).toFixed(0)} queries/s, ${median(ratios).toFixed(2)} x raw`,
    )
  }

  const lost = labels.filter((label) => index.search(table.vector(label), 1)[0]?.label !== label).length
  report('vectors not found by themselves', `${lost} of ${COUNT}`)
  const scan = seconds(() => {
    for (const query of queries.slice(0, 50)) scanTable(table, query, 'cosine', K)
  })
  report('exact scan', `${(scan * 20).toFixed(1)} ms a query`)
} finally {
  await rm(folder, { recursive: true, force: true })
}

function seconds(work: () => void): number {
  const started = performance.now()
  work()
  return (performance.now() - started) / 1000
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function report(what: string, value: string): void {
  console.log(`${what.padEnd(46)} ${value}`)
}
