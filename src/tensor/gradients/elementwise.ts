import * as tf from '@tensorflow/tfjs-core'
import { type GradientTable, gradient, unbroadcast } from './gradient.js'

/** Derivatives of functions of one number, as dx from dy, x and y. */
function unary(
  compute: (dy: tf.Tensor, values: { x: tf.Tensor; y: tf.Tensor }) => tf.Tensor,
  from: 'x' | 'y',
) {
  return gradient([from], (dy, values: Partial<Record<'x' | 'y', tf.Tensor>>) => ({
    x: () => compute(dy, { x: values.x ?? dy, y: values.y ?? dy }),
  }))
}

const toFloat = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'float32')

/** Gradients of arithmetic, number by number. */
export const ELEMENTWISE_GRADIENTS: GradientTable = {
  Add: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(dy, a.shape),
    b: () => unbroadcast(dy, b.shape),
  })),
  Sub: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(dy, a.shape),
    b: () => tf.neg(unbroadcast(dy, b.shape)),
  })),
  Multiply: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(tf.mul(dy, toFloat(b)), a.shape),
    b: () => unbroadcast(tf.mul(dy, toFloat(a)), b.shape),
  })),
  RealDiv: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(tf.div(dy, toFloat(b)), a.shape),
    b: () => unbroadcast(tf.neg(tf.div(tf.mul(dy, toFloat(a)), tf.square(toFloat(b)))), b.shape),
  })),
  SquaredDifference: gradient(['a', 'b'], (dy, { a, b }) => {
    const slope = () => tf.mul(tf.mul(dy, 2), tf.sub(a, b))
    return {
      a: () => unbroadcast(slope(), a.shape),
      b: () => tf.neg(unbroadcast(slope(), b.shape)),
    }
  }),
  Pow: gradient(['a', 'b', 'y'], (dy, { a, b, y }) => ({
    a: () => unbroadcast(tf.mul(dy, tf.mul(toFloat(b), tf.pow(a, tf.sub(toFloat(b), 1)))), a.shape),
    b: () => {
      const logarithm = tf.where(tf.greater(a, 0), tf.log(a), tf.zerosLike(a))
      return unbroadcast(tf.mul(dy, tf.mul(y, logarithm)), b.shape)
    },
  })),
  Maximum: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(tf.mul(dy, toFloat(tf.greaterEqual(a, b))), a.shape),
    b: () => unbroadcast(tf.mul(dy, toFloat(tf.less(a, b))), b.shape),
  })),
  Minimum: gradient(['a', 'b'], (dy, { a, b }) => ({
    a: () => unbroadcast(tf.mul(dy, toFloat(tf.lessEqual(a, b))), a.shape),
    b: () => unbroadcast(tf.mul(dy, toFloat(tf.greater(a, b))), b.shape),
  })),
  AddN: {
    saveAllInputs: true,
    gradFunc: (dy, saved) => Object.fromEntries(saved.map((_, at) => [at, () => tf.clone(dy as tf.Tensor)])),
  },
  Select: gradient(['condition'], (dy, { condition }) => ({
    condition: () => tf.zeros(condition.shape),
    t: () => tf.mul(dy, toFloat(condition)),
    e: () => tf.mul(dy, toFloat(tf.logicalNot(condition))),
  })),
  ClipByValue: gradient<'x', tf.ClipByValueAttrs>(['x'], (dy, { x }, { clipValueMin, clipValueMax }) => ({
    x: () => {
      const inside = tf.logicalAnd(tf.greaterEqual(x, clipValueMin), tf.lessEqual(x, clipValueMax))
      return tf.mul(dy, toFloat(inside))
    },
  })),

  Abs: unary((dy, { x }) => tf.mul(dy, tf.sign(toFloat(x))), 'x'),
  Cos: unary((dy, { x }) => tf.neg(tf.mul(dy, tf.sin(toFloat(x)))), 'x'),
  Exp: unary((dy, { y }) => tf.mul(dy, y), 'y'),
  Expm1: unary((dy, { y }) => tf.mul(dy, tf.add(y, 1)), 'y'),
  Log: unary((dy, { x }) => tf.div(dy, toFloat(x)), 'x'),
  Log1p: unary((dy, { x }) => tf.div(dy, tf.add(x, 1)), 'x'),
  Neg: unary((dy) => tf.neg(dy), 'y'),
  Reciprocal: unary((dy, { y }) => tf.neg(tf.mul(dy, tf.square(y))), 'y'),
  // d x^(-1/2) / dx = -x^(-3/2) / 2
  Rsqrt: unary((dy, { y }) => tf.mul(dy, tf.mul(tf.mul(tf.square(y), y), -0.5)), 'y'),
  Sin: unary((dy, { x }) => tf.mul(dy, tf.cos(toFloat(x))), 'x'),
  Sqrt: unary((dy, { y }) => tf.div(tf.mul(dy, 0.5), y), 'y'),
  Square: unary((dy, { x }) => tf.mul(tf.mul(dy, 2), toFloat(x)), 'x'),

  // flat nearly everywhere
  Ceil: unary((dy) => tf.zerosLike(dy), 'y'),
  Floor: unary((dy) => tf.zerosLike(dy), 'y'),
  Round: unary((dy) => tf.zerosLike(dy), 'y'),
  Sign: unary((dy) => tf.zerosLike(dy), 'y'),
  Step: unary((dy) => tf.zerosLike(dy), 'y'),
}
