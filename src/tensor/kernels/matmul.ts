import type { _FusedMatMulAttrs, BatchMatMulAttrs, TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { activate } from './activations.js'
import { type KernelTable, kernel } from './kernel.js'

/** Products of matrices. */
export const PRODUCTS: KernelTable = {
  BatchMatMul: kernel<'a' | 'b', BatchMatMulAttrs>(['a', 'b'], ({ a, b }, attrs, recording) =>
    matMul(a, b, recording, attrs),
  ),
  _FusedMatMul: kernel<'a' | 'b' | 'bias?' | 'preluActivationWeights?', _FusedMatMulAttrs>(
    ['a', 'b', 'bias?', 'preluActivationWeights?'],
    ({ a, b, bias, preluActivationWeights }, attrs, recording) => {
      let result = matMul(a, b, recording, attrs)
      if (bias) result = recording.elementwise('Add', [result, bias], 'float32')
      return activate(result, attrs.activation, recording, {
        leakyreluAlpha: attrs.leakyreluAlpha,
        weights: preluActivationWeights,
      })
    },
  ),
}

/**
 * The product of two stacks of matrices, [..., m, k] and [..., k, n] or transposed. Of two plain matrices it becomes a
 * `Gemm` where one is transposed, for Gemm reads a transposed operand as it lies.
 */
export function matMul(
  a: TensorInfo,
  b: TensorInfo,
  recording: Recording,
  { transposeA = false, transposeB = false } = {},
): TensorInfo {
  const [m, n] = [a.shape.at(transposeA ? -1 : -2) ?? 1, b.shape.at(transposeB ? -2 : -1) ?? 1]
  if (a.shape.length === 3 && a.shape[0] === 1 && b.shape[0] === 1) {
    const product = matMul(
      recording.reshape(a, a.shape.slice(1)),
      recording.reshape(b, b.shape.slice(1)),
      recording,
      { transposeA, transposeB },
    )
    return recording.reshape(product, [1, m, n])
  }
  if (a.shape.length === 2) {
    if (!transposeA && !transposeB) return recording.op('MatMul', [a, b], [m, n], 'float32')
    const attributes = { transA: Number(transposeA), transB: Number(transposeB) }
    return recording.op('Gemm', [a, b], [m, n], 'float32', attributes)
  }
  const batch = recording.broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const [left, right] = [
    transposeA ? transposeLast(a, recording) : a,
    transposeB ? transposeLast(b, recording) : b,
  ]
  return recording.op('MatMul', [left, right], [...batch, m, n], 'float32')
}

function transposeLast(x: TensorInfo, recording: Recording): TensorInfo {
  const rank = x.shape.length
  const perm = [...x.shape.keys()]
  perm.splice(rank - 2, 2, rank - 1, rank - 2)
  return recording.op(
    'Transpose',
    [x],
    perm.map((axis) => x.shape[axis] ?? 1),
    x.dtype,
    { perm },
  )
}
