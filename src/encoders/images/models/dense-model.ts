import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/random.js'
import type { StepContext, StepMetrics, TrainableModel } from '../../../tensor/trainable-model.js'
import type { PixelMatrix } from '../fit-types.js'

/** What an autoencoder is made of: layers down to the latent space, and as many up again. */
export interface DenseShape {
  /** Values of an image. */
  pixels: number
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. */
  hidden: readonly number[]
  dim: number
  /** Whether the encoder gives a distribution, `mu` and `logVar`, instead of a point. */
  variational: boolean
}

/** A layer's weights, shape [inputs, outputs] and [outputs], by name. */
export interface DenseLayer {
  name: string
  inputs: number
  outputs: number
}

/** The largest first layer: of large pictures fewer units, so that it stays trainable on a few cores. */
const FIRST_LAYER_WEIGHTS = 3_000_000

/** Bounds of logVar: beyond them exp() leaves float32, or the dimension is as good as fixed. */
const LOG_VAR = 8

/** 784-512-128-dim for 28 x 28 grey pictures (shape after Hinton and Salakhutdinov 2006), narrower first layers for larger. */
export function denseShape({ size, channels }: PixelMatrix, dim: number, variational: boolean): DenseShape {
  const pixels = size * size * channels
  const first = Math.max(64, Math.min(512, Math.round(FIRST_LAYER_WEIGHTS / pixels), 2 * pixels))
  return { pixels, hidden: [first, Math.max(32, Math.min(128, first), dim)], dim, variational }
}

/** The layers from the image to the latent space; the last gives `latent`, or `mu` and then `logVar`. */
export function encoderLayers({ pixels, hidden, dim, variational }: DenseShape): DenseLayer[] {
  return chain('encoder', [pixels, ...hidden, variational ? 2 * dim : dim])
}

/** The layers from the latent space to the image's logits. */
export function decoderLayers({ pixels, hidden, dim }: DenseShape): DenseLayer[] {
  return chain('decoder', [dim, ...[...hidden].reverse(), pixels])
}

function chain(part: string, widths: readonly number[]): DenseLayer[] {
  return widths.slice(1).map((outputs, i) => ({ name: `${part}${i}`, inputs: widths[i] ?? 0, outputs }))
}

/** The names of a layer's weights. */
export function weightNames({ name }: DenseLayer): { kernel: string; bias: string } {
  return { kernel: `${name}/kernel`, bias: `${name}/bias` }
}

/** The model, to be trained: what loses least of a picture, or its evidence lower bound. */
export function buildDense(
  shape: DenseShape,
  options: { denoise: boolean },
): (tfjs: typeof tf, random: Random) => TrainableModel {
  return (tfjs, random) => {
    const down = encoderLayers(shape)
    const up = decoderLayers(shape)
    const weights = new Map<string, tf.Variable>()
    for (const layer of [...down, ...up]) {
      const { kernel, bias } = weightNames(layer)
      weights.set(kernel, tfjs.variable(firstWeights(tfjs, layer, random)))
      weights.set(bias, tfjs.variable(tfjs.zeros([layer.outputs])))
    }
    const run = (layers: readonly DenseLayer[], from: tf.Tensor2D): tf.Tensor2D =>
      layers.reduce((values, layer, i) => {
        const { kernel, bias } = weightNames(layer)
        const sums = tfjs.add(tfjs.matMul(values, weightOf(weights, kernel)), weightOf(weights, bias))
        return (i < layers.length - 1 ? tfjs.relu(sums) : sums) as tf.Tensor2D
      }, from)
    const loss = (images: tf.Tensor4D, context: StepContext): StepMetrics => {
      const batch = images.shape[0]
      const flat = tfjs.reshape(images, [batch, shape.pixels]) as tf.Tensor2D
      const seen = options.denoise ? corrupted(tfjs, flat, context) : flat
      const latent = run(down, seen)
      if (!shape.variational) {
        const picture = tfjs.sigmoid(run(up, latent))
        return { loss: tfjs.mean(tfjs.squaredDifference(picture, flat)) as tf.Scalar }
      }
      const mu = tfjs.slice(latent, [0, 0], [batch, shape.dim])
      const logVar = tfjs.clipByValue(
        tfjs.slice(latent, [0, shape.dim], [batch, shape.dim]),
        -LOG_VAR,
        LOG_VAR,
      )
      // z = mu + exp(logVar / 2) * eps (Kingma and Welling 2014)
      const eps = context.noise('eps', [batch, shape.dim], 'normal')
      const z = tfjs.add(mu, tfjs.mul(tfjs.exp(tfjs.mul(logVar, 0.5)), eps)) as tf.Tensor2D
      const logits = run(up, z)
      // binary cross-entropy of logits x and targets t: softplus(x) - t x, summed over pixels
      const entropy = tfjs.sub(tfjs.softplus(logits), tfjs.mul(flat, logits))
      const reconstruction = tfjs.mean(tfjs.sum(entropy, 1))
      // KL(N(mu, var) || N(0, 1)) = (mu^2 + var - 1 - logVar) / 2, summed over dimensions
      const terms = tfjs.sub(tfjs.add(tfjs.square(mu), tfjs.exp(logVar)), tfjs.add(logVar, 1))
      const kl = tfjs.mul(tfjs.mean(tfjs.sum(terms, 1)), 0.5)
      const beta = context.inputs.beta as tf.Scalar
      return {
        loss: tfjs.add(reconstruction, tfjs.mul(beta, kl)) as tf.Scalar,
        kl: kl as tf.Scalar,
      }
    }
    return { weights, loss }
  }
}

/** Uniform in +-sqrt(6 / inputs), for layers that ReLU follows (He and others 2015). */
function firstWeights(tfjs: typeof tf, { inputs, outputs }: DenseLayer, random: Random): tf.Tensor {
  const bound = Math.sqrt(6 / inputs)
  const values = Float32Array.from({ length: inputs * outputs }, () => bound * (2 * random.uniform() - 1))
  return tfjs.tensor(values, [inputs, outputs])
}

/** Each pixel is blackened with the chance `denoise` (Vincent and others 2008). */
function corrupted(tfjs: typeof tf, flat: tf.Tensor2D, { inputs, noise }: StepContext): tf.Tensor2D {
  const chance = inputs.denoise as tf.Scalar
  const kept = tfjs.greaterEqual(noise('mask', flat.shape, 'uniform'), chance)
  return tfjs.mul(flat, tfjs.cast(kept, 'float32')) as tf.Tensor2D
}

function weightOf(weights: ReadonlyMap<string, tf.Variable>, name: string): tf.Tensor2D {
  return weights.get(name) as unknown as tf.Tensor2D
}
