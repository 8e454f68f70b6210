import { EngineError } from '../../core/errors.js'
import type { EncodedImage } from '../../core/image-encoder.js'
import { encodePng } from '../../images/encode-png.js'
import type { InputShape } from './choose-shape.js'
import { loadDescriptors } from './descriptor/load-descriptor.js'
import type { EncoderInput } from './encoder-tasks.js'
import { negativeEvidenceBound } from './evidence-bound.js'
import { OnnxImageModel, shapeOf } from './onnx-image-model.js'
import { reconstructionScore } from './reconstruction-score.js'

/** An encoder that is loaded in its thread. */
export interface Computation {
  shape: InputShape
  /** @param pixels shape [images, size, size, channels] */
  encode(pixels: Uint8Array, images: number): Promise<EncodedImage[]>
  /** @returns a PNG of what it makes of one image */
  reconstruct(pixels: Uint8Array): Promise<Uint8Array>
  dispose(): Promise<void>
}

/** @throws EngineError ENCODER_INVALID, NATIVE_ADDON_MISSING */
export async function loadComputation(input: EncoderInput): Promise<Computation> {
  if (input.kind === 'descriptor') {
    const { beside = [] } = input
    const descriptors = loadDescriptors([input, ...beside])
    return {
      shape: descriptors.shape,
      async encode(pixels, images) {
        const [own = [], ...others] = descriptors.encode(pixels, images)
        if (others.length === 0) return own.map((vector) => ({ vector }))
        return own.map((vector, i) => ({
          vector,
          beside: others.map((vectors) => ({ vector: vectors[i] ?? new Float32Array() })),
        }))
      },
      reconstruct: async () => {
        throw new EngineError('UNSUPPORTED', 'encoder "descriptor" cannot make pictures of its vectors')
      },
      dispose: async () => {},
    }
  }
  // one thread each: several of these run side by side
  const model = await OnnxImageModel.load(input, { threads: 1 })
  const shape = shapeOf(input.settings)
  const length = shape.size * shape.size * shape.channels
  return {
    shape,
    async encode(pixels, images) {
      const { latent, logVar } = await model.distribution(pixels, images)
      const pictures = await model.decode(latent, images)
      return Array.from({ length: images }, (_, i) => {
        const vector = latent.slice(i * input.dim, (i + 1) * input.dim)
        const own = pixels.subarray(i * length, (i + 1) * length)
        const picture = pictures.subarray(i * length, (i + 1) * length)
        const reconstruction = reconstructionScore(own, picture)
        const variances = logVar?.subarray(i * input.dim, (i + 1) * input.dim)
        if (variances) reconstruction.nelbo = negativeEvidenceBound(own, picture, vector, variances)
        return { vector, reconstruction }
      })
    },
    async reconstruct(pixels) {
      const picture = await model.decode(await model.encode(pixels, 1), 1)
      const values = Uint8Array.from(picture, (value) => Math.round(255 * Math.max(0, Math.min(1, value))))
      return encodePng({ width: shape.size, height: shape.size, channels: shape.channels, values })
    },
    dispose: () => model.dispose(),
  }
}
