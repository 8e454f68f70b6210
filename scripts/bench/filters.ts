/**
 * Searches with filters at falling selectivity: recall@10, and searches a second against the better of hnswlib's
 * filter callback and a plain scan of what matches, in the same run.
 *
 *   npx tsx scripts/bench/filters.ts [--count 30000] [--dim 384] [--seed 1] [--rounds 3] [--results full] [--lancedb FOLDER]
 *
 * The baselines resolve the same `where` by SQL of their own, over the same metadata as JSON in SQLite, with an index on
 * each field, and build the same results: ids, scores, distances and metadata (`--results full`), or no metadata
 * (`--results ids`). Beside them stands what they would make if they were given what matches for nothing. `near`: the
 * clusters nearest to one point match, and the queries are from those; `far`: those farthest from it match, the queries
 * are the same. FOLDER is that of an installed @lancedb/lancedb. Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import hnswlib from 'hnswlib-node'
import { openDatabase } from '#src/backends/embedded/sqlite.js'
import { seededRandom } from '#src/core/random.js'
import { type Include, Kindred } from '#src/index.js'
import { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M } from '#src/indexes/hnsw-index.js'
import { clusteredVectors } from './clustered-vectors.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '30000' },
    dim: { type: 'string', default: '384' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    results: { type: 'string', default: 'full' },
    lancedb: { type: 'string' },
  },
})
const count = Number(values.count)
const dim = Number(values.dim)
const seed = Number(values.seed)
const full = values.results === 'full'
const K = 10
const SELECTIVITIES = [0.5, 0.2, 0.1, 0.04, 0.01, 0.001, 0.0001]
/** A measurement of searches a second takes at least this long. */
const ROUND_MS = 300
const CHECKED = 100
/** Coprime to the number of queries: whoever answers fewer of them is asked of as many kinds. */
const STRIDE = 379

const made = clusteredVectors({ seed, count, dim, queries: 2_000 })
const vectorOf = (i: number): Float32Array => made.vectors.subarray(i * dim, (i + 1) * dim)
const random = seededRandom(seed + 1)
const anchor = made.queries[0] as Float32Array
const place = Array.from({ length: count }, (_, i) => i).sort((a, b) => dot(anchor, b) - dot(anchor, a))
const rank = new Float64Array(count)
place.forEach((row, at) => {
  rank[row] = at / count
})
/** u and w know nothing of the vector; c orders the collection by nearness to the anchor. */
const items = Array.from({ length: count }, (_, i) => ({
  u: random.uniform(),
  w: random.uniform(),
  c: rank[i] as number,
}))
const byNearness = [...made.queries].sort((a, b) => product(anchor, b) - product(anchor, a))

type Item = (typeof items)[number]

/** Each field's conditions. */
type Where = Partial<Record<keyof Item, Partial<Record<keyof typeof OPERATORS, number>>>>

const OPERATORS = { $lt: '<', $gte: '>=' } as const

interface Case {
  name: string
  where: Where
  holds: (item: Item) => boolean
  queries: readonly Float32Array[]
}

function casesOf(s: number): Case[] {
  const root = Math.sqrt(s)
  const percent = `${s * 100} %`
  const near = byNearness.slice(0, Math.max(20, Math.round(s * byNearness.length)))
  return [
    {
      ...{ name: `${percent}, one condition`, where: { u: { $lt: s } } },
      ...{ holds: ({ u }) => u < s, queries: made.queries },
    },
    {
      ...{ name: `${percent}, two conditions`, where: { u: { $lt: root }, w: { $lt: root } } },
      ...{ holds: ({ u, w }) => u < root && w < root, queries: made.queries },
    },
    {
      ...{ name: `${percent}, near`, where: { c: { $lt: s } } },
      ...{ holds: ({ c }) => c < s, queries: near },
    },
    {
      ...{ name: `${percent}, far`, where: { c: { $gte: 1 - s } } },
      ...{ holds: ({ c }) => c >= 1 - s, queries: near },
    },
  ]
}

