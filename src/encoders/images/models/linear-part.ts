import type * as tf from '@tensorflow/tfjs-core'
import type { ImageParts } from './image-parts.js'

/** Principal components that a model begins with. */
export interface LinearPart {
  /** Shape [dim, pixels], rows of length 1 at right angles, or of zeros. */
  components: Float32Array
  /** Shape [pixels], in 0..1. */
  mean: Float32Array
  /** What the latent vectors are divided by, so that their numbers are about 1. */
  scale: number
}

/**
 * Makes a linear part of principal components, of as many rows as the latent space has dimensions.
 *
 * @param pca its components may be fewer
 */
export function linearPart(
  { components, mean, variances }: { components: Float32Array; mean: Float32Array; variances: Float64Array },
  dim: number,
): LinearPart {
  const rows = new Float32Array(dim * mean.length)
  rows.set(components)
  const variance = variances.reduce((sum, value) => sum + value, 0) / dim
  return { components: rows, mean, scale: Math.sqrt(variance) || 1 }
}

/**
 * Adds parts to principal components, which stay as they are:
 *
 *   latent = P (x - mean) / scale + encode(x),  image = scale P' latent + mean + decode(latent)
 *
 * Where the parts begin with zeros the model begins as PCA, and learns what lines cannot say (a shortcut connection: He and
 * others 2016). Of few pictures, layers alone would learn less than PCA knows.
 */
export function withLinear(
  tfjs: typeof tf,
  parts: ImageParts,
  { components, mean, scale }: LinearPart,
): ImageParts {
  const pixels = mean.length
  const constant = (name: string, values: Float32Array, shape: number[]): tf.Variable => {
    const variable = tfjs.variable(tfjs.tensor(values, shape), false)
    parts.weights.set(name, variable)
    return variable
  }
  const rows = constant('linear/components', components, [components.length / pixels, pixels]) as tf.Tensor2D
  const centre = constant('linear/mean', mean, [pixels])
  return {
    weights: parts.weights,
    encode: (images) => {
      const centred = tfjs.sub(tfjs.reshape(images, [images.shape[0], pixels]), centre) as tf.Tensor2D
      const projected = tfjs.mul(tfjs.matMul(centred, rows, false, true), 1 / scale)
      return tfjs.add(projected, parts.encode(images))
    },
    decode: (latent) => {
      const added = parts.decode(latent)
      const values = tfjs.add(tfjs.matMul(tfjs.mul(latent, scale) as tf.Tensor2D, rows), centre)
      return tfjs.add(tfjs.reshape(values, added.shape), added)
    },
  }
}
