import {
  backend_util,
  type CastAttrs,
  type ConcatAttrs,
  type ExpandDimsAttrs,
  type FillAttrs,
  type GatherV2Attrs,
  type MirrorPadAttrs,
  type PackAttrs,
  type PadV2Attrs,
  type ReshapeAttrs,
  type SliceAttrs,
  type SplitVAttrs,
  slice_util,
  type TensorInfo,
  type TileAttrs,
  type TransposeAttrs,
  type UnpackAttrs,
  util,
} from '@tensorflow/tfjs-core'
import { EngineError } from '../../core/errors.js'
import type { Dtype } from '../graph-recorder.js'
import type { Recording } from '../recording.js'
import { type KernelTable, kernel, listKernel } from './kernel.js'

/** Kernels that make, move and choose numbers without changing them. */
export const SHAPING: KernelTable = {
  Identity: kernel(['x'], ({ x }, _attrs, recording) => recording.alias(x)),
  // never the input itself: tfjs would take it for an output of two kernels and count its gradient twice
  Cast: kernel<'x', CastAttrs>(['x'], ({ x }, { dtype }, recording) =>
    recording.alias(recording.cast(x, dtype as Dtype)),
  ),
  Fill: kernel<never, FillAttrs>([], (_inputs, { shape, value, dtype }, recording) =>
    recording.fill(shape, Number(value), dtype ?? 'float32'),
  ),
  ZerosLike: kernel(['x'], ({ x }, _attrs, recording) => recording.fill(x.shape, 0, x.dtype)),
  OnesLike: kernel(['x'], ({ x }, _attrs, recording) => recording.fill(x.shape, 1, x.dtype)),
  Reshape: kernel<'x', ReshapeAttrs>(['x'], ({ x }, { shape }, recording) =>
    recording.reshape(x, util.inferFromImplicitShape(shape, util.sizeFromShape(x.shape))),
  ),
  ExpandDims: kernel<'input', ExpandDimsAttrs>(['input'], ({ input }, { dim }, recording) => {
    const at = dim < 0 ? input.shape.length + 1 + dim : dim
    return recording.reshape(input, input.shape.toSpliced(at, 0, 1))
  }),
  Transpose: kernel<'x', TransposeAttrs>(['x'], ({ x }, { perm }, recording) =>
    transpose(x, perm, recording),
  ),
  Tile: kernel<'x', TileAttrs>(['x'], ({ x }, { reps }, recording) => {
    const shape = x.shape.map((size, axis) => size * (reps[axis] ?? 1))
    const scalar = recording.scalar(x)
    if (scalar !== undefined) return recording.fill(shape, scalar, x.dtype)
    if (reps.every((times, axis) => times === 1 || x.shape[axis] === 1)) return recording.expand(x, shape)
    return recording.op('Tile', [x, recording.shape(reps)], shape, x.dtype)
  }),
  Concat: listKernel<ConcatAttrs>((parts, { axis }, recording) => concat(parts, axis, recording)),
  Pack: listKernel<PackAttrs>((parts, { axis }, recording) => {
    const [rank, at] = [(parts[0]?.shape.length ?? 0) + 1, axis]
    const position = at < 0 ? rank + at : at
    const rows = parts.map((part) => recording.reshape(part, part.shape.toSpliced(position, 0, 1)))
    return concat(rows, position, recording)
  }),
  Unpack: kernel<'value', UnpackAttrs>(['value'], ({ value }, { axis }, recording) => {
    const at = axis < 0 ? value.shape.length + axis : axis
    const count = value.shape[at] ?? 0
    const parts = split(value, at, new Array<number>(count).fill(1), recording)
    return parts.map((part) => recording.reshape(part, part.shape.toSpliced(at, 1)))
  }),
  SplitV: kernel<'x', SplitVAttrs>(['x'], ({ x }, { numOrSizeSplits, axis }, recording) => {
    const at = util.parseAxisParam(axis, x.shape)[0] ?? 0
    return split(
      x,
      at,
      backend_util.prepareSplitSize({ ...x, rank: x.shape.length } as never, numOrSizeSplits, at),
      recording,
    )
  }),
  Slice: kernel<'x', SliceAttrs>(['x'], ({ x }, { begin, size }, recording) => {
    // tfjs wants a whole tensor here and reads its shape only
    const [starts = [], sizes = []] = slice_util.parseSliceParams(x as never, begin, size)
    return slice(x, starts, sizes, recording)
  }),
  GatherV2: kernel<'x' | 'indices', GatherV2Attrs>(
    ['x', 'indices'],
    ({ x, indices }, { axis, batchDims }, recording) => {
      if (batchDims)
        throw new EngineError('KERNEL_MISSING', 'the tfjs kernel GatherV2 with batchDims cannot be recorded')
      const at = util.parseAxisParam(axis, x.shape)[0] ?? 0
      const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)]
      return recording.op('Gather', [x, recording.cast(indices, 'int32')], shape, x.dtype, { axis: at })
    },
  ),
  PadV2: kernel<'x', PadV2Attrs>(['x'], ({ x }, { paddings, constantValue }, recording) =>
    pad(x, paddings, recording, { value: constantValue }),
  ),
  MirrorPad: kernel<'x', MirrorPadAttrs>(['x'], ({ x }, { paddings, mode }, recording) => {
    if (mode !== 'reflect')
      throw new EngineError('KERNEL_MISSING', `the tfjs kernel MirrorPad in mode ${mode} cannot be recorded`)
    return pad(x, paddings, recording, { mode })
  }),
}

