import * as tf from '@tensorflow/tfjs-core'
import { broadcastTo, type Gradient, type GradientTable, gradient } from './gradient.js'

/** The shape of `x` with 1 along the axes. */
function kept(x: tf.Tensor, axis: number | number[]): { shape: number[]; count: number } {
  const axes = tf.util.parseAxisParam(axis, x.shape)
  const shape = x.shape.map((size, at) => (axes.includes(at) ? 1 : size))
  return { shape, count: axes.reduce((product, at) => product * (x.shape[at] ?? 1), 1) }
}

/** The whole gradient goes to the numbers that were the largest, or smallest. */
const extreme: Gradient = gradient<
  'x' | 'y',
  { axis?: number | number[]; reductionIndices?: number | number[] }
>(['x', 'y'], (dy, { x, y }, { axis, reductionIndices }) => {
  const { shape } = kept(x, axis ?? reductionIndices ?? [...x.shape.keys()])
  const chosen = () => tf.cast(tf.equal(x, tf.reshape(y, shape)), 'float32')
  return { x: () => tf.mul(tf.reshape(dy, shape), chosen()) }
})

/** Gradients of kernels that move numbers, repeat them or add them up, and of products of matrices. */
export const SHAPING_GRADIENTS: GradientTable = {
  Identity: gradient(['x'], (dy) => ({ x: () => tf.cast(dy, 'float32') })),
  Cast: gradient([], (dy) => ({ x: () => tf.clone(dy) })),
  Reshape: gradient(['x'], (dy, { x }) => ({ x: () => tf.reshape(dy, x.shape) })),
  ExpandDims: gradient(['input'], (dy, { input }) => ({ input: () => tf.reshape(dy, input.shape) })),
  Transpose: gradient<never, tf.TransposeAttrs>([], (dy, _values, { perm }) => ({
    x: () => tf.transpose(dy, tf.backend_util.getUndoAxesPermutation(perm)),
  })),
  Tile: gradient<'x', tf.TileAttrs>(['x'], (dy, { x }, { reps }) => ({
    x: () => {
      // [a, b] repeated [r, s] times is [r, a, s, b]: sum over r and s
      const pairs = x.shape.flatMap((size, at) => [reps[at] ?? 1, size])
      const axes = x.shape.map((_, at) => 2 * at)
      return tf.sum(tf.reshape(dy, pairs), axes)
    },
  })),
  Concat: {
    saveAllInputs: true,
    gradFunc: (dy, saved, attrs) => {
      const axis = tf.util.parseAxisParam(Number(attrs.axis), saved[0]?.shape ?? [])[0] ?? 0
      const sizes = saved.map((part) => part.shape[axis] ?? 0)
      const parts = tf.split(dy as tf.Tensor, sizes, axis)
      return Object.fromEntries(parts.map((part, at) => [at, () => part]))
    },
  },
  Pack: {
    saveAllInputs: true,
    gradFunc: (dy, _saved, attrs) => {
      const parts = tf.unstack(dy as tf.Tensor, Number(attrs.axis))
      return Object.fromEntries(parts.map((part, at) => [at, () => part]))
    },
  },
  SplitV: { gradFunc: (dy, _saved, attrs) => ({ x: () => tf.concat(asList(dy), Number(attrs.axis)) }) },
  Unpack: { gradFunc: (dy, _saved, attrs) => ({ value: () => tf.stack(asList(dy), Number(attrs.axis)) }) },
  Slice: gradient<'x', tf.SliceAttrs>(['x'], (dy, { x }, { begin, size }) => ({
    x: () => {
      const [starts = [], sizes = []] = tf.slice_util.parseSliceParams(x, begin, size)
      return tf.pad(
        dy,
        x.shape.map((whole, at) => [starts[at] ?? 0, whole - (starts[at] ?? 0) - (sizes[at] ?? 0)]),
      )
    },
  })),
  PadV2: gradient<'x', tf.PadV2Attrs>(['x'], (dy, { x }, { paddings }) => ({
    x: () =>
      tf.slice(
        dy,
        paddings.map(([before]) => before),
        x.shape,
      ),
  })),

  Sum: gradient<'x', tf.SumAttrs>(['x'], (dy, { x }, { axis }) => ({
    x: () => broadcastTo(tf.reshape(dy, kept(x, axis).shape), x.shape),
  })),
  Mean: gradient<'x', tf.MeanAttrs>(['x'], (dy, { x }, { axis }) => ({
    x: () => {
      const { shape, count } = kept(x, axis)
      return broadcastTo(tf.reshape(tf.mul(dy, 1 / count), shape), x.shape)
    },
  })),
  Max: extreme,
  Min: extreme,

  BatchMatMul: gradient<'a' | 'b', tf.BatchMatMulAttrs>(
    ['a', 'b'],
    (dy, { a, b }, { transposeA, transposeB }) => ({
      a: () => (transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB)),
      b: () => (transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false)),
    }),
  ),
}

function asList(dy: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(dy) ? dy : [dy]
}
