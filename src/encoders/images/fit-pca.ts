import { EngineError } from '../../core/errors.js'
import type { FitFunction, FitRun, FitSettings, PixelMatrix } from './fit-types.js'
import { heldScores } from './held-scores.js'
import { holdOut } from './hold-out.js'
import { linearModel } from './linear-model.js'
import { DECODER_FILE, ENCODER_FILE, OnnxImageModel } from './onnx-image-model.js'
import { type PrincipalComponents, principalComponents } from './principal-components.js'
import { reconstructionScore } from './reconstruction-score.js'

/** Enough for most of what a picture of such size holds; more than that grows the index and blurs neighbours. */
const DEFAULT_DIM = 64

/** Images that are encoded and decoded at a time while measuring. */
const BATCH = 128

/**
 * Fits principal components to pixels: the linear encoder that loses least. What is usual is measured on a tenth of
 * the images with components of the others; the encoder itself is then fitted to all.
 *
 * @throws EngineError INVALID_REQUEST where `dim` is more than an image has values
 */
export const fitPca: FitFunction = async (images, settings, run) => {
  const dim = chooseDim(images, settings)
  const total = 2
  run.onProgress({ phase: 'fitting', done: 0, total })
  const { fit, held } = holdOut(images.count, settings.seed)
  const trial = await fitted(images, fit, { dim: Math.min(dim, fit.length), seed: settings.seed, run })
  run.onProgress({ phase: 'measuring', done: 0, total: held.length })
  const { error, scores } = await measure(trial, images, { rows: held, run })
  run.onProgress({ phase: 'fitting', done: 1, total })
  const all = Int32Array.from({ length: images.count }, (_, row) => row)
  const model = await fitted(images, all, { dim, seed: settings.seed, run })
  run.onProgress({ phase: 'fitting', done: total, total })
  const { size, channels } = images
  return {
    kind: 'pca',
    dim,
    unit: false,
    settings: { size, channels, seed: settings.seed, fittedOn: images.count, held: heldScores(scores) },
    files: { [ENCODER_FILE]: model.encoder, [DECODER_FILE]: model.decoder },
    report: { heldOut: { images: held.length, error }, explained: model.explained },
  }
}

function chooseDim({ count, size, channels }: PixelMatrix, { dim }: FitSettings): number {
  const values = size * size * channels
  if (dim !== undefined && dim > values) {
    throw new EngineError(
      'INVALID_REQUEST',
      `dim is ${dim}, but an image of ${size} x ${size} x ${channels} has ${values} values: ask for at most ${values}, or a larger size`,
    )
  }
  // of n images n - 1 components say everything
  return dim ?? Math.max(1, Math.min(DEFAULT_DIM, values, Math.floor(count / 2)))
}

interface FittedLinear {
  encoder: Uint8Array
  decoder: Uint8Array
  dim: number
  /** Share of the variance that the components hold. */
  explained: number
}

/** Principal components of some of the images, as a model. */
async function fitted(
  images: PixelMatrix,
  rows: Int32Array,
  options: { dim: number; seed: number; run: Pick<FitRun, 'check'> },
): Promise<FittedLinear> {
  const { mean, variances, components } = await componentsOf(images, rows, options)
  const width = images.size * images.size * images.channels
  const held = variances.reduce((sum, variance) => sum + variance, 0)
  const all = totalVariance({ count: rows.length, dim: width, read: rowReader(images, rows) }, mean)
  const { dim } = options
  return { ...linearModel(images, { components, mean }), dim, explained: all === 0 ? 1 : held / all }
}

/**
 * Principal components of some of the images, of pixels in 0..1.
 *
 * @param rows which images, ascending
 * @param options.dim at most the number of rows and of values
 */
export async function componentsOf(
  images: PixelMatrix,
  rows: Int32Array,
  { dim, seed, run }: { dim: number; seed: number; run: Pick<FitRun, 'check'> },
): Promise<PrincipalComponents> {
  const width = images.size * images.size * images.channels
  const source = { count: rows.length, dim: width, read: rowReader(images, rows) }
  return principalComponents(source, dim, { seed, check: () => run.check() })
}

/** Reads rows in one piece where they lie so. */
function rowReader(images: PixelMatrix, rows: Int32Array): (from: number, to: number) => Uint8Array {
  const width = images.size * images.size * images.channels
  if (rows.length === images.count) return (from, to) => images.values.subarray(from * width, to * width)
  return (from, to) => {
    const part = new Uint8Array((to - from) * width)
    for (let i = from; i < to; i++) {
      const row = rows[i] as number
      part.set(images.values.subarray(row * width, (row + 1) * width), (i - from) * width)
    }
    return part
  }
}

function totalVariance(
  source: { count: number; dim: number; read: (from: number, to: number) => Uint8Array },
  mean: Float32Array,
): number {
  let squares = 0
  for (let row = 0; row < source.count; row++) {
    const values = source.read(row, row + 1)
    for (let i = 0; i < source.dim; i++) squares += ((values[i] as number) / 255) ** 2
  }
  return squares / source.count - mean.reduce((sum, value) => sum + value * value, 0)
}

/** Encodes and decodes images. @returns the mean squared error over all, and each one's score */
async function measure(
  model: FittedLinear,
  images: PixelMatrix,
  { rows, run }: { rows: Int32Array; run: FitRun },
): Promise<{ error: number; scores: Float32Array }> {
  const { size, channels } = images
  const width = size * size * channels
  const read = rowReader(images, rows)
  const loaded = await OnnxImageModel.load({
    dim: model.dim,
    settings: { size, channels },
    files: { [ENCODER_FILE]: model.encoder, [DECODER_FILE]: model.decoder },
  })
  try {
    const scores = new Float32Array(rows.length)
    let errors = 0
    for (let from = 0; from < rows.length; from += BATCH) {
      run.check()
      const to = Math.min(rows.length, from + BATCH)
      const pixels = read(from, to)
      const pictures = await loaded.decode(await loaded.encode(pixels, to - from), to - from)
      for (let i = from; i < to; i++) {
        const at = (i - from) * width
        const { error, score } = reconstructionScore(
          pixels.subarray(at, at + width),
          pictures.subarray(at, at + width),
        )
        errors += error
        scores[i] = score
      }
      run.onProgress({ phase: 'measuring', done: to, total: rows.length })
    }
    return { error: errors / rows.length, scores }
  } finally {
    await loaded.dispose()
  }
}
