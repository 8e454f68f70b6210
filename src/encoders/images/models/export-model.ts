import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/random.js'
import { ANY_BATCH, recordInference } from '../../../tensor/inference-program.js'
import type { InputShape } from '../choose-shape.js'
import { DECODER_FILE, ENCODER_FILE } from '../onnx-image-model.js'
import type { ImageModel } from './image-model.js'

/**
 * A trained model as two .onnx files with a free batch size: image [batch, size, size, channels] in 0..1 to latent
 * [batch, dim] (of a VAE its mu, and logVar beside it), and latent back to the image.
 *
 * @param weights all of the model's
 */
export function exportModel(
  build: (tfjs: typeof tf, random: Random) => ImageModel,
  { size, channels }: InputShape,
  { dim, weights }: { dim: number; weights: Readonly<Record<string, Float32Array>> },
): Record<typeof ENCODER_FILE | typeof DECODER_FILE, Uint8Array> {
  return {
    [ENCODER_FILE]: recordInference({
      build,
      weights,
      inputs: { image: [ANY_BATCH, size, size, channels] },
      outputs: (model, { image }) => ({ ...model.encode(image as tf.Tensor4D) }),
    }),
    [DECODER_FILE]: recordInference({
      build,
      weights,
      inputs: { latent: [ANY_BATCH, dim] },
      outputs: (model, { latent }) => ({ image: model.decode(latent as tf.Tensor2D) }),
    }),
  }
}
