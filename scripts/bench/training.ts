/**
 * Training: images a second of the engines and of their peers in Python, in turns; what encoding, compiling and stalls of
 * the answering thread come to.
 *
 *   npx tsx scripts/bench/training.ts IMAGES [--python PATH] [--rounds 9] [--seconds 1] [--seed 1] [--only PART,…]
 *
 * IMAGES is MNIST's train-images-idx3-ubyte.gz. Parts: dense, convolutional, stall. tfjs-node is loaded as docs/image-encoders.md
 * says; PATH is a python with tensorflow, torch or both. Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodePng } from '#src/images/encode-png.js'
import { Kindred } from '#src/index.js'
import { type Figure, machineFacts, median, printFigures } from './machine.js'
import { type Contender, readImages, startEngine, startPeer } from './training-contenders.js'

const BATCH = 128
const PEERS = ['tensorflow', 'tensorflow-fused', 'torch'] as const
/** Least ratios to tfjs-node. */
const BOUNDS: Readonly<Record<string, number>> = { dense: 2.8, convolutional: 2 }
/** Pictures of the collection that is trained while a client searches. */
const STALL_IMAGES = 2_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'dense,convolutional,stall' },
    part: { type: 'string' },
  },
})
const [path = ''] = positionals
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

async function runAll(): Promise<void> {
  console.log(machineFacts(['onnxruntime-node', '@tensorflow/tfjs-core']))
  console.log(
    `seed: ${values.seed}; batch ${BATCH}, Adam; medians of ${rounds} rounds of ${seconds} s in turns\n`,
  )
  let holds = true
  for (const part of values.only.split(',')) {
    holds = printFigures(part === 'stall' ? await inProcess() : await compare(part)) && holds
  }
  process.exitCode = holds ? 0 : 1
}

async function compare(model: string): Promise<Figure[]> {
  const { contenders, absent } = await start(model)
  const rates = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      rates.get(contender)?.push(await contender.round(seconds))
    }
  }
  const found = (name: string) => contenders.find((contender) => contender.name === name)
  const ratio = (a: Contender, b: Contender): number =>
    median((rates.get(a) ?? []).map((rate, round) => rate / (rates.get(b)?.[round] ?? Number.NaN)))
  const onnx = found('onnx')
  const figures = contenders.map((contender) => {
    const rate = Math.round(median(rates.get(contender) ?? []))
    const about = contender.name === 'onnx' ? '' : contender.facts
    return fact(`${model}: ${contender.name}${about && ` (${about})`}`, `${rate}/s`)
  })
  figures.push(...absent.map(([name, why]) => fact(`${model}: ${name}, ${why.slice(0, 90)}`, 'not yet')))
  if (!onnx) return figures
  for (const other of contenders) {
    if (other === onnx) continue
    if (other.name === 'encoder') {
      figures.push(atLeast(`${model}: encoding / training, images a second`, ratio(other, onnx), 3))
    } else if (other.name === 'tfjs-node') {
      figures.push(atLeast(`${model}: onnx / tfjs-node`, ratio(onnx, other), BOUNDS[model] ?? 1))
    } else figures.push(fact(`${model}: onnx / ${other.name}`, ratio(onnx, other).toFixed(2)))
  }
  const compile = Number(onnx.facts)
  figures.push({
    what: `${model}: compiling the training program, ms`,
    value: compile.toFixed(0),
    bound: '<= 2000',
    holds: compile <= 2_000,
  })
  return figures
}

/** All that can run, one after the other. */
async function start(model: string): Promise<{ contenders: Contender[]; absent: [string, string][] }> {
  const contenders: Contender[] = []
  const absent: [string, string][] = []
  const engines = model === 'dense' ? ['onnx', 'tfjs-node', 'encoder'] : ['onnx', 'tfjs-node']
  const args = [model, path, String(BATCH)]
  for (const name of engines) keep(name, await startEngine(name, [name, ...args, values.seed]))
  if (values.python !== undefined) {
    for (const name of PEERS) keep(name, await startPeer(name, values.python, [name, ...args]))
  }
  return { contenders, absent }

  function keep(name: string, started: Contender | string): void {
    if (typeof started === 'string') absent.push([name, started])
    else contenders.push(started)
  }
}

function inProcess(): Promise<Figure[]> {
  const args = ['--part', 'stall', '--seed', values.seed, path]
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: ['--import', 'tsx', '--expose-gc'] })
  return new Promise((resolve, reject) => {
    child.once('message', (figures) => resolve(figures as Figure[]))
    child.once('exit', (code) => reject(new Error(`the part stall ended with code ${code}`)))
  })
}

/** The answering thread's longest stall while a collection is trained, a client searching. */
async function stall(): Promise<Figure[]> {
  const pixels = await readImages(path)
  const home = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  const kindred = await Kindred.open({ home })
  const collection = await kindred.createCollection('digits')
  const pngs = Array.from({ length: STALL_IMAGES }, async (_, i) => ({
    id: `digit ${i}`,
    image: await encodePng({
      width: 28,
      height: 28,
      channels: 1,
      values: pixels.slice(i * 784, (i + 1) * 784),
    }),
  }))
  await collection.add(await Promise.all(pngs))
  await collection.settled()
  // the descriptor is fitted anew in the background
  while (kindred.jobs.list().some(({ state }) => state === 'running')) await sleep(50)
  let asked = 0
  /** Searches until the work is done. */
  const longest = async (work: Promise<unknown>): Promise<number> => {
    globalThis.gc?.()
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    let running = true
    const ended = work.finally(() => {
      running = false
    })
    while (running) {
      await collection.search({
        query: { id: `digit ${asked++ % STALL_IMAGES}` },
        space: 'descriptor',
        k: 10,
      })
      await sleep(5)
    }
    await ended
    delay.disable()
    return delay.max / 1e6
  }
  const worst: number[] = []
  const idle: number[] = []
  for (let round = 0; round < 3; round++) {
    idle.push(await longest(sleep(10_000)))
    const { finished } = await collection.train({ encoder: 'autoencoder', epochs: 60, seed: round + 1 })
    worst.push(await longest(finished))
  }
  await kindred.close()
  rmSync(home, { recursive: true, force: true })
  const ms = median(worst)
  return [
    {
      what: `longest stall while ${STALL_IMAGES} pictures are trained, a client searching, ms`,
      value: ms.toFixed(1),
      bound: '<= 50',
      holds: ms <= 50,
    },
    fact('  of 3 rounds; searches answered', `${worst.map((x) => x.toFixed(1)).join(', ')}; ${asked}`),
    fact('  in 10 s before each, nothing being trained', idle.map((x) => x.toFixed(1)).join(', ')),
  ]
}

function atLeast(what: string, value: number, bound: number): Figure {
  return { what, value: value.toFixed(2), bound: `>= ${bound}`, holds: value >= bound }
}

function fact(what: string, value: string): Figure {
  return { what, value, bound: '', holds: true }
}

if (values.part === undefined) await runAll()
else process.send?.(await stall())
