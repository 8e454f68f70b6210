import type { backend_util, TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { matMul } from './matmul.js'
import { slice, transpose } from './shaping.js'
import { gatherPixels, OUTSIDE, type PixelRows, pixel } from './windows.js'

/**
 * Along one axis: pixel `stride * block + phase - before` of the image receives, for each `shift`, number `block - shift`
 * of dy times tap `stride * shift + phase` of the filter.
 */
interface Axis {
  stride: number
  taps: number
  /** How many numbers of dy a pixel receives at most. */
  shifts: number
  firstBlock: number
  blocks: number
  /** Pixels of the first block that lie before the image. */
  before: number
}

function axis(stride: number, taps: number, before: number, pixels: number): Axis {
  const firstBlock = Math.floor(before / stride)
  return {
    stride,
    taps,
    shifts: Math.ceil(taps / stride),
    firstBlock,
    blocks: Math.floor((before + pixels - 1) / stride) - firstBlock + 1,
    before: before - firstBlock * stride,
  }
}

/**
 * A transposed convolution, which is the gradient of a convolution's input too. Pixels are made in blocks of stride x
 * stride: all pixels of a block receive from the same few rows of dy, so a block is one row of a product of matrices,
 * and nothing is ever added up in place. (Shi and others 2016, "Is the deconvolution layer the same as a convolutional
 * layer?") Taps that the filter does not have are zeros.
 *
 * @param dy shape [batch, outHeight, outWidth, outChannels]
 * @param filter shape [filterHeight, filterWidth, inChannels, outChannels]
 * @returns shape [batch, inHeight, inWidth, inChannels]
 */
export function shiftedSum(
  dy: TensorInfo,
  filter: TensorInfo,
  shape: backend_util.Conv2DInfo,
  recording: Recording,
): TensorInfo {
  const batch = dy.shape[0] ?? 1
  const { inHeight, inWidth, inChannels, outChannels } = shape
  const y = axis(shape.strideHeight, shape.filterHeight, shape.padInfo.top, inHeight)
  const x = axis(shape.strideWidth, shape.filterWidth, shape.padInfo.left, inWidth)
  const received = recording.reshape(gatherPixels(dy, receivedRows(y, x, shape), recording), [
    batch * y.blocks * x.blocks,
    y.shifts * x.shifts * outChannels,
  ])
  const arranged = arrange(filter, y, x, recording)
  const blocks = matMul(received, arranged, recording, { transposeB: true })
  const whole = [batch, y.blocks * y.stride, x.blocks * x.stride, inChannels]
  if (y.stride === 1 && x.stride === 1) {
    return cut(recording.reshape(blocks, whole), y, x, [batch, inHeight, inWidth, inChannels], recording)
  }
  const split = recording.reshape(blocks, [batch, y.blocks, x.blocks, y.stride, x.stride * inChannels])
  const ordered = recording.reshape(transpose(split, [0, 1, 3, 2, 4], recording), whole)
  return cut(ordered, y, x, [batch, inHeight, inWidth, inChannels], recording)
}

/** The pixels of dy that each block receives from: shape [y.blocks, x.blocks, y.shifts, x.shifts]. */
function receivedRows(y: Axis, x: Axis, { outHeight, outWidth }: backend_util.Conv2DInfo): PixelRows {
  const rows = new Int32Array(y.blocks * x.blocks * y.shifts * x.shifts)
  let at = 0
  for (let top = y.firstBlock; top < y.firstBlock + y.blocks; top++) {
    for (let left = x.firstBlock; left < x.firstBlock + x.blocks; left++) {
      for (let i = 0; i < y.shifts; i++) {
        for (let j = 0; j < x.shifts; j++) {
          rows[at] = pixel(top - i, left - j, outHeight, outWidth)
          at++
        }
      }
    }
  }
  return { key: `received ${outHeight} ${outWidth} ${Object.values(y)} ${Object.values(x)}`, rows }
}

/** The filter with a row for each number of a block: shape [stride * stride * inChannels, shifts * shifts * outChannels]. */
function arrange(filter: TensorInfo, y: Axis, x: Axis, recording: Recording): TensorInfo {
  const [, , inChannels = 1, outChannels = 1] = filter.shape
  const rows: number[] = []
  for (let i = 0; i < y.stride; i++) {
    for (let j = 0; j < x.stride; j++) {
      for (let channel = 0; channel < inChannels; channel++) {
        for (let down = 0; down < y.shifts; down++) {
          for (let right = 0; right < x.shifts; right++) {
            const tap = pixel(y.stride * down + i, x.stride * right + j, y.taps, x.taps)
            rows.push(tap === OUTSIDE ? OUTSIDE : tap * inChannels + channel)
          }
        }
      }
    }
  }
  const taps = recording.reshape(filter, [1, y.taps * x.taps * inChannels, outChannels])
  const arrangement = {
    key: `arranged ${inChannels} ${[y.stride, y.taps, x.stride, x.taps]}`,
    rows: Int32Array.from(rows),
  }
  return recording.reshape(gatherPixels(taps, arrangement, recording), [
    y.stride * x.stride * inChannels,
    y.shifts * x.shifts * outChannels,
  ])
}

function cut(
  whole: TensorInfo,
  y: Axis,
  x: Axis,
  sizes: readonly number[],
  recording: Recording,
): TensorInfo {
  return slice(whole, [0, y.before, x.before, 0], sizes, recording)
}
