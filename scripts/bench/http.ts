/**
 * Searches over HTTP against a bare node:http server around hnswlib-node, and around the same encoder pool.
 *
 *   npx tsx scripts/bench/http.ts [--count 30000] [--dim 384] [--seed 1] [--rounds 3]
 *
 * Both servers and the load client are processes of their own; the servers take turns, and an idle one costs nothing.
 * Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import { Kindred } from '#src/index.js'
import { clusteredVectors } from './clustered-vectors.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '30000' },
    dim: { type: 'string', default: '384' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
  },
})
const [count, dim, seed, rounds] = [values.count, values.dim, values.seed, values.rounds].map(Number) as [
  number,
  number,
  number,
  number,
]
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const children: ChildProcess[] = []

/** Starts a process and waits for the first address it prints. */
async function start(args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/[\d.]+:\d+/.exec(line)?.[0]
    if (url) return url
  }
  throw new Error(`${args.join(' ')} ended without an address`)
}

async function load(
  url: string,
  clients: number,
  requests: number,
  bodies: readonly string[],
): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', here('load-client.ts'), url, String(clients), String(requests)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  child.stdin.end(bodies.join('\n'))
  let output = ''
  for await (const part of child.stdout) output += String(part)
  return (JSON.parse(output) as { perSecond: number }).perSecond
}

/** Rates of two servers in turns, after one round to warm up. */
async function compare(urls: [string, string], clients: number, requests: number, bodies: readonly string[]) {
  const rates: [number[], number[]] = [[], []]
  const ratios: number[] = []
  for (let round = -1; round < rounds; round++) {
    const pair: [number, number] = [0, 0]
    const order: (0 | 1)[] = round % 2 === 0 ? [0, 1] : [1, 0]
    for (const which of order) pair[which] = await load(urls[which], clients, requests, bodies)
    if (round < 0) continue
    rates[0].push(pair[0])
    rates[1].push(pair[1])
    ratios.push(pair[0] / pair[1])
  }
  return { ratio: median(ratios), ours: median(rates[0]), bare: median(rates[1]) }
}

const made = clusteredVectors({ seed, count, dim, queries: 1_000 })
const home = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
try {
  console.log(machineFacts(['hnswlib-node', 'hono', '@hono/node-server', 'onnxruntime-node']))
  console.log(`seed: ${seed}; ${count} clustered unit vectors of ${dim} dimensions; ${rounds} rounds\n`)
  const kindred = await Kindred.open({ home })
  const collection = await kindred.collection('c', { spaces: [{ name: 'v', dim }] })
  await collection.add(
    Array.from({ length: count }, (_, i) => ({
      id: `item-${i}`,
      vectors: { v: made.vectors.subarray(i * dim, (i + 1) * dim) },
    })),
  )
  const texts = await kindred.collection('t')
  const random = seededRandom(seed)
  const words =
    'river stone market winter engine letter garden window doctor music history silver forest yellow question travel kitchen number island summer'.split(
      ' ',
    )
  const sentence = (i: number): string =>
    `${Array.from({ length: 5 + random.int(6) }, () => words[random.int(words.length)]).join(' ')} ${i}`
  await texts.add(Array.from({ length: 1_000 }, (_, i) => ({ id: `text-${i}`, text: sentence(i) })))
  await collection.settled()
  await kindred.close()

  const ours = await start([here('../../dist/cli/main.js'), 'serve', '--port', '0', '--home', home])
  const bare = await start([
    '--import',
    'tsx',
    here('bare-server.ts'),
    String(count),
    String(dim),
    String(seed),
  ])
  const body = (vector: Float32Array, include?: string[]): string =>
    JSON.stringify({ query: { vector: Array.from(vector) }, k: 10, include })
  const lean = made.queries.map((vector) => body(vector, []))
  const full = made.queries.map((vector) => body(vector))
  const figures: Figure[] = []
  for (const clients of [1, 16]) {
    for (const [name, bodies] of [
      ['ids and scores', lean],
      ['with metadata', full],
    ] as const) {
      const { ratio, ...rates } = await compare(
        [`${ours}/v1/collections/c/search`, bare],
        clients,
        4_000,
        bodies,
      )
      figures.push({
        what: `HTTP searches/s by vector, ${clients} clients, ${name} / bare server`,
        value: ratio.toFixed(2),
        bound: `>= 0.7   (${Math.round(rates.ours)}/s, ${Math.round(rates.bare)}/s)`,
        holds: ratio >= 0.7,
      })
    }
  }
  // the bare server does not look for words: the bound is that of the mode which does the same
  for (const mode of ['dense', 'hybrid']) {
    const questions = Array.from({ length: 20_000 }, (_, i) =>
      JSON.stringify({ query: { text: sentence(i) }, mode, k: 10 }),
    )
    const { ratio, ...rates } = await compare([`${ours}/v1/collections/t/search`, bare], 16, 3_000, questions)
    figures.push({
      what: `HTTP searches/s by text (${mode}), 16 clients, distinct texts / encoder pool alone`,
      value: ratio.toFixed(2),
      bound: `${mode === 'dense' ? '>= 0.7' : ''}   (${Math.round(rates.ours)}/s, ${Math.round(rates.bare)}/s)`,
      holds: mode !== 'dense' || ratio >= 0.7,
    })
  }
  process.exitCode = printFigures(figures) ? 0 : 1
} finally {
  for (const child of children) {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  rmSync(home, { recursive: true, force: true })
}
