import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { norm } from '#src/core/vectors.js'

const MODEL = fileURLToPath(new URL('../../data/models/all-MiniLM-L6-v2', import.meta.url))
const BATCH = 64

/** Encodes texts; `alone` gives each a call of its own. */
type Encode = (texts: readonly string[], alone?: boolean) => Promise<Float32Array[]>

export const CONTENDERS = {
  kindred: 'kindred: all-MiniLM-L6-v2 as bundled, its own worker threads and batches',
  fp32: `fp32 ONNX: onnxruntime-node, one session over all cores, batches of ${BATCH} sorted by token count`,
  pipeline: `transformers.js: feature-extraction pipeline, fp32, batches of ${BATCH} in the order given`,
  'pipeline, sorted': `transformers.js: the same, sorted by characters (for information)`,
} as const

export type Contender = keyof typeof CONTENDERS
export const NAMES = Object.keys(CONTENDERS) as Contender[]

async function openKindred(): Promise<Encode> {
  const { Encoders } = await import('#src/encoders/registry.js')
  const home = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  const encoder = await Encoders.create({ home }).load('all-MiniLM-L6-v2')
  return async (texts, alone = false) => {
    if (!alone) return (await encoder.encode(texts, { as: 'passage' })).map(({ vector }) => vector)
    const vectors: Float32Array[] = []
    for (const text of texts) {
      const [encoded] = await encoder.encode([text], { as: 'query' })
      if (encoded) vectors.push(encoded.vector)
    }
    return vectors
  }
}

async function openFp32(file: string): Promise<Encode> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  const { TextTokenizer } = await import('#src/encoders/text-tokenizer.js')
  const { tokenBatches } = await import('#src/encoders/token-batches.js')
  const { pool } = await import('#src/encoders/onnx-model.js')
  const tokenizer = TextTokenizer.load({
    tokenizer: join(MODEL, 'tokenizer.json'),
    tokenizerConfig: join(MODEL, 'tokenizer_config.json'),
    settings: { pooling: 'mean', normalize: true, maxTokens: 256, prompts: { query: '', passage: '' } },
  })
  const session = await InferenceSession.create(file)
  const output = session.outputNames[0] ?? ''
  return async (texts) => {
    const tokens = texts.map((text) => tokenizer.tokenize(text, 'passage').ids)
    const lengths = tokens.map((ids) => ids.length)
    const vectors: Float32Array[] = new Array(texts.length)
    for (const group of tokenBatches(lengths, { texts: BATCH, tokens: Number.POSITIVE_INFINITY })) {
      const longest = Math.max(...group.map((i) => lengths[i] ?? 0))
      const ids = new BigInt64Array(group.length * longest)
      const mask = new BigInt64Array(ids.length)
      group.forEach((i, row) => {
        const text = tokens[i] ?? []
        ids.set(BigInt64Array.from(text, BigInt), row * longest)
        mask.fill(1n, row * longest, row * longest + text.length)
      })
      const shape = [group.length, longest]
      const result = await session.run(
        {
          input_ids: new Tensor('int64', ids, shape),
          attention_mask: new Tensor('int64', mask, shape),
          token_type_ids: new Tensor('int64', new BigInt64Array(ids.length), shape),
        },
        [output],
      )
      const states = result[output]?.data as Float32Array
      const dim = states.length / ids.length
      const pooled = pool(states, {
        pooling: 'mean',
        lengths: group.map((i) => lengths[i] ?? 0),
        longest,
        dim,
      })
      group.forEach((i, row) => {
        const vector = pooled.subarray(row * dim, (row + 1) * dim)
        const length = norm(vector)
        vectors[i] = vector.map((x) => x / length)
      })
    }
    return vectors
  }
}

async function openPipeline(file: string, sorted: boolean): Promise<Encode> {
  const { env, pipeline } = await import('@huggingface/transformers')
  const root = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, 'fp32', 'onnx'), { recursive: true })
  symlinkSync(file, join(root, 'fp32', 'onnx', 'model.onnx'))
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    symlinkSync(join(MODEL, name), join(root, 'fp32', name))
  }
  env.allowRemoteModels = false
  env.localModelPath = root
  const extract = await pipeline('feature-extraction', 'fp32', { dtype: 'fp32' })
  return async (texts) => {
    const order = texts.map((_, i) => i)
    if (sorted) order.sort((a, b) => (texts[b]?.length ?? 0) - (texts[a]?.length ?? 0))
    const vectors: Float32Array[] = new Array(texts.length)
    for (let from = 0; from < order.length; from += BATCH) {
      const group = order.slice(from, from + BATCH)
      const output = await extract(
        group.map((i) => texts[i] ?? ''),
        { pooling: 'mean', normalize: true },
      )
      const dim = output.dims.at(-1) ?? 0
      const data = output.data as Float32Array
      group.forEach((i, row) => {
        vectors[i] = data.slice(row * dim, (row + 1) * dim)
      })
    }
    return vectors
  }
}

export interface Task {
  texts: string[]
  alone: boolean
  /** Whether the vectors are sent back. */
  vectors: boolean
}

export interface Answer {
  seconds: number
  vectors: Float32Array[]
}

/** Serves runs in a process of its own until its parent lets go. */
export async function serveContender(contender: Contender, fp32: string): Promise<void> {
  const encode =
    contender === 'kindred'
      ? await openKindred()
      : contender === 'fp32'
        ? await openFp32(fp32)
        : await openPipeline(fp32, contender === 'pipeline, sorted')
  const answer = async (task: Task): Promise<void> => {
    const start = performance.now()
    const vectors = await encode(task.texts, task.alone)
    const seconds = (performance.now() - start) / 1000
    process.send?.({ seconds, vectors: task.vectors ? vectors : [] } satisfies Answer)
  }
  process.on('message', (task: Task) => {
    answer(task).catch((error: unknown) => {
      console.error(`${contender}:`, error)
      process.exit(1)
    })
  })
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}
