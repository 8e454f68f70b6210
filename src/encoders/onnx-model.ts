import { statSync } from 'node:fs'
import type { InferenceSession, Tensor, TypedTensor } from 'onnxruntime-node'
import { EngineError } from '../core/errors.js'
import { norm } from '../core/vectors.js'
import { loadRuntime, type Runtime } from '../tensor/onnx-runtime.js'
import type { ModelFolder } from './model-folder.js'
import type { Pooling } from './model-settings.js'

/** Vectors of a batch, row-major, shape [texts, dim]. */
export interface ModelOutput {
  vectors: Float32Array
  dim: number
}

const FEEDS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const
type Feed = (typeof FEEDS)[number]

/** A transformer in ONNX: token ids in, one vector a text out. It computes on the thread that calls it. */
export class OnnxModel {
  readonly #runtime: Runtime
  readonly #session: InferenceSession
  readonly #inputs: { name: Feed; type: 'int64' | 'int32' }[]
  readonly #output: string
  readonly #model: ModelFolder

  private constructor(runtime: Runtime, session: InferenceSession, model: ModelFolder) {
    this.#runtime = runtime
    this.#session = session
    this.#model = model
    this.#inputs = session.inputMetadata.map((input) => {
      const name = FEEDS.find((feed) => feed === input.name)
      const type = input.isTensor ? input.type : 'unknown'
      if (name === undefined || (type !== 'int64' && type !== 'int32')) {
        throw new EngineError(
          'ENCODER_INVALID',
          `${model.model} wants an input "${input.name}" of type ${type}; kindred feeds ${FEEDS.join(', ')} as int64 or int32`,
        )
      }
      return { name, type }
    })
    this.#output = chooseOutput(session, model.model)
  }

  /** @throws EngineError NATIVE_ADDON_MISSING, ENCODER_INVALID */
  static async load(model: ModelFolder): Promise<OnnxModel> {
    const runtime = await loadRuntime()
    let session: InferenceSession
    try {
      // one thread: the pool has one session a core, which beats one session over all cores
      session = await runtime.InferenceSession.create(model.model, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // patterns are kept a shape, and every batch has another
        enableMemPattern: false,
        logSeverityLevel: 3,
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        'ENCODER_INVALID',
        `${model.model} (${statSync(model.model).size} bytes) is not a model that ONNX Runtime can load: ${reason}. It may be cut short: copy or pull the folder again`,
        { cause: error },
      )
    }
    return new OnnxModel(runtime, session, model)
  }

  /**
   * @param batch token ids of each text, none empty
   * @throws EngineError ENCODER_INVALID if the model's output is not numbers or of an unknown shape
   */
  async run(batch: readonly (readonly number[])[]): Promise<ModelOutput> {
    let longest = 0
    for (const ids of batch) longest = Math.max(longest, ids.length)
    const shape = [batch.length, longest]
    const feeds: Record<string, Tensor> = {}
    for (const { name, type } of this.#inputs) {
      const values = fill(name, batch, longest)
      feeds[name] =
        type === 'int32'
          ? new this.#runtime.Tensor('int32', values, shape)
          : new this.#runtime.Tensor('int64', widen(values), shape)
    }
    const results = await this.#session.run(feeds, [this.#output])
    const output = results[this.#output] as TypedTensor<'float32'> | undefined
    if (output?.type !== 'float32' || output.dims[0] !== batch.length)
      throw this.#strange(`gave ${output?.type} of shape [${output?.dims}]`)
    const dim = output.dims.at(-1) ?? 0
    const { pooling, normalize } = this.#model.settings
    const vectors =
      output.dims.length === 2
        ? output.data.slice()
        : pool(output.data, { pooling, lengths: batch.map((ids) => ids.length), longest, dim })
    output.dispose()
    for (let i = 0; i < batch.length; i++) {
      const vector = vectors.subarray(i * dim, (i + 1) * dim)
      const length = norm(vector)
      if (!Number.isFinite(length)) throw this.#strange('gave a vector that holds NaN or Infinity')
      if (normalize && length > 0) for (let j = 0; j < dim; j++) vector[j] = (vector[j] ?? 0) / length
    }
    return { vectors, dim }
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.#session.release()
  }

  #strange(what: string): EngineError {
    return new EngineError(
      'ENCODER_INVALID',
      `${this.#model.model} ${what}, expected float32 of shape [texts, tokens, dim] or [texts, dim]; choose another ONNX file of the encoder`,
    )
  }
}

/** A pooled output by its name; else the tokens' vectors; else whatever has two dimensions. */
function chooseOutput(session: InferenceSession, path: string): string {
  const outputs = session.outputMetadata.flatMap((o) =>
    o.isTensor ? [{ name: o.name, rank: o.shape.length }] : [],
  )
  const named = (name: string) => outputs.find((output) => output.name === name)
  const output =
    named('sentence_embedding') ??
    named('last_hidden_state') ??
    named('token_embeddings') ??
    outputs.find(({ rank }) => rank === 3) ??
    outputs.find(({ rank }) => rank === 2)
  if (output) return output.name
  throw new EngineError(
    'ENCODER_INVALID',
    `${path} has the outputs ${session.outputNames.join(', ')}; expected last_hidden_state or sentence_embedding`,
  )
}

/** Right-padded with zeros, shape [texts, longest]; what is masked may hold any token. */
function fill(name: Feed, batch: readonly (readonly number[])[], longest: number): Int32Array {
  const values = new Int32Array(batch.length * longest)
  if (name === 'token_type_ids') return values
  batch.forEach((ids, row) => {
    if (name === 'input_ids') values.set(ids, row * longest)
    else if (name === 'attention_mask') values.fill(1, row * longest, row * longest + ids.length)
    else for (let i = 0; i < longest; i++) values[row * longest + i] = i
  })
  return values
}

/** int32 >= 0 as int64, little-endian as ONNX Runtime's platforms are: twice as fast as BigInt(x) for each. */
function widen(values: Int32Array): BigInt64Array {
  const halves = new Int32Array(values.length * 2)
  for (let i = 0; i < values.length; i++) halves[2 * i] = values[i] ?? 0
  return new BigInt64Array(halves.buffer)
}

interface PoolOptions {
  pooling: Pooling
  /** Tokens of each text; what is beyond is padding. */
  lengths: readonly number[]
  longest: number
  dim: number
}

/**
 * Makes one vector of each text's token vectors.
 *
 * @param states shape [texts, longest, dim]
 * @returns shape [texts, dim]
 */
export function pool(states: Float32Array, { pooling, lengths, longest, dim }: PoolOptions): Float32Array {
  const vectors = new Float32Array(lengths.length * dim)
  lengths.forEach((length, row) => {
    const from = row * longest * dim
    if (pooling !== 'mean') {
      const at = from + (pooling === 'cls' ? 0 : length - 1) * dim
      vectors.set(states.subarray(at, at + dim), row * dim)
      return
    }
    const sum = new Float64Array(dim)
    for (let t = 0; t < length; t++) {
      const at = from + t * dim
      for (let j = 0; j < dim; j++) sum[j] = (sum[j] ?? 0) + (states[at + j] ?? 0)
    }
    for (let j = 0; j < dim; j++) vectors[row * dim + j] = (sum[j] ?? 0) / length
  })
  return vectors
}
