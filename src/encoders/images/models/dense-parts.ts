import type * as tf from '@tensorflow/tfjs-core'
import type { InputShape } from '../choose-shape.js'
import type { BuildParts, PartsOptions } from './image-parts.js'
import { Layers } from './layers.js'

/** Widths of the encoder's layers that lie between an image and the latent space; the decoder has them in reverse. */
export interface DenseArchitecture {
  kind: 'dense'
  hidden: readonly number[]
}

/** The largest first layer: of large pictures fewer units, so that it stays trainable on a few cores. */
const FIRST_LAYER_WEIGHTS = 3_000_000

/** 784-512-128-dim for 28 x 28 grey pictures (shape after Hinton and Salakhutdinov 2006), narrower first layers for larger. */
export function denseArchitecture({ size, channels }: InputShape, dim: number): DenseArchitecture {
  const pixels = size * size * channels
  const first = Math.max(64, Math.min(512, Math.round(FIRST_LAYER_WEIGHTS / pixels), 2 * pixels))
  return { kind: 'dense', hidden: [first, Math.max(32, Math.min(128, first), dim)] }
}

/** Layers of which each unit sees the whole layer before, with ReLU between. */
export function denseParts(
  { hidden }: DenseArchitecture,
  { size, channels }: InputShape,
  { dim, outputs, silent }: PartsOptions,
): BuildParts {
  const pixels = size * size * channels
  return (tfjs, random) => {
    const layers = new Layers(tfjs, random)
    const chain = (part: string, widths: readonly number[]): ((values: tf.Tensor2D) => tf.Tensor2D) => {
      const steps = widths.slice(1).map((width, i) =>
        layers.dense(`${part}${i}`, widths[i] as number, {
          outputs: width,
          silent: silent && i === widths.length - 2,
        }),
      )
      return (values) =>
        steps.reduce((sums, step, i) => step(i === 0 ? sums : (tfjs.relu(sums) as tf.Tensor2D)), values)
    }
    const down = chain('encoder', [pixels, ...hidden, outputs])
    const up = chain('decoder', [dim, ...hidden.toReversed(), pixels])
    return {
      weights: layers.weights,
      encode: (images) => down(tfjs.reshape(images, [images.shape[0], pixels])),
      decode: (latent) => tfjs.reshape(up(latent), [latent.shape[0], size, size, channels]),
    }
  }
}
