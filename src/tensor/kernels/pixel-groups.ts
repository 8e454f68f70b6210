import type { backend_util } from '@tensorflow/tfjs-core'
import { OUTSIDE, type PixelRows, type WindowShape } from './windows.js'

/**
 * A convolution of images whose pixels are too small to be copied one by one: `pixels` neighbours in a row, which lie
 * side by side in memory, count as one pixel of more channels, and so do the `outputs` that they are made into. The
 * filter gets a row for each number of such a pixel, and zeros where an output does not read it.
 */
export interface PixelGroups {
  /** How many pixels of a row are one. */
  pixels: number
  /** How many outputs of a row are one. */
  outputs: number
  /** What the windows are like then. */
  window: WindowShape
  /**
   * The filter's rows, of `outChannels` numbers each, as the groups read them: shape [filterHeight, window.filterWidth,
   * pixels, inChannels, outputs] of row numbers in [filterHeight, filterWidth, inChannels].
   */
  filterRows: PixelRows
}

/** Numbers that are enough to copy at once; more of them make the products larger. Measured. */
const ENOUGH = 4

/** How a convolution's pixels are grouped; undefined where they are large enough, or do not divide into groups. */
export function pixelGroups(shape: backend_util.Conv2DInfo): PixelGroups | undefined {
  const { inChannels, inWidth, outWidth, strideWidth, filterHeight, filterWidth, dilationWidth } = shape
  const outputs = Math.ceil(ENOUGH / (inChannels * strideWidth))
  const pixels = outputs * strideWidth
  const divides = inWidth % pixels === 0 && outWidth % outputs === 0
  if (inChannels >= ENOUGH || filterWidth === 1 || dilationWidth !== 1 || !divides) return undefined

  const before = shape.padInfo.left
  const first = Math.floor(-before / pixels)
  const last = Math.floor((strideWidth * (outputs - 1) - before + filterWidth - 1) / pixels)
  const groups = last - first + 1
  const rows: number[] = []
  for (let i = 0; i < filterHeight; i++) {
    for (let at = 0; at < groups * pixels; at++) {
      for (let channel = 0; channel < inChannels; channel++) {
        for (let output = 0; output < outputs; output++) {
          const tap = first * pixels + at + before - output * strideWidth
          const inside = tap >= 0 && tap < filterWidth
          rows.push(inside ? (i * filterWidth + tap) * inChannels + channel : OUTSIDE)
        }
      }
    }
  }
  return {
    pixels,
    outputs,
    window: {
      ...shape,
      inWidth: inWidth / pixels,
      outWidth: outWidth / outputs,
      strideWidth: 1,
      filterWidth: groups,
      padInfo: { ...shape.padInfo, left: -first },
    },
    filterRows: {
      key: `grouped ${[filterHeight, filterWidth, inChannels, strideWidth, before, pixels, outputs]}`,
      rows: Int32Array.from(rows),
    },
  }
}
