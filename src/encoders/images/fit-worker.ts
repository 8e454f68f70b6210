import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, toPlainError } from '../../core/errors.js'
import type { ImageEncoderKind } from '../../core/image-encoder.js'
import { LIMITS } from '../../core/limits.js'
import { yieldToOthers } from '../../core/yield-to-others.js'
import { decodePixels } from '../../images/decode-pixels.js'
import { chooseShape } from './choose-shape.js'
import { fitDescriptor } from './descriptor/fit-descriptor.js'
import type { FitInput, FromFit, ToFit } from './fit-messages.js'
import { fitPca } from './fit-pca.js'
import type { FitFunction, FitProgress, FitRun, PixelMatrix } from './fit-types.js'
import { sampleRows } from './hold-out.js'
import { identify } from './model-id.js'
import { trainImages } from './models/train-images.js'

const FITS: Record<ImageEncoderKind, FitFunction> = {
  descriptor: fitDescriptor,
  pca: fitPca,
  autoencoder: trainImages,
  vae: trainImages,
}
const PROGRESS_MS = 100

if (parentPort === null) throw new Error('fit-worker runs as a worker thread')
const port = parentPort
const input = workerData as FitInput
const cancelled = new Int32Array(input.cancelled)
const aborting = new AbortController()
let reported = 0

const run: FitRun = {
  signal: aborting.signal,
  onProgress(progress: FitProgress) {
    const now = performance.now()
    const last = progress.done >= progress.total
    if (!last && now - reported < PROGRESS_MS) return
    reported = now
    post({ kind: 'progress', progress })
  },
  check() {
    if (Atomics.load(cancelled, 0) === 0) return
    const error = new EngineError('CANCELLED', 'fitting the encoder was cancelled')
    aborting.abort(error)
    throw error
  },
}

yieldToOthers()
fitEncoder()
  .catch((error: unknown) => post({ kind: 'failed', error: toPlainError(error) }))
  .finally(() => port.close())

async function fitEncoder(): Promise<void> {
  const { settings, labels } = input
  const matrix = await readImages()
  const { count } = matrix
  if (count < 2)
    throw tooFew(`${count === 0 ? 'there is no image' : 'there is one image'}, at least 2 are needed`)
  if (settings.dim !== undefined && settings.dim > count) {
    throw tooFew(
      `dim is ${settings.dim}, but there are ${count} images: ask for at most ${count}, or add more`,
    )
  }
  if (allSame(matrix))
    throw tooFew(`all ${count} images are the same: there is nothing to tell them apart by`)
  const parts = await FITS[settings.kind](
    labels ? { ...matrix, labels: matrix.labels ?? labels } : matrix,
    settings,
    run,
  )
  post({ kind: 'done', model: identify(parts) })
}

/** Decodes what comes into one matrix; of more than fits, a seeded sample. */
async function readImages(): Promise<PixelMatrix> {
  const { sample, size: side, channels: asked, settings, count, labels } = input
  const wanted = {
    ...(side === undefined ? {} : { size: side }),
    ...(asked === undefined ? {} : { channels: asked }),
  }
  if (sample.length === 0) return { count: 0, size: 1, channels: 1, values: shared(0) }
  const { size, channels } = await chooseShape(settings.kind, sample, wanted)
  const width = size * size * channels
  const chosen = sampleRows(count, Math.floor(LIMITS.trainingBytes / width), settings.seed)
  const values = shared(chosen.length * width)
  let row = 0
  let taken = 0
  for await (const images of batches()) {
    for (const image of images) {
      if (chosen[taken] === row++) {
        const pixels = await decodePixels(image, { width: size, height: size, channels })
        values.set(pixels.values, taken++ * width)
      }
    }
    run.check()
    run.onProgress({ phase: 'reading', done: row, total: count })
  }
  const kept = values.subarray(0, taken * width)
  const rows = chosen.subarray(0, taken)
  return {
    count: taken,
    size,
    channels,
    values: kept,
    ...(labels ? { labels: Array.from(rows, (at) => labels[at] ?? null) } : {}),
  }
}

async function* batches(): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const arrived: ToFit[] = []
  let wake = (): void => {}
  port.on('message', (message: ToFit) => {
    arrived.push(message)
    wake()
  })
  for (;;) {
    const next = arrived.shift()
    if (next === undefined) {
      post({ kind: 'more' })
      await new Promise<void>((resolve) => {
        wake = resolve
        if (arrived.length > 0) resolve()
      })
    } else if (next.kind === 'end') return
    else yield next.images
  }
}

function allSame({ count, values }: PixelMatrix): boolean {
  const width = values.length / count
  for (let i = width; i < values.length; i++) if (values[i] !== values[i % width]) return false
  return true
}

function shared(bytes: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(bytes))
}

function tooFew(message: string): EngineError {
  return new EngineError('TOO_FEW_IMAGES', message, { details: { kind: input.settings.kind } })
}

function post(message: FromFit): void {
  port.postMessage(message)
}
