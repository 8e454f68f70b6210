import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../../core/errors.js'
import { COMPARISON_TEXTS } from './comparison-texts.js'
import type { QuantizeMethod } from './decide.js'
import type { QuantizeReport, QuantizeRequest } from './quantize-run.js'
import type { QuantizeMessage, QuantizeWorkerData } from './quantize-worker.js'

export type { KindDecision, QuantizeMethod } from './decide.js'
export type { QuantizeReport } from './quantize-run.js'

export interface QuantizeOptions {
  /** An fp32 .onnx file, or a folder in Hugging Face layout that holds one. */
  input: string
  /** The folder to make; it must not be there, or be empty. */
  output: string
  /** Where tokenizer.json lies. Default: the input folder, or beside or above the .onnx file. */
  files?: string
  /**
   * Real texts to compare on, best of the kind the encoder is for; of more than 256, so many are taken, evenly.
   * Default: about 100 sentences in twelve languages.
   */
  texts?: readonly string[]
  /** Default `auto`: per-row where it holds, blocks where activations have outliers. */
  method?: QuantizeMethod
  /** Threads of one inference. Default: one a core. */
  threads?: number
  onProgress?: (done: number, total: number, message: string) => void
  /** Ends the work within a batch, with CANCELLED; nothing is left behind. */
  signal?: AbortSignal
}

/** Comparing takes eight or more passes over the texts. */
const TEXTS_AT_MOST = 256

const METHODS: readonly QuantizeMethod[] = ['auto', 'per-row', 'blocks']

/**
 * Makes a small model folder, whose vectors do not depend on the batch, from an fp32 ONNX text encoder. Works in a
 * thread of its own; needs memory for about four times the fp32 file. The folder is written whole or not at all.
 *
 * @throws EngineError QUANTIZATION_REFUSED (below a mean cosine of .99 to fp32, or quantized already; `details` has
 *   the figures), ENCODER_NOT_FOUND, ENCODER_INVALID, UNSUPPORTED, INVALID_REQUEST, CANCELLED
 */
export async function quantizeModel(options: QuantizeOptions): Promise<QuantizeReport> {
  const { method = 'auto', signal } = options
  if (!METHODS.includes(method)) {
    throw new EngineError('INVALID_REQUEST', `method is "${method}", expected one of ${METHODS.join(', ')}`)
  }
  const texts = (options.texts ?? COMPARISON_TEXTS).filter((text) => text.trim() !== '')
  if (texts.length === 0) {
    throw new EngineError(
      'INVALID_REQUEST',
      'there are no texts to compare on, expected some tens of real ones',
    )
  }
  if (signal?.aborted) throw new EngineError('CANCELLED', 'quantizing was cancelled')
  const output = resolve(options.output)
  if (existsSync(output) && (await readdir(output)).length > 0) {
    throw new EngineError('INVALID_REQUEST', `${output} is not empty: name a new folder`)
  }
  await mkdir(dirname(output), { recursive: true })
  const folder = `${output}.${process.pid}.tmp`
  await mkdir(folder)
  try {
    const report = await runInWorker(
      {
        input: resolve(options.input),
        folder,
        ...(options.files === undefined ? {} : { files: resolve(options.files) }),
        texts: evenly(texts, TEXTS_AT_MOST),
        method,
        threads: options.threads ?? availableParallelism(),
      },
      options,
    )
    if (existsSync(output)) await rmdir(output)
    await rename(folder, output)
    return report
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function evenly(texts: readonly string[], most: number): string[] {
  const step = Math.max(1, texts.length / most)
  return texts.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step))
}

function runInWorker(
  request: QuantizeRequest,
  { onProgress, signal }: Pick<QuantizeOptions, 'onProgress' | 'signal'>,
): Promise<QuantizeReport> {
  const data: QuantizeWorkerData = { request, cancelled: new SharedArrayBuffer(4) }
  const cancel = (): void => {
    Atomics.store(new Int32Array(data.cancelled), 0, 1)
  }
  signal?.addEventListener('abort', cancel, { once: true })
  const worker = new Worker(new URL('./quantize-worker.js', import.meta.url), {
    workerData: data,
    execArgv: [],
  })
  let outcome: QuantizeMessage | undefined
  return new Promise<QuantizeReport>((settle, fail) => {
    worker.on('message', (message: QuantizeMessage) => {
      if (message.type === 'progress') onProgress?.(message.done, message.total, message.message)
      else outcome = message
    })
    worker.on('error', fail)
    // settled only when the thread has ended, so that its memory is given back
    worker.on('exit', (code) => {
      if (outcome?.type === 'done') settle(outcome.report)
      else if (outcome?.type === 'failed') fail(fromPlainError(outcome.error))
      else fail(new EngineError('INTERNAL', `the quantizing thread ended with code ${code} and no result`))
    })
  }).finally(() => signal?.removeEventListener('abort', cancel))
}
