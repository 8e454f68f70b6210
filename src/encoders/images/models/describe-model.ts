import { OnnxProgram } from '../../../tensor/onnx-program.js'
import type { FitRun, PixelMatrix } from '../fit-types.js'
import { heldScores } from '../held-scores.js'
import { sampleRows } from '../hold-out.js'
import { linearModel } from '../linear-model.js'
import { DECODER_FILE, ENCODER_FILE, OnnxImageModel } from '../onnx-image-model.js'
import { knnAccuracy } from './knn-accuracy.js'
import { measureImages, pixelsOf } from './measure-images.js'

/** Images whose labels are compared. */
const KNN_KNOWN = 4_000
const KNN_ASKED = 1_000
/** KL in nats above which a dimension counts as used (Burda and others 2016 ask for activity in the same spirit). */
const USED = 0.1
/** Images that are encoded at a time. */
const BATCH = 128

/** A trained model, and the images that it is to be described by. */
export interface DescribeOptions {
  /** Rows that it learned from, and those that it did not. */
  fit: Int32Array
  held: Int32Array
  dim: number
  variational: boolean
  /** What the images were without training: components of those that were learned from, see `linearModel`. */
  pca: { components: Float32Array; mean: Float32Array }
  files: Record<string, Uint8Array>
  seed: number
  run: FitRun
}

/** What was found: what loading the model needs, and what people read. */
export interface Described {
  settings: Record<string, unknown>
  report: Record<string, unknown>
}

/** What the model is worth on held-out images, beside PCA of the same dimension. */
export async function describeModel(images: PixelMatrix, options: DescribeOptions): Promise<Described> {
  const { held, dim, files, run } = options
  run.onProgress({ phase: 'measuring', done: 0, total: held.length })
  const inputs = { size: images.size, channels: images.channels }
  const model = await OnnxImageModel.load({ dim, settings: inputs, files })
  try {
    const { error, scores, bounds, latent } = await measureImages(model, images, held, run)
    const report: Record<string, unknown> = { heldOutError: error, heldOutImages: held.length }
    report.pcaError = await pcaError(images, options)
    const accuracy = await labelAccuracy(model, images, latent, options)
    if (accuracy !== undefined) report.knnAccuracy = accuracy
    if (options.variational) {
      const kl = await klOfDimensions(images, options)
      report.kl = kl
      report.dimensionsInUse = kl.filter((nats) => nats > USED).length
    }
    run.onProgress({ phase: 'measuring', done: held.length, total: held.length })
    const settings = { held: heldScores(scores), ...(bounds ? { heldNelbo: heldScores(bounds) } : {}) }
    return { settings, report }
  } finally {
    await model.dispose()
  }
}

async function pcaError(images: PixelMatrix, { held, pca, run }: DescribeOptions): Promise<number> {
  const { encoder, decoder } = linearModel(images, pca)
  const settings = { size: images.size, channels: images.channels }
  const files = { [ENCODER_FILE]: encoder, [DECODER_FILE]: decoder }
  const dim = pca.components.length / pca.mean.length
  const model = await OnnxImageModel.load({ dim, settings, files })
  try {
    return (await measureImages(model, images, held, run)).error
  } finally {
    await model.dispose()
  }
}

async function labelAccuracy(
  model: OnnxImageModel,
  images: PixelMatrix,
  latent: Float32Array,
  { fit, held, seed, run }: DescribeOptions,
): Promise<number | undefined> {
  const { labels } = images
  if (!labels?.some((label) => label !== null)) return undefined
  const chosen = sampleRows(fit.length, KNN_KNOWN, seed).map((at) => fit[at] as number)
  const known = await measureImages(model, images, chosen, run)
  const labelsOf = (rows: Int32Array): (string | null)[] => Array.from(rows, (row) => labels[row] ?? null)
  const asked = held.subarray(0, KNN_ASKED)
  return knnAccuracy(
    { vectors: known.latent, labels: labelsOf(chosen) },
    { vectors: latent.subarray(0, asked.length * model.dim), labels: labelsOf(asked) },
    model.dim,
  )
}

/** Mean KL of each dimension over the held-out images, in nats: (mu^2 + var - 1 - logVar) / 2. */
async function klOfDimensions(
  images: PixelMatrix,
  { held, dim, files, run }: DescribeOptions,
): Promise<number[]> {
  const program = await OnnxProgram.create(files[ENCODER_FILE] ?? new Uint8Array())
  try {
    const sums = new Float64Array(dim)
    for (let from = 0; from < held.length; from += BATCH) {
      run.check()
      const rows = held.subarray(from, from + BATCH)
      const data = Float32Array.from(pixelsOf(images, rows), (value) => value / 255)
      const dims = [rows.length, images.size, images.size, images.channels]
      const { latent, logVar } = await program.run({ image: { data, dims } })
      for (let i = 0; i < rows.length * dim; i++) {
        const mu = latent?.data[i] ?? 0
        const log = logVar?.data[i] ?? 0
        sums[i % dim] = (sums[i % dim] as number) + (mu * mu + Math.exp(log) - 1 - log) / 2
      }
    }
    return Array.from(sums, (sum) => sum / held.length)
  } finally {
    await program.dispose()
  }
}
