import type { backend_util } from '@tensorflow/tfjs-core'
import { OUTSIDE, type PixelRows, type WindowShape } from './windows.js'

/**
 * A convolution whose pixels are too small to be copied one by one, or whose outputs are: `pixels` neighbours in a row,
 * which lie side by side in memory, count as one pixel of more channels, and so do the `outputs` that they are made into.
 * The filter gets a row for each number of such a pixel, and zeros where an output does not read it.
 */
export interface PixelGroups {
  /** How many pixels of a row are one. */
  pixels: number
  /** What the windows are like then. */
  window: WindowShape
  /** How many outputs of a row are one. */
  outputs: number
  /** How many pixels left of the image the first window's first group begins. */
  before: number
}

/**
 * What a convolution costs on one core, in nanoseconds: per block of memory copied, per byte of what lies under the
 * windows (written once, read by the product and by the filter's gradient), and per multiplication of those two
 * products, whose columns come in sixteens. Measured on a server's core; only comparisons matter.
 */
const COST = { block: 2.5, byte: 0.3, multiplication: 0.02, columns: 16 } as const

/** How a convolution's pixels are best grouped; undefined where they are best left alone. */
export function pixelGroups(shape: backend_util.Conv2DInfo): PixelGroups | undefined {
  const { inChannels, inWidth, outWidth, strideWidth, filterWidth, dilationWidth } = shape
  if (filterWidth === 1 || dilationWidth !== 1) return undefined
  let best: PixelGroups | undefined
  let least = cost(shape, inChannels, 1, shape.outChannels)
  for (let outputs = 1; outputs <= outWidth; outputs++) {
    const pixels = outputs * strideWidth
    if (pixels === 1 || inWidth % pixels !== 0 || outWidth % outputs !== 0) continue
    const groups = grouped(shape, pixels, outputs)
    const found = cost(groups.window, inChannels * pixels, outputs, shape.outChannels)
    if (found >= least) continue
    best = groups
    least = found
  }
  return best
}

function cost(window: WindowShape, channels: number, outputs: number, outChannels: number): number {
  const blocks = window.outHeight * window.outWidth * window.filterHeight * window.filterWidth
  const columns = Math.ceil((outputs * outChannels) / COST.columns) * COST.columns
  return blocks * (COST.block + channels * (4 * COST.byte + columns * COST.multiplication))
}

function grouped(shape: backend_util.Conv2DInfo, pixels: number, outputs: number): PixelGroups {
  const { inWidth, outWidth, strideWidth, filterWidth, padInfo } = shape
  const count = inWidth / pixels
  // groups that lie outside of every image need not be read
  const first = Math.max(1 - outWidth / outputs, Math.floor(-padInfo.left / pixels))
  const end = strideWidth * (outputs - 1) - padInfo.left + filterWidth - 1
  const last = Math.min(count - 1, Math.floor(end / pixels))
  return {
    pixels,
    outputs,
    before: -first * pixels,
    window: {
      ...shape,
      inWidth: count,
      outWidth: outWidth / outputs,
      strideWidth: 1,
      filterWidth: last - first + 1,
      padInfo: { ...padInfo, left: -first },
    },
  }
}

/**
 * The rows of the filter, of `outChannels` numbers each, as groups read them: shape [filterHeight, window.filterWidth,
 * pixels, inChannels, outputs], of row numbers in [filterHeight, filterWidth, inChannels].
 */
export function filterRows(shape: backend_util.Conv2DInfo, groups: PixelGroups): PixelRows {
  const { inChannels, strideWidth, filterHeight, filterWidth } = shape
  const { pixels, outputs, before, window } = groups
  const left = shape.padInfo.left - before
  const rows: number[] = []
  for (let i = 0; i < filterHeight; i++) {
    for (let at = 0; at < window.filterWidth * pixels; at++) {
      for (let channel = 0; channel < inChannels; channel++) {
        for (let output = 0; output < outputs; output++) {
          const tap = at + left - output * strideWidth
          const inside = tap >= 0 && tap < filterWidth
          rows.push(inside ? (i * filterWidth + tap) * inChannels + channel : OUTSIDE)
        }
      }
    }
  }
  const sizes = [
    filterHeight,
    filterWidth,
    inChannels,
    strideWidth,
    left,
    window.filterWidth,
    pixels,
    outputs,
  ]
  return { key: `grouped ${sizes}`, rows: Int32Array.from(rows) }
}
