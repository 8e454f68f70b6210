import type * as tf from '@tensorflow/tfjs-core'
import type { InputShape } from '../choose-shape.js'
import type { BuildParts, PartsOptions } from './image-parts.js'
import { Layers } from './layers.js'

/** Filters of the encoder's layers, each of which halves the picture; the decoder has them in reverse. */
export interface ConvArchitecture {
  kind: 'conv'
  filters: readonly number[]
}

/** Filters of the first layer; each further one has twice as many, at a quarter of the places. */
const FIRST_FILTERS = 16
/** Pictures are halved until they are so small: from there on every place matters, and a dense layer takes over. */
const LAST_SIDE = 8

/** 16 and 32 filters for 28 x 28 pixels, 16 to 64 for 64 x 64, 16 to 128 for 128 x 128. */
export function convArchitecture({ size }: InputShape): ConvArchitecture {
  const filters: number[] = []
  for (let side = size; side > LAST_SIDE; side = Math.ceil(side / 2)) {
    filters.push(FIRST_FILTERS << filters.length)
  }
  return { kind: 'conv', filters: filters.length > 0 ? filters : [FIRST_FILTERS] }
}

/**
 * Convolutions of 3 x 3 with stride 2 in place of pooling, and their transposes (Masci and others 2011; Radford and others
 * 2016), with ReLU between; a dense layer makes the latent vector of what is left, and another begins the way back.
 */
export function convParts(
  { filters }: ConvArchitecture,
  { size, channels }: InputShape,
  { dim, outputs, silent }: PartsOptions,
): BuildParts {
  const widths = [channels, ...filters]
  const sides = [size]
  for (const _ of filters) sides.push(Math.ceil((sides.at(-1) ?? 1) / 2))
  const side = sides.at(-1) ?? 1
  const last = widths.at(-1) ?? 1
  return (tfjs, random) => {
    const layers = new Layers(tfjs, random)
    const down = filters.map((width, i) => layers.halving(`encoder${i}`, widths[i] ?? 1, width))
    const toLatent = layers.dense(`encoder${filters.length}`, side * side * last, { outputs, silent })
    const fromLatent = layers.dense('decoder0', dim, { outputs: side * side * last })
    const up = filters
      .map((width, i) =>
        layers.doubling(`decoder${filters.length - i}`, width, {
          outputs: widths[i] ?? 1,
          size: sides[i] ?? size,
          silent: silent && i === 0,
        }),
      )
      .reverse()
    return {
      weights: layers.weights,
      encode: (images) => {
        const seen = down.reduce((values, step) => tfjs.relu(step(values)), images)
        return toLatent(tfjs.reshape(seen, [images.shape[0], side * side * last]) as tf.Tensor2D)
      },
      decode: (latent) => {
        const start = tfjs.reshape(fromLatent(latent), [latent.shape[0], side, side, last]) as tf.Tensor4D
        return up.reduce((values, step) => step(tfjs.relu(values)), start)
      },
    }
  }
}
