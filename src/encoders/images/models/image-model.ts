import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/random.js'
import type { StepContext, StepMetrics, TrainableModel } from '../../../tensor/trainable-model.js'
import type { BuildParts } from './image-parts.js'
import { type LinearPart, withLinear } from './linear-part.js'

/** What a model learns, beside its parts. */
export interface ImageObjective {
  dim: number
  /** Whether the encoder gives a distribution, `mu` and `logVar`, instead of a point. */
  variational: boolean
  /** Whether pixels are blackened at random, by the chance `denoise` of each step. */
  denoise: boolean
  /** What the parts are added to, of an autoencoder. */
  linear?: LinearPart | undefined
}

/** A model that can be trained, and used afterwards. */
export interface ImageModel extends TrainableModel {
  /** What an image is in the latent space: a point, of a VAE its `mu`, and `logVar` beside it. */
  encode(images: tf.Tensor4D): { latent: tf.Tensor2D; logVar?: tf.Tensor2D }
  /** @returns images in 0..1 */
  decode(latent: tf.Tensor2D): tf.Tensor4D
}

/** Bounds of logVar: beyond them exp() leaves float32, or the dimension is as good as fixed. */
const LOG_VAR = 8

/**
 * Makes a model of two halves: an autoencoder that loses least of a picture (mean squared error), or a VAE, whose loss is
 * the negative evidence lower bound with the KL term weighed by the step's `beta` (Kingma and Welling 2014; Higgins and
 * others 2017).
 */
export function buildImageModel(
  buildParts: BuildParts,
  { dim, variational, denoise, linear }: ImageObjective,
): (tfjs: typeof tf, random: Random) => ImageModel {
  return (tfjs, random) => {
    const parts = linear ? withLinear(tfjs, buildParts(tfjs, random), linear) : buildParts(tfjs, random)
    const toPicture = (values: tf.Tensor4D): tf.Tensor4D => (linear ? values : tfjs.sigmoid(values))
    const encode = (images: tf.Tensor4D): { latent: tf.Tensor2D; logVar?: tf.Tensor2D } => {
      const encoded = parts.encode(images)
      if (!variational) return { latent: encoded }
      const batch = images.shape[0]
      const half = (from: number) => tfjs.slice(encoded, [0, from], [batch, dim])
      return { latent: half(0), logVar: tfjs.clipByValue(half(dim), -LOG_VAR, LOG_VAR) }
    }
    const loss = (images: tf.Tensor4D, context: StepContext): StepMetrics => {
      const { latent, logVar } = encode(denoise ? corrupted(tfjs, images, context) : images)
      if (!logVar) {
        const picture = toPicture(parts.decode(latent))
        return { loss: tfjs.mean(tfjs.squaredDifference(picture, images)) as tf.Scalar }
      }
      // z = mu + exp(logVar / 2) * eps (Kingma and Welling 2014)
      const eps = context.noise('eps', latent.shape, 'normal')
      const z = tfjs.add(latent, tfjs.mul(tfjs.exp(tfjs.mul(logVar, 0.5)), eps)) as tf.Tensor2D
      const logits = parts.decode(z)
      // binary cross-entropy of logits x and targets t: softplus(x) - t x, summed over pixels
      const entropy = tfjs.sub(tfjs.softplus(logits), tfjs.mul(images, logits))
      const reconstruction = tfjs.mean(tfjs.sum(entropy, [1, 2, 3]))
      // KL(N(mu, var) || N(0, 1)) = (mu^2 + var - 1 - logVar) / 2, summed over dimensions
      const terms = tfjs.sub(tfjs.add(tfjs.square(latent), tfjs.exp(logVar)), tfjs.add(logVar, 1))
      const kl = tfjs.mul(tfjs.mean(tfjs.sum(terms, 1)), 0.5)
      const beta = context.inputs.beta as tf.Scalar
      return { loss: tfjs.add(reconstruction, tfjs.mul(beta, kl)) as tf.Scalar, kl: kl as tf.Scalar }
    }
    return {
      weights: parts.weights,
      loss,
      encode,
      decode: (latent) => {
        const picture = toPicture(parts.decode(latent))
        return linear ? tfjs.clipByValue(picture, 0, 1) : picture
      },
    }
  }
}

/** Each pixel, with all its channels, is blackened with the chance `denoise` (Vincent and others 2008). */
function corrupted(tfjs: typeof tf, images: tf.Tensor4D, { inputs, noise }: StepContext): tf.Tensor4D {
  const [batch, height, width] = images.shape
  const chance = inputs.denoise as tf.Scalar
  const kept = tfjs.greaterEqual(noise('mask', [batch, height, width, 1], 'uniform'), chance)
  return tfjs.mul(images, tfjs.cast(kept, 'float32'))
}