interface Result {
  id: string
  score?: number
  distance?: number | undefined
  metadata?: unknown
}

type Search = (query: Float32Array, asked: Case) => Result[] | Promise<Result[]>

const ids = items.map((_, i) => `item-${i}`)
/** The rows that match. */
type Resolve = (asked: Case) => ArrayLike<number> & Iterable<number>

/** A plain table with the items' metadata and an index on each of its fields. */
function openTable() {
  const db = openDatabase(':memory:')
  db.exec('CREATE TABLE items (row INTEGER PRIMARY KEY, metadata TEXT)')
  const insert = db.prepare('INSERT INTO items VALUES (?, ?)')
  db.transaction(() => {
    for (const [row, item] of items.entries()) insert.run(row, JSON.stringify(item))
  })()
  for (const name of ['u', 'w', 'c']) {
    db.exec(`CREATE INDEX by_${name} ON items (json_extract(metadata, '$.${name}'))`)
  }
  return db
}

const table = openTable()
const metadataOf = table.prepare<[number], string>('SELECT metadata FROM items WHERE row = ?').pluck()

function toResult(row: number, distance: number): Result {
  const result: Result = { id: ids[row] as string, score: 1 - distance, distance }
  if (full) result.metadata = JSON.parse(metadataOf.get(row) ?? '{}')
  return result
}

/** By SQL, each time. */
function resolveBySql(): Resolve {
  const statements = new Map<string, { all(...values: number[]): unknown[] }>()
  return ({ where }) => {
    const conditions: string[] = []
    const parameters: number[] = []
    for (const [name, operators] of Object.entries(where)) {
      for (const [operator, value] of Object.entries(operators)) {
        conditions.push(`json_extract(metadata, '$.${name}') ${OPERATORS[operator as '$lt']} ?`)
        parameters.push(value)
      }
    }
    const sql = `SELECT row FROM items WHERE ${conditions.join(' AND ')}`
    let statement = statements.get(sql)
    if (!statement) {
      statement = table.prepare(sql).pluck()
      statements.set(sql, statement)
    }
    return statement.all(...parameters) as number[]
  }
}

/** For nothing: once for each filter. */
function resolveOnce(): Resolve {
  const known = new Map<string, Uint32Array>()
  return (asked) => {
    const name = JSON.stringify(asked.where)
    let rows = known.get(name)
    if (!rows) {
      rows = Uint32Array.from(items.keys()).filter((row) => asked.holds(items[row] as Item))
      known.set(name, rows)
    }
    return rows
  }
}

/** Compares with all that matches, row by row. */
function scanner(resolve: Resolve) {
  return (query: Float32Array, asked: Case): Result[] => {
    const best: { row: number; product: number }[] = []
    for (const row of resolve(asked)) {
      const product = dot(query, row)
      if (best.length === K && product <= (best[K - 1]?.product ?? 0)) continue
      let at = best.length
      while (at > 0 && (best[at - 1]?.product ?? 0) < product) at--
      best.splice(at, 0, { row, product })
      best.length = Math.min(best.length, K)
    }
    return best.map(({ row, product }) => toResult(row, 1 - product))
  }
}

/** hnswlib with a callback that says what matches. */
function caller(raw: InstanceType<typeof hnswlib.HierarchicalNSW>, resolve: Resolve) {
  const flags = new Uint8Array(count)
  let flagged: Iterable<number> = []
  return (query: Float32Array, asked: Case): Result[] => {
    const rows = resolve(asked)
    if (rows !== flagged) {
      for (const row of flagged) flags[row] = 0
      for (const row of rows) flags[row] = 1
      flagged = rows
    }
    const { neighbors, distances } = raw.searchKnn(Array.from(query), K, (label) => flags[label] === 1)
    return neighbors.map((label, i) => toResult(label, distances[i] as number))
  }
}

function dot(query: Float32Array, row: number): number {
  const start = row * dim
  let sum = 0
  for (let i = 0; i < dim; i++) sum += (query[i] as number) * (made.vectors[start + i] as number)
  return sum
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0)
}

