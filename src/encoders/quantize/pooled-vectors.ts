import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { EngineError } from '../../core/errors.js'
import { dot, norm } from '../../core/vectors.js'
import { loadRuntime, type Runtime } from '../../tensor/onnx-runtime.js'
import type { Pooling } from '../model-settings.js'
import { pool } from '../onnx-model.js'
import { tokenBatches } from '../token-batches.js'

interface Loaded {
  runtime: Runtime
  session: InferenceSession
  output: string
  pooling: Pooling
}

export interface PoolOptions {
  pooling: Pooling
  /** Texts that are run together, shorter ones padded. */
  batch: number
  /** Threads of one run; 0 lets ONNX Runtime choose. */
  threads: number
  /** Called before each batch; what it throws ends the run. */
  check?: () => void
}

/**
 * Runs a model over tokenized texts, sorted by length, and pools the token vectors; not scaled to length 1.
 *
 * @param model the bytes of an .onnx file
 * @param output which of its outputs has shape [batch, tokens, dim]
 * @returns one vector for each text, in order
 * @throws EngineError ENCODER_INVALID where it cannot be loaded or run
 */
export async function pooledVectors(
  model: Uint8Array,
  output: string,
  texts: readonly (readonly number[])[],
  options: PoolOptions,
): Promise<Float32Array[]> {
  const runtime = await loadRuntime()
  const session = await load(runtime, model, options.threads)
  try {
    const loaded = { runtime, session, output, pooling: options.pooling }
    const vectors: Float32Array[] = new Array(texts.length)
    for (const group of tokenBatches(
      texts.map((ids) => ids.length),
      { texts: options.batch, tokens: Number.POSITIVE_INFINITY },
    )) {
      options.check?.()
      const pooled = await runBatch(
        loaded,
        group.map((i) => texts[i] ?? []),
      )
      for (const [row, i] of group.entries()) {
        vectors[i] = pooled.vectors.subarray(row * pooled.dim, (row + 1) * pooled.dim)
      }
    }
    return vectors
  } finally {
    await session.release()
  }
}

async function load(runtime: Runtime, model: Uint8Array, threads: number): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(model, { intraOpNumThreads: threads, logSeverityLevel: 3 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('ENCODER_INVALID', `ONNX Runtime cannot load the model: ${reason}`, { cause })
  }
}

/** @returns shape [texts, dim] */
async function runBatch(
  { runtime, session, output, pooling }: Loaded,
  texts: readonly (readonly number[])[],
): Promise<{ vectors: Float32Array; dim: number }> {
  const lengths = texts.map((ids) => ids.length)
  const longest = Math.max(...lengths)
  const feeds: Record<string, Tensor> = {}
  for (const name of session.inputNames) {
    const values = new BigInt64Array(texts.length * longest)
    for (const [row, ids] of texts.entries()) {
      for (const [i, id] of ids.entries()) values[row * longest + i] = inputValue(name, id, i)
    }
    feeds[name] = new runtime.Tensor('int64', values, [texts.length, longest])
  }
  const result = (await session.run(feeds, [output]))[output]
  const dim = result?.dims[2]
  if (result?.type !== 'float32' || dim === undefined) {
    throw new EngineError(
      'ENCODER_INVALID',
      `output ${output} is ${result ? `${result.type} [${result.dims.join(', ')}]` : 'missing'}, expected float32 [batch, tokens, dim]`,
    )
  }
  return { vectors: pool(result.data as Float32Array, { pooling, lengths, longest, dim }), dim }
}

function inputValue(name: string, id: number, position: number): bigint {
  switch (name) {
    case 'input_ids':
      return BigInt(id)
    case 'attention_mask':
      return 1n
    case 'token_type_ids':
      return 0n
    case 'position_ids':
      return BigInt(position)
  }
  throw new EngineError(
    'ENCODER_INVALID',
    `the model asks for an input "${name}"; expected input_ids, attention_mask, token_type_ids or position_ids`,
  )
}

/** How alike two lists of vectors are, pair by pair: 1 for the same directions. */
export interface Likeness {
  mean: number
  worst: number
}

/** Cosines of a[i] and b[i]; a pair with a vector that is zero or not finite counts as 0. */
export function likeness(a: readonly Float32Array[], b: readonly Float32Array[]): Likeness {
  const cosines = a.map((x, i) => {
    const y = b[i] as Float32Array
    const cosine = dot(x, y) / (norm(x) * norm(y))
    return Number.isFinite(cosine) ? cosine : 0
  })
  return {
    mean: cosines.reduce((sum, cosine) => sum + cosine, 0) / Math.max(1, cosines.length),
    worst: Math.min(...cosines),
  }
}