export function transpose(x: TensorInfo, perm: readonly number[], recording: Recording): TensorInfo {
  const shape = perm.map((axis) => x.shape[axis] ?? 1)
  return recording.op('Transpose', [x], shape, x.dtype, { perm: [...perm] })
}

/** Tensors one after the other along an axis. */
export function concat(parts: TensorInfo[], axis: number, recording: Recording): TensorInfo {
  const [first] = parts
  if (!first) throw new EngineError('INTERNAL', 'a Concat of nothing')
  const at = util.parseAxisParam(axis, first.shape)[0] ?? 0
  if (parts.length === 1) return recording.alias(first)
  const shape = backend_util.computeOutShape(
    parts.map((part) => part.shape),
    at,
  )
  return recording.op('Concat', parts, shape, first.dtype, { axis: at })
}

function split(x: TensorInfo, axis: number, sizes: readonly number[], recording: Recording): TensorInfo[] {
  let start = 0
  return sizes.map((size) => {
    const starts = x.shape.map((_, at) => (at === axis ? start : 0))
    start += size
    return slice(x, starts, x.shape.toSpliced(axis, 1, size), recording)
  })
}

/** A box cut out of a tensor; axes that are taken whole are not named, so that a free batch stays free. */
export function slice(
  x: TensorInfo,
  starts: readonly number[],
  sizes: readonly number[],
  recording: Recording,
): TensorInfo {
  const axes = [...x.shape.keys()].filter((axis) => starts[axis] !== 0 || sizes[axis] !== x.shape[axis])
  if (axes.length === 0) return recording.alias(x)
  const scalar = recording.scalar(x)
  if (scalar !== undefined) return recording.fill(sizes, scalar, x.dtype)
  const { graph } = recording
  const from = axes.map((axis) => starts[axis] ?? 0)
  const to = axes.map((axis) => (starts[axis] ?? 0) + (sizes[axis] ?? 0))
  return recording.op('Slice', [x, graph.ints(from), graph.ints(to), graph.ints(axes)], sizes, x.dtype)
}

/** A tensor with rows added before and after along each axis. */
export function pad(
  x: TensorInfo,
  paddings: readonly (readonly [number, number])[],
  recording: Recording,
  { value = 0, mode = 'constant' }: { value?: number; mode?: string } = {},
): TensorInfo {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return recording.alias(x)
  const shape = x.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0))
  const amounts = recording.graph.ints([
    ...paddings.map(([before]) => before),
    ...paddings.map(([, after]) => after),
  ])
  const operands = [x, amounts, ...(mode === 'constant' ? [recording.fill([], value, x.dtype)] : [])]
  return recording.op('Pad', operands, shape, x.dtype, { mode })
}
