import type { backend_util, TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { matMul } from './matmul.js'
import { concat, slice, transpose } from './shaping.js'
import { gatherPixels, OUTSIDE, type PixelRows, pixel } from './windows.js'

/**
 * Along one axis: pixel `stride * block + phase - before` of the image receives, for each `shift`, number `block - shift`
 * of dy times tap `stride * shift + phase` of the filter.
 */
interface Axis {
  stride: number
  taps: number
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
    firstBlock,
    blocks: Math.floor((before + pixels - 1) / stride) - firstBlock + 1,
    before: before - firstBlock * stride,
  }
}

/** How many numbers of dy a pixel of a phase receives. */
function shiftsOf({ stride, taps }: Axis, phase: number): number {
  return Math.max(1, Math.ceil((taps - phase) / stride))
}

/** Numbers of a row of pixels that are enough for a product of matrices of its own. */
const ENOUGH = 16

/**
 * A transposed convolution, which is the gradient of a convolution's input too. Pixels are made in blocks of stride x
 * stride: all pixels of a block receive from the same few rows of dy, so a block is one row of a product of matrices,
 * and nothing is ever added up in place. (Shi and others 2016, "Is the deconvolution layer the same as a convolutional
 * layer?") Taps that the filter does not have are zeros. Each row of the blocks is a product of its own, which reads
 * only what that row receives, unless the rows are very short.
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
  const width = x.stride * inChannels
  const phases = [...Array(y.stride).keys()]
  const groups = width >= ENOUGH ? phases.map((phase) => [phase]) : [phases]
  const parts = groups.map((group) => {
    const down = shiftsOf(y, group[0] ?? 0)
    const read = { y: down, x: shiftsOf(x, 0) }
    const received = recording.reshape(gatherPixels(dy, receivedRows(y, x, read, shape), recording), [
      batch * y.blocks * x.blocks,
      read.y * read.x * outChannels,
    ])
    const arranged = arrange(filter, y, x, { read, group }, recording)
    const product = matMul(received, arranged, recording, { transposeB: true })
    const sizes = [batch * y.blocks, group.length, x.blocks * width]
    if (group.length === 1) return recording.reshape(product, sizes)
    const split = recording.reshape(product, [batch * y.blocks, x.blocks, group.length, width])
    return recording.reshape(transpose(split, [0, 2, 1, 3], recording), sizes)
  })
  const whole = [batch, y.blocks * y.stride, x.blocks * x.stride, inChannels]
  const ordered = recording.reshape(concat(parts, 1, recording), whole)
  return slice(ordered, [0, y.before, x.before, 0], [batch, inHeight, inWidth, inChannels], recording)
}

/** How many rows and columns of dy a block reads. */
interface Reach {
  y: number
  x: number
}

/** The pixels of dy that each block receives from: shape [y.blocks, x.blocks, read.y, read.x]. */
function receivedRows(
  y: Axis,
  x: Axis,
  read: Reach,
  { outHeight, outWidth }: backend_util.Conv2DInfo,
): PixelRows {
  const rows = new Int32Array(y.blocks * x.blocks * read.y * read.x)
  let at = 0
  for (let top = y.firstBlock; top < y.firstBlock + y.blocks; top++) {
    for (let left = x.firstBlock; left < x.firstBlock + x.blocks; left++) {
      for (let i = 0; i < read.y; i++) {
        for (let j = 0; j < read.x; j++) {
          rows[at] = pixel(top - i, left - j, outHeight, outWidth)
          at++
        }
      }
    }
  }
  const sizes = [outHeight, outWidth, y.firstBlock, y.blocks, x.firstBlock, x.blocks, read.y, read.x]
  return { key: `received ${sizes}`, rows }
}

/** The filter with a row for each number of some rows of a block: shape [group.length * x.stride * inChannels, read.y * read.x * outChannels]. */
function arrange(
  filter: TensorInfo,
  y: Axis,
  x: Axis,
  { read, group }: { read: Reach; group: readonly number[] },
  recording: Recording,
): TensorInfo {
  const [, , inChannels = 1, outChannels = 1] = filter.shape
  const rows: number[] = []
  for (const i of group) {
    for (let j = 0; j < x.stride; j++) {
      for (let channel = 0; channel < inChannels; channel++) {
        for (let down = 0; down < read.y; down++) {
          for (let right = 0; right < read.x; right++) {
            const tap = pixel(y.stride * down + i, x.stride * right + j, y.taps, x.taps)
            rows.push(tap === OUTSIDE ? OUTSIDE : tap * inChannels + channel)
          }
        }
      }
    }
  }
  const taps = recording.reshape(filter, [1, y.taps * x.taps * inChannels, outChannels])
  const arrangement = {
    key: `arranged ${[inChannels, y.stride, y.taps, x.stride, x.taps, read.y, read.x]} rows ${group}`,
    rows: Int32Array.from(rows),
  }
  return recording.reshape(gatherPixels(taps, arrangement, recording), [
    group.length * x.stride * inChannels,
    read.y * read.x * outChannels,
  ])
}
