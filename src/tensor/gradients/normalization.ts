import * as tf from '@tensorflow/tfjs-core'
import { type GradientTable, gradient, unbroadcast } from './gradient.js'

/**
 * Gradients of normalisation. With r = 1 / sqrt(variance + epsilon) and y = (x - mean) r scale + offset, those of the
 * small tensors are sums of dy or of dy (x - mean) over the axes along which they were broadcast, times factors that
 * are small too.
 */
export const NORMALIZATION_GRADIENTS: GradientTable = {
  FusedBatchNorm: gradient<'x' | 'mean' | 'variance' | 'scale' | 'offset', tf.FusedBatchNormAttrs>(
    ['x', 'mean', 'variance', 'scale', 'offset'],
    (dy, { x, mean, variance, scale, offset }, { varianceEpsilon }) => {
      // scale and offset may be absent, whatever their type says
      const given = (scale as tf.Tensor | undefined) ?? tf.scalar(1)
      const root = () => tf.rsqrt(tf.add(variance, varianceEpsilon))
      const factor = () => tf.mul(given, root())
      const moved = () => tf.mul(dy, tf.sub(x, mean))
      const summed = (terms: tf.Tensor, by: tf.Tensor, shape: number[]) =>
        tf.util.arraysEqual(by.shape, shape)
          ? tf.mul(unbroadcast(terms, shape), by)
          : unbroadcast(tf.mul(terms, by), shape)
      return {
        x: () => tf.mul(dy, factor()),
        mean: () => tf.neg(summed(dy, factor(), mean.shape)),
        // d r / d variance = -r^3 / 2
        variance: () => summed(moved(), tf.mul(factor(), tf.mul(tf.square(root()), -0.5)), variance.shape),
        scale: () => summed(moved(), root(), given.shape),
        offset: () => unbroadcast(dy, offset.shape),
      }
    },
  ),
}
