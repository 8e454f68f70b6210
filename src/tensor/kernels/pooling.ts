import {
  type AvgPoolAttrs,
  type AvgPoolGradAttrs,
  backend_util,
  type MaxPoolAttrs,
  type MaxPoolGradAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { type KernelTable, kernel } from './kernel.js'
import { addToPixels, gatherPixels, OUTSIDE, readersOf, windowRows } from './windows.js'

/** What a maximum finds outside of an image: the lowest float32. */
const LOWEST = -3.4028234663852886e38

/** What tfjs tells all kernels of pooling. */
type PoolAttrs = Pick<MaxPoolAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>

/** Pooling: what lies outside of the image takes no part. */
export const POOLING: KernelTable = {
  MaxPool: kernel<'x', MaxPoolAttrs>(['x'], ({ x }, attrs, recording) => {
    const shape = geometry(x, attrs)
    const largest = recording.op(
      'ReduceMax',
      [underWindows(x, shape, recording, LOWEST)],
      [shape.batchSize, shape.outHeight * shape.outWidth, shape.inChannels],
      'float32',
      { axes: [2], keepdims: 0 },
    )
    return recording.reshape(largest, shape.outShape)
  }),
  // the whole gradient of a window goes to its first largest pixel
  MaxPoolGrad: kernel<'dy' | 'input', MaxPoolGradAttrs>(
    ['dy', 'input'],
    ({ dy, input }, attrs, recording) => {
      const shape = geometry(input, attrs)
      const { batchSize, inChannels } = shape
      const [windows, taps] = [shape.outHeight * shape.outWidth, shape.filterHeight * shape.filterWidth]
      const pixels = underWindows(input, shape, recording, LOWEST)
      const place = recording.op('ArgMax', [pixels], [batchSize, windows, 1, inChannels], 'int32', {
        axis: 2,
      })
      const places = recording.graph.ints([...Array(taps).keys()])
      const each = recording.graph.node('Reshape', [places, recording.graph.ints([taps, 1])])
      const sizes = [batchSize, windows, taps, inChannels]
      const chosen = recording.op('Equal', [place, each], sizes, 'bool')
      const given = recording.reshape(dy, [batchSize, windows, 1, inChannels])
      const shares = recording.op('Where', [chosen, given, recording.number(0)], sizes, 'float32')
      const readers = readersOf(windowRows(shape), { pixels: shape.inHeight * shape.inWidth, each: 1 })
      const rows = recording.reshape(shares, [batchSize, windows * taps, inChannels])
      return recording.reshape(addToPixels(rows, readers, recording), input.shape)
    },
  ),
  AvgPool: kernel<'x', AvgPoolAttrs>(['x'], ({ x }, attrs, recording) => {
    const shape = geometry(x, attrs)
    const { batchSize, inChannels } = shape
    const windows = shape.outHeight * shape.outWidth
    const sum = recording.op(
      'ReduceSum',
      [underWindows(x, shape, recording, 0), recording.graph.ints([2])],
      [batchSize, windows, inChannels],
      'float32',
      { keepdims: 0 },
    )
    return recording.reshape(divided(sum, shape, recording), shape.outShape)
  }),
  // tfjs's cpu backend divides by the window's size here even where a part of it lies outside; this is the derivative
  AvgPoolGrad: kernel<'dy' | 'input', AvgPoolGradAttrs>(
    ['dy', 'input'],
    ({ dy, input }, attrs, recording) => {
      const shape = geometry(input, attrs)
      const windows = shape.outHeight * shape.outWidth
      const given = recording.reshape(dy, [shape.batchSize, windows, shape.inChannels])
      const readers = readersOf(windowRows(shape), {
        pixels: shape.inHeight * shape.inWidth,
        each: shape.filterHeight * shape.filterWidth,
      })
      const found = addToPixels(divided(given, shape, recording), readers, recording)
      return recording.reshape(found, input.shape)
    },
  ),
}

function geometry(x: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs) {
  const sizes = x.shape as [number, number, number, number]
  return backend_util.computePool2DInfo(sizes, filterSize, strides, 1, pad, dimRoundingMode)
}

/** Shape [batch, windows, taps, channels]. */
function underWindows(
  x: TensorInfo,
  shape: backend_util.Conv2DInfo,
  recording: Recording,
  outside: number,
): TensorInfo {
  const pixels = gatherPixels(x, windowRows(shape), recording, outside)
  return recording.reshape(pixels, [
    shape.batchSize,
    shape.outHeight * shape.outWidth,
    shape.filterHeight * shape.filterWidth,
    shape.inChannels,
  ])
}

/** Divides a number of each window, shape [batch, windows, channels], by how many pixels lie under the window. */
function divided(x: TensorInfo, shape: backend_util.Conv2DInfo, recording: Recording): TensorInfo {
  const { key, rows } = windowRows(shape)
  const taps = shape.filterHeight * shape.filterWidth
  const shares = Float32Array.from({ length: rows.length / taps }, (_, window) => {
    const inside = rows.subarray(window * taps, (window + 1) * taps).filter((row) => row !== OUTSIDE)
    return 1 / inside.length
  })
  const same = shares.every((share) => share === shares[0])
  const share = same
    ? recording.name(recording.number(shares[0] ?? 1))
    : recording.graph.constant(shares, [shares.length, 1], 'float32', `shares of ${key}`)
  return recording.op('Mul', [x, share], x.shape, 'float32')
}
