import { join } from 'node:path'
import { EngineError } from '../../core/errors.js'
import { readModel, writeModel } from '../../tensor/onnx-file.js'
import { checkModelOptions, OPTIONS_FILE, readJsonFile, readModelSettings } from '../model-settings.js'
import { TextTokenizer } from '../text-tokenizer.js'
import { decide, type KindDecision, type QuantizeMethod } from './decide.js'
import { findLayers } from './layers.js'
import { findModelSource, type ModelSource, readSource, writeModelFolder } from './model-source.js'
import { type Likeness, likeness, pooledVectors } from './pooled-vectors.js'
import { type Plan, rewrite } from './rewrite.js'
import { HIDDEN_STATE, SourceModel } from './source-model.js'

/** What crosses to the worker thread: see `QuantizeOptions`. */
export interface QuantizeRequest {
  input: string
  /** A folder that is there and empty. */
  folder: string
  files?: string
  texts: readonly string[]
  method: QuantizeMethod
  threads: number
}

/** What was made and how good it is. */
export interface QuantizeReport {
  /** sha256 of the quantized .onnx file. */
  sha256: string
  /** Of the .onnx files, in bytes. */
  size: { fp32: number; quantized: number }
  /** How many texts the comparison read. */
  texts: number
  kinds: KindDecision[]
  /** Cosine of pooled vectors to those of fp32. */
  cosine: Likeness
  /** The least cosine between a text's vector alone and in a batch. */
  aloneToBatched: number
  /** Weights that stay fp32, described for people. */
  left: string[]
}

export interface QuantizeHooks {
  onProgress(done: number, total: number, message: string): void
  /** Throws when the work is to end. */
  check(): void
}

/** A text's vector must not depend on what it is batched with. */
const LEAST_ALONE = 0.99999

const BATCH = 16

/** What "alone" is compared with: texts of many lengths together. */
const LARGE_BATCH = 64

/** Tokens read of a comparison text. */
const MAX_TOKENS = 256

/** Plans measured where nothing goes wrong: each kind per-row, then the whole. Only for progress. */
const USUAL_STEPS = 9

/**
 * Quantizes a model and compares it with fp32; the heavy part, made for a worker thread.
 *
 * @throws EngineError QUANTIZATION_REFUSED, ENCODER_NOT_FOUND, ENCODER_INVALID, UNSUPPORTED
 */
export async function runQuantize(request: QuantizeRequest, hooks: QuantizeHooks): Promise<QuantizeReport> {
  let done = 0
  const step = (message: string): void => {
    hooks.check()
    hooks.onProgress(done++, Math.max(USUAL_STEPS, done), message)
  }
  step('reading the model')
  const files = await findModelSource(request.input, request.files)
  const bytes = await readSource(files)
  const source = new SourceModel(readModel(bytes, files.model))
  const layers = findLayers(source)
  const { texts, pooling } = await tokenize(files, request.texts)
  const run = (model: Uint8Array, output: string, batch: number): Promise<Float32Array[]> =>
    pooledVectors(model, output, texts, { pooling, batch, threads: request.threads, check: hooks.check })
  step('encoding with fp32')
  const reference = await run(bytes, source.outputName, BATCH)
  const write = (plan: Plan): Uint8Array => writeModel(rewrite(source, layers, plan))
  const decision = await decide(layers, request.method, async (plan, what) => {
    step(`comparing ${what}`)
    return likeness(reference, await run(write(plan), HIDDEN_STATE, BATCH))
  })
  step('comparing alone and batched')
  const model = write(decision.plan)
  const alone = await run(model, HIDDEN_STATE, 1)
  const aloneToBatched = likeness(alone, await run(model, HIDDEN_STATE, LARGE_BATCH)).worst
  if (aloneToBatched < LEAST_ALONE) {
    throw new EngineError(
      'QUANTIZATION_REFUSED',
      `a text's vector depends on its batch: the cosine between alone and batched falls to ${aloneToBatched.toFixed(6)}, ` +
        `expected at least ${LEAST_ALONE}`,
      { details: { aloneToBatched, kinds: decision.kinds } },
    )
  }
  step('writing the folder')
  const sha256 = await writeModelFolder(request.folder, files, model)
  hooks.onProgress(done, done, 'done')
  return {
    sha256,
    size: { fp32: bytes.length, quantized: model.length },
    texts: texts.length,
    kinds: decision.kinds,
    cosine: decision.cosine,
    aloneToBatched,
    left: layers.left,
  }
}

async function tokenize(
  { folder }: ModelSource,
  texts: readonly string[],
): Promise<{ texts: number[][]; pooling: 'mean' | 'cls' | 'last' }> {
  const kept = checkModelOptions((await readJsonFile(folder, OPTIONS_FILE)) ?? {}, join(folder, OPTIONS_FILE))
  const settings = await readModelSettings(folder, kept)
  const tokenizer = TextTokenizer.load({
    tokenizer: join(folder, 'tokenizer.json'),
    tokenizerConfig: (await readJsonFile(folder, 'tokenizer_config.json'))
      ? join(folder, 'tokenizer_config.json')
      : undefined,
    settings: { ...settings, maxTokens: Math.min(settings.maxTokens, MAX_TOKENS) },
  })
  return { texts: texts.map((text) => tokenizer.tokenize(text, 'passage').ids), pooling: settings.pooling }
}
