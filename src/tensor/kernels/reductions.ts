import { type SoftmaxAttrs, type SumAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core'
import { ONNX_TYPES } from '../graph-recorder.js'
import { isFree } from '../layout.js'
import type { Recording } from '../recording.js'
import { type KernelTable, kernel, type RecordedKernel } from './kernel.js'

/** Rows up to which a sum over them is a product; beyond, float32 rounding would tell. */
const ONES = 4096

/** All reductions have these; without an axis they take all of them, whatever tfjs's types say. */
type ReductionAttrs = Partial<Pick<SumAttrs, 'axis'>> & { keepDims?: boolean }

/** The axes as positive numbers in order, and the shape that is left. */
function plan(x: TensorInfo, attrs: ReductionAttrs): { axes: number[]; shape: number[]; keep: number } {
  const axes = util.parseAxisParam(attrs.axis ?? [...x.shape.keys()], x.shape).toSorted((a, b) => a - b)
  const shape = attrs.keepDims
    ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : x.shape.filter((_, axis) => !axes.includes(axis))
  return { axes, shape, keep: Number(attrs.keepDims ?? false) }
}

/** The sum over axes; booleans are counted. */
export function sum(x: TensorInfo, attrs: ReductionAttrs, recording: Recording): TensorInfo {
  const { axes, shape, keep } = plan(x, attrs)
  const numbers = x.dtype === 'bool' ? recording.cast(x, 'int32') : x
  if (axes.length === 0) return recording.alias(numbers)
  if (util.sizeFromShape(shape) === 1) {
    const list = recording.reshape(numbers, [util.sizeFromShape(x.shape)])
    const total = recording.op('ReduceSum', [list, recording.graph.ints([0])], [], numbers.dtype, {
      keepdims: 0,
    })
    return recording.reshape(total, shape)
  }
  const [rows = 1, columns = 1] = x.shape
  if (
    x.shape.length === 2 &&
    axes.join() === '0' &&
    numbers.dtype === 'float32' &&
    !isFree(rows) &&
    rows <= ONES
  ) {
    // such as the gradient of a bias: ONNX Runtime multiplies by a row of ones in less time than it adds rows
    const ones = recording.graph.constant(
      new Float32Array(rows).fill(1),
      [1, rows],
      'float32',
      `ones ${rows}`,
    )
    return recording.reshape(recording.op('MatMul', [ones, numbers], [1, columns], 'float32'), shape)
  }
  return recording.op('ReduceSum', [numbers, recording.graph.ints(axes)], shape, numbers.dtype, {
    keepdims: keep,
  })
}

/** Reductions that take their axes as an attribute in the version of ONNX that we write. */
function reduction(opType: string): RecordedKernel {
  return kernel<'x', ReductionAttrs>(['x'], ({ x }, attrs, recording) => {
    const { axes, shape, keep } = plan(x, attrs)
    if (axes.length === 0) return recording.alias(x)
    return recording.op(opType, [x], shape, x.dtype, { axes, keepdims: keep })
  })
}

/** Whether any, or all, of a row are true: the largest, or smallest, of 0 and 1. */
function truth(opType: string): RecordedKernel {
  return kernel<'x', ReductionAttrs>(['x'], ({ x }, attrs, recording) => {
    const { axes, shape, keep } = plan(x, attrs)
    if (axes.length === 0) return recording.alias(x)
    const found = recording.op(opType, [recording.cast(x, 'int32')], shape, 'int32', { axes, keepdims: keep })
    return recording.cast(found, 'bool')
  })
}

function position(opType: string): RecordedKernel {
  return kernel<'x', { axis: number }>(['x'], ({ x }, { axis }, recording) => {
    const { axes, shape } = plan(x, { axis })
    const found = recording.op(opType, [x], shape, 'int32', { axis: axes[0] ?? 0, keepdims: 0 })
    // ONNX gives int64, which tfjs does not know
    return recording.op('Cast', [found], shape, 'int32', { to: ONNX_TYPES.int32 })
  })
}

/** Kernels that make fewer numbers of many along some axes. */
export const REDUCTIONS: KernelTable = {
  Sum: kernel<'x', ReductionAttrs>(['x'], ({ x }, attrs, recording) => sum(x, attrs, recording)),
  Mean: reduction('ReduceMean'),
  Max: kernel<'x', ReductionAttrs & { reductionIndices?: number | number[] }>(
    ['x'],
    ({ x }, attrs, recording) => {
      const axis = attrs.axis ?? attrs.reductionIndices ?? [...x.shape.keys()]
      return reduction('ReduceMax')({ x }, { axis, keepDims: attrs.keepDims ?? false }, recording)
    },
  ),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  All: truth('ReduceMin'),
  Any: truth('ReduceMax'),
  ArgMax: position('ArgMax'),
  ArgMin: position('ArgMin'),
  Softmax: kernel<'logits', SoftmaxAttrs>(['logits'], ({ logits }, { dim }, recording) =>
    recording.op('Softmax', [logits], logits.shape, 'float32', { axis: dim }),
  ),
}
