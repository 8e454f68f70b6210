import { SHARE_ENV, Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../../core/errors.js'
import type { ImageEncoderModel } from '../../core/image-encoder.js'
import { SHAPE_SAMPLE } from './choose-shape.js'
import type { FitInput, FromFit, ToFit } from './fit-messages.js'
import type { FitProgress, FitSettings } from './fit-types.js'

export type { FitProgress } from './fit-types.js'

/** Where the images of a fit come from. */
export interface ImageSource {
  /** At least as many as come. */
  count: number
  /** Renditions, in a stable order. */
  batches(): AsyncIterable<readonly Uint8Array[]>
}

/** What to fit; see `FitSettings`. */
export interface FitOptions extends Omit<FitSettings, 'seed' | 'engine'> {
  /** Side of the square that images are brought to, in pixels; default: from the images. */
  size?: number
  /** Default: grey if nearly all images are. */
  channels?: 1 | 3
  /** Default 1. */
  seed?: number
  /** Default `onnx`. */
  engine?: FitSettings['engine']
  /** Of the images, in their order; for the report. */
  labels?: readonly (string | null)[]
  signal?: AbortSignal
  onProgress?: (progress: FitProgress) => void
}

/**
 * Fits an encoder to images, in a thread of its own that ends with it, so that its memory goes back.
 *
 * @throws EngineError TOO_FEW_IMAGES, TRAINING_DIVERGED, CANCELLED, INVALID_REQUEST, NATIVE_ADDON_MISSING
 */
export async function fitImageEncoder(images: ImageSource, options: FitOptions): Promise<ImageEncoderModel> {
  const { size, channels, labels, signal, onProgress, seed = 1, engine = 'onnx', ...given } = options
  const batches = images.batches()[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  const held: (readonly Uint8Array[])[] = []
  while (first.length < SHAPE_SAMPLE) {
    const next = await batches.next()
    if (next.done) break
    held.push(next.value)
    first.push(...next.value.slice(0, SHAPE_SAMPLE - first.length))
  }
  if (signal?.aborted) throw cancelledError()
  const input: FitInput = {
    settings: { ...given, seed, engine },
    size,
    channels,
    count: images.count,
    labels,
    sample: first,
    cancelled: new SharedArrayBuffer(4),
  }
  const next = async (): Promise<ToFit> => {
    const early = held.shift()
    if (early) return { kind: 'images', images: early }
    const read = await batches.next()
    return read.done ? { kind: 'end' } : { kind: 'images', images: read.value }
  }
  try {
    return await runThread(input, next, { signal, onProgress })
  } finally {
    await batches.return?.()
  }
}

function runThread(
  input: FitInput,
  next: () => Promise<ToFit>,
  { signal, onProgress }: Pick<FitOptions, 'signal' | 'onProgress'>,
): Promise<ImageEncoderModel> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fit-worker.js', import.meta.url), {
      workerData: input,
      execArgv: [],
      // native libraries read what is set here only if it is the process's own environment
      env: SHARE_ENV,
      name: 'kindred fit',
    })
    let outcome: { model: ImageEncoderModel } | { error: unknown } | undefined
    const stop = (): void => {
      Atomics.store(new Int32Array(input.cancelled), 0, 1)
      // one that waits for images would wait for ever
      worker.postMessage({ kind: 'end' } satisfies ToFit)
    }
    const fail = (error: unknown): void => {
      outcome ??= { error }
      stop()
    }
    signal?.addEventListener('abort', stop, { once: true })
    worker.on('message', (message: FromFit) => {
      if (message.kind === 'progress') onProgress?.(message.progress)
      else if (message.kind === 'done') outcome ??= { model: message.model }
      else if (message.kind === 'failed') outcome ??= { error: fromPlainError(message.error) }
      else if (!signal?.aborted) next().then((more) => worker.postMessage(more), fail)
    })
    worker.on('error', (error) => {
      outcome ??= { error: ended(error) }
    })
    worker.once('exit', () => {
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(cancelledError())
      else if (outcome && 'model' in outcome) resolve(outcome.model)
      else reject(outcome?.error ?? ended(undefined))
    })
  })
}

function cancelledError(): EngineError {
  return new EngineError('CANCELLED', 'fitting the encoder was cancelled')
}

function ended(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : 'no reason given'
  return new EngineError(
    'INTERNAL',
    `the thread that fits the encoder ended unexpectedly (${reason}); try again`,
    {
      cause: error,
    },
  )
}