async function speed(search: Search, asked: Case): Promise<number> {
  const began = performance.now()
  let done = 0
  let ms = 0
  for (; ms < ROUND_MS; ms = performance.now() - began) {
    await search(asked.queries[(done++ * STRIDE) % asked.queries.length] as Float32Array, asked)
  }
  await nextTurn()
  return (done / ms) * 1_000
}

const truthOf = scanner(resolveOnce())

async function recallOf(search: Search, asked: Case): Promise<{ recall: number; short: number }> {
  let found = 0
  let wanted = 0
  let short = 0
  for (const query of asked.queries.slice(0, CHECKED)) {
    const truth = new Set(truthOf(query, asked).map(({ id }) => id))
    const results = await search(query, asked)
    if (results.length < truth.size) short++
    found += results.filter(({ id }) => truth.has(id)).length
    wanted += truth.size
  }
  return { recall: wanted === 0 ? 1 : found / wanted, short }
}

async function main(): Promise<void> {
  console.log(machineFacts(['hnswlib-node']))
  const home = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  const lance = values.lancedb === undefined ? undefined : await openLance(values.lancedb, home)
  console.log(
    `seed: ${seed}; ${count} clustered unit vectors of ${dim} dimensions; k ${K}, results ${values.results}, m ${DEFAULT_M}, efConstruction ${DEFAULT_EF_CONSTRUCTION}, ef ${DEFAULT_EF}${lance ? `; @lancedb/lancedb ${lance.version}` : ''}\n`,
  )
  const kindred = await Kindred.open({ home: join(home, 'home') })
  try {
    const indexed = ['u', 'w', 'c']
    const collection = await kindred.collection('c', { spaces: [{ name: 'v', dim }], indexed })
    const input = items.map((metadata, i) => ({
      id: ids[i] as string,
      metadata,
      vectors: { v: vectorOf(i) },
    }))
    for (let from = 0; from < count; from += 10_000) await collection.add(input.slice(from, from + 10_000))
    await collection.settled()
    const raw = new hnswlib.HierarchicalNSW('cosine', dim)
    raw.initIndex(count, DEFAULT_M, DEFAULT_EF_CONSTRUCTION, 100)
    for (let i = 0; i < count; i++) raw.addPoint(Array.from(vectorOf(i)), i)
    raw.setEf(DEFAULT_EF)
    const plans = new Map<string, number>()
    const include: Include[] = full ? ['metadata'] : []
    const ours: Search = async (vector, { where }) => {
      const { results, plan } = await collection.search({ query: { vector }, where, k: K, include })
      plans.set(plan.strategy, (plans.get(plan.strategy) ?? 0) + 1)
      return results
    }
    const bySql = resolveBySql()
    const contenders: Record<string, Search> = {
      ours,
      callback: caller(raw, bySql),
      scan: scanner(bySql),
      'callback, given': caller(raw, resolveOnce()),
      'scan, given': scanner(resolveOnce()),
      ...(lance ? { LanceDB: lance.search } : {}),
    }
    for (const s of SELECTIVITIES) {
      for (const asked of casesOf(s)) {
        const rates = new Map<string, number[]>(Object.keys(contenders).map((name) => [name, []]))
        const { recall, short } = await recallOf(ours, asked)
        plans.clear()
        for (let round = 0; round < Number(values.rounds); round++) {
          for (const [name, search] of Object.entries(contenders)) {
            rates.get(name)?.push(await speed(search, asked))
          }
        }
        const rate = (name: string): number => median(rates.get(name) ?? [])
        const told = (name: string): string => `${Math.round(rate(name))}/s`
        const ratio = rate('ours') / Math.max(rate('callback'), rate('scan'))
        const given = rate('ours') / Math.max(rate('callback, given'), rate('scan, given'))
        const called = await recallOf(contenders['callback, given'] as Search, asked)
        const figures = [
          figure(`${asked.name}: recall@10`, recall, '>= 0.99', recall >= 0.99 && short === 0, 4),
          figure(
            `  searches/s / the better baseline (${[...plans.keys()].join(', ')})`,
            ratio,
            '>= 1',
            ratio >= 1,
          ),
          fact('  ours; callback; scan', `${told('ours')}; ${told('callback')}; ${told('scan')}`),
          fact(
            '  given what matches: callback (its recall); scan; ours / the better',
            `${told('callback, given')} (${called.recall.toFixed(3)}); ${told('scan, given')}; ${given.toFixed(2)}`,
          ),
        ]
        if (lance) {
          const peer = rate('ours') / rate('LanceDB')
          const { recall: its } = await recallOf(lance.search, asked)
          figures.push(
            figure('  searches/s / LanceDB', peer, '>= 3', peer >= 3),
            fact('  LanceDB (its recall)', `${told('LanceDB')} (${its.toFixed(3)})`),
          )
        }
        if (!printFigures(figures)) process.exitCode = 1
      }
    }
    await firstTime(collection)
  } finally {
    await kindred.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** How long a filter takes that was never asked before. */
async function firstTime(collection: Awaited<ReturnType<Kindred['collection']>>): Promise<void> {
  const took: Record<string, number[]> = { 'in indexed fields': [], 'by reading metadata': [] }
  const vector = made.queries[0] as Float32Array
  for (const how of ['in indexed fields', 'by reading metadata']) {
    if (how === 'by reading metadata') await collection.setIndexed([])
    for (let i = 0; i < 15; i++) {
      const where = {
        u: { $lt: 0.001 + (how === 'in indexed fields' ? i : i + 100) / 1e6 },
        c: { $exists: true },
      }
      const began = performance.now()
      await collection.search({ query: { vector }, where, include: [] })
      took[how]?.push(performance.now() - began)
    }
  }
  const facts = Object.entries(took).map(([how, ms]) =>
    fact(`a filter never asked before, ${how}, with its search`, `${median(ms).toFixed(2)} ms`),
  )
  printFigures(facts)
}

async function openLance(folder: string, home: string): Promise<{ search: Search; version: string }> {
  const manifest = join(resolve(folder), 'package.json')
  const { connect, Index } = createRequire(manifest)('@lancedb/lancedb')
  const { version } = JSON.parse(
    readFileSync(join(resolve(folder), 'node_modules/@lancedb/lancedb/package.json'), 'utf8'),
  )
  const db = await connect(join(home, 'lance'))
  const row = (i: number) => ({ id: ids[i], ...items[i], vector: Array.from(vectorOf(i)) })
  const table = await db.createTable(
    't',
    Array.from({ length: Math.min(count, 10_000) }, (_, i) => row(i)),
  )
  for (let from = 10_000; from < count; from += 10_000) {
    await table.add(Array.from({ length: Math.min(10_000, count - from) }, (_, i) => row(from + i)))
  }
  await table.createIndex('vector', { config: Index.hnswSq({ distanceType: 'cosine' }) })
  for (const column of ['u', 'w', 'c']) await table.createIndex(column, { config: Index.btree() })
  return {
    version,
    search: async (query, { where }) => {
      const sql = Object.entries(where)
        .flatMap(([name, operators]) =>
          Object.entries(operators).map(
            ([operator, value]) => `${name} ${OPERATORS[operator as '$lt']} ${value}`,
          ),
        )
        .join(' AND ')
      const found = await table
        .query()
        .nearestTo(Array.from(query))
        .distanceType('cosine')
        .where(sql)
        .select(full ? ['id', '_distance', 'u', 'w', 'c'] : ['id', '_distance'])
        .limit(K)
        .toArray()
      return found.map(({ id, _distance: distance, u, w, c }: Item & { id: string; _distance: number }) => ({
        ...{ id, distance, score: 1 - distance },
        ...(full ? { metadata: { u, w, c } } : {}),
      }))
    },
  }
}

function figure(what: string, value: number, bound: string, holds: boolean, digits = 2): Figure {
  return { what, value: value.toFixed(digits), bound, holds }
}

function fact(what: string, value: string): Figure {
  return { what, value, bound: '', holds: true }
}

await main()
