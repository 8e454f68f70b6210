import { negativeEvidenceBound } from '../evidence-bound.js'
import type { FitRun, PixelMatrix } from '../fit-types.js'
import type { OnnxImageModel } from '../onnx-image-model.js'
import { reconstructionScore } from '../reconstruction-score.js'

const BATCH = 256

/** What a model makes of some of the images. */
export interface Measured {
  /** Mean squared error over all of them. */
  error: number
  /** Of each, see `reconstructionScore`. */
  scores: Float32Array
  /** Of each, only of a VAE: see `negativeEvidenceBound`. */
  bounds?: Float32Array
  /** Shape [rows, dim]. */
  latent: Float32Array
}

/** Encodes and decodes the rows of a matrix of images. */
export async function measureImages(
  model: OnnxImageModel,
  images: PixelMatrix,
  rows: Int32Array,
  run: Pick<FitRun, 'check'>,
): Promise<Measured> {
  const width = images.size * images.size * images.channels
  const scores = new Float32Array(rows.length)
  const latent = new Float32Array(rows.length * model.dim)
  let bounds: Float32Array | undefined
  let errors = 0
  for (let from = 0; from < rows.length; from += BATCH) {
    run.check()
    const some = rows.subarray(from, from + BATCH)
    const pixels = pixelsOf(images, some)
    const { latent: encoded, logVar } = await model.distribution(pixels, some.length)
    if (logVar) bounds ??= new Float32Array(rows.length)
    latent.set(encoded, from * model.dim)
    const pictures = await model.decode(encoded, some.length)
    for (let i = 0; i < some.length; i++) {
      const part = (values: Uint8Array | Float32Array) => values.subarray(i * width, (i + 1) * width)
      const [own, picture] = [part(pixels) as Uint8Array, part(pictures) as Float32Array]
      const { error, score } = reconstructionScore(own, picture)
      if (logVar && bounds) {
        const of = (values: Float32Array) => values.subarray(i * model.dim, (i + 1) * model.dim)
        bounds[from + i] = negativeEvidenceBound(own, picture, of(encoded), of(logVar))
      }
      errors += error
      scores[from + i] = score
    }
  }
  return { error: errors / rows.length, scores, latent, ...(bounds ? { bounds } : {}) }
}

/** Some rows of a matrix, one after the other. */
export function pixelsOf(images: PixelMatrix, rows: Int32Array): Uint8Array {
  const width = images.size * images.size * images.channels
  const pixels = new Uint8Array(rows.length * width)
  rows.forEach((row, i) => {
    pixels.set(images.values.subarray(row * width, (row + 1) * width), i * width)
  })
  return pixels
}
