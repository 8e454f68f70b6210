import * as tf from '@tensorflow/tfjs-core'
import { type GradientTable, gradient, unbroadcast } from './gradient.js'

/** SELU's constants (Klambauer et al. 2017). */
const SELU_ALPHA = 1.6732632423543772
const SELU_SCALE = 1.0507009873554805

/** 1 where x is above 0, else 0. */
const positive = (x: tf.Tensor): tf.Tensor => tf.step(x)

/** Gradients of activations. Most are written in terms of the output, which the next layer keeps anyway. */
export const ACTIVATION_GRADIENTS: GradientTable = {
  Relu: gradient(['y'], (dy, { y }) => ({ x: () => tf.mul(dy, positive(y)) })),
  Relu6: gradient(['x'], (dy, { x }) => ({
    x: () => tf.mul(dy, tf.mul(positive(x), tf.cast(tf.lessEqual(x, 6), 'float32'))),
  })),
  LeakyRelu: gradient<'x', tf.LeakyReluAttrs>(['x'], (dy, { x }, { alpha }) => ({
    // alpha + (1 - alpha) [x > 0]
    x: () => tf.mul(dy, tf.add(tf.mul(positive(x), 1 - alpha), alpha)),
  })),
  Prelu: gradient(['x', 'alpha'], (dy, { x, alpha }) => ({
    x: () => tf.mul(dy, tf.where(tf.greater(x, 0), tf.onesLike(x), tf.mul(alpha, tf.onesLike(x)))),
    alpha: () => unbroadcast(tf.mul(dy, tf.minimum(x, 0)), alpha.shape),
  })),
  Elu: gradient(['y'], (dy, { y }) => ({
    x: () => tf.engine().runKernel('EluGrad', { dy, y }) as tf.Tensor,
  })),
  Selu: gradient(['x'], (dy, { x }) => ({
    x: () => {
      const left = tf.mul(tf.exp(tf.minimum(x, 0)), SELU_ALPHA * SELU_SCALE)
      return tf.mul(dy, tf.where(tf.greater(x, 0), tf.fill(x.shape, SELU_SCALE), left))
    },
  })),
  Sigmoid: gradient(['y'], (dy, { y }) => ({ x: () => tf.mul(dy, tf.mul(y, tf.sub(1, y))) })),
  Tanh: gradient(['y'], (dy, { y }) => ({ x: () => tf.mul(dy, tf.sub(1, tf.square(y))) })),
  Softplus: gradient(['x'], (dy, { x }) => ({ x: () => tf.mul(dy, tf.sigmoid(x)) })),
  // d erf(x) / dx = 2 / sqrt(pi) exp(-x^2)
  Erf: gradient(['x'], (dy, { x }) => ({
    x: () => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(x))), 2 / Math.sqrt(Math.PI))),
  })),
  Softmax: gradient<'y', tf.SoftmaxAttrs>(['y'], (dy, { y }, { dim }) => ({
    logits: () => {
      const weighted = tf.mul(dy, y)
      return tf.sub(weighted, tf.mul(tf.sum(weighted, [dim], true), y))
    },
  })),
}
