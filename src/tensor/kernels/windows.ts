import type { backend_util, TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { pad } from './shaping.js'

/** Marks a place outside of the image. */
export const OUTSIDE = -1

/**
 * Which pixels of an image something reads, in order: numbers of pixels, counted row by row, or {@link OUTSIDE}. They
 * are the same for every image, so a program keeps them once, whatever its batch.
 */
export interface PixelRows {
  /** Tells these from others, so that a graph keeps equal ones once. */
  key: string
  rows: Int32Array
}

/** The part of tfjs's description of a convolution or a pooling that tells which pixels it reads. */
export type WindowShape = Pick<
  backend_util.Conv2DInfo,
  | 'inHeight'
  | 'inWidth'
  | 'outHeight'
  | 'outWidth'
  | 'strideHeight'
  | 'strideWidth'
  | 'filterHeight'
  | 'filterWidth'
  | 'dilationHeight'
  | 'dilationWidth'
  | 'padInfo'
>

/** The pixels under a window, for each place of the window: shape [outHeight, outWidth, filterHeight, filterWidth]. */
export function windowRows(shape: WindowShape): PixelRows {
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, padInfo } = shape
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = shape
  const rows = new Int32Array(outHeight * outWidth * filterHeight * filterWidth)
  let at = 0
  for (let top = 0; top < outHeight; top++) {
    for (let left = 0; left < outWidth; left++) {
      for (let i = 0; i < filterHeight; i++) {
        for (let j = 0; j < filterWidth; j++) {
          const y = top * strideHeight - padInfo.top + i * dilationHeight
          const x = left * strideWidth - padInfo.left + j * dilationWidth
          rows[at] = pixel(y, x, inHeight, inWidth)
          at++
        }
      }
    }
  }
  const sizes = [inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, padInfo.top, padInfo.left]
  return {
    key: `windows ${[...sizes, strideHeight, strideWidth, dilationHeight, dilationWidth]}`,
    rows,
  }
}

/** The number of a pixel, or OUTSIDE. */
export function pixel(y: number, x: number, height: number, width: number): number {
  return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : OUTSIDE
}

/**
 * Turns "what each output reads" into "what reads each pixel".
 *
 * @param each how many rows in a row count as one reader
 * @returns for each of `pixels` its readers, filled up with OUTSIDE to `most` of them
 */
export function readersOf(
  { key, rows }: PixelRows,
  { pixels, each }: { pixels: number; each: number },
): PixelRows & { most: number } {
  const readers = Array.from({ length: pixels }, (): number[] => [])
  rows.forEach((row, at) => {
    if (row !== OUTSIDE) readers[row]?.push(Math.floor(at / each))
  })
  const most = Math.max(1, ...readers.map((list) => list.length))
  const found = new Int32Array(pixels * most).fill(OUTSIDE)
  readers.forEach((list, at) => {
    found.set(list, at * most)
  })
  return { key: `readers ${pixels} ${each} of ${key}`, rows: found, most }
}

/**
 * Copies pixels of each image.
 *
 * @param x shape [batch, …, channels]
 * @param outside what is found outside of an image
 * @returns shape [batch, rows.length, channels]
 */
export function gatherPixels(
  x: TensorInfo,
  { key, rows }: PixelRows,
  recording: Recording,
  outside = 0,
): TensorInfo {
  const [batch = 1, ...sizes] = x.shape
  const channels = sizes.pop() ?? 1
  const pixels = sizes.reduce((product, size) => product * size, 1)
  const flat = recording.reshape(x, [batch, pixels, channels])
  if (rows.length === pixels && rows.every((row, at) => row === at)) return flat
  // what lies outside is read from one more pixel behind the last
  const padding = rows.includes(OUTSIDE) ? 1 : 0
  const padded = pad(flat, [[0, 0], [0, padding], [0, 0]], recording, { value: outside }) // biome-ignore format: a pair an axis
  const indices = recording.graph.constant(
    rows.map((row) => (row === OUTSIDE ? pixels : row)),
    [rows.length],
    'int32',
    key,
  )
  return recording.op('Gather', [padded, indices], [batch, rows.length, channels], x.dtype, { axis: 1 })
}

/**
 * Adds up, for each pixel of each image, the rows that its readers are given: the gradient of {@link gatherPixels}.
 *
 * @param x shape [batch, …, channels]
 * @returns shape [batch, pixels, channels]
 */
export function addToPixels(
  x: TensorInfo,
  { most, ...readers }: PixelRows & { most: number },
  recording: Recording,
): TensorInfo {
  const [batch = 1, channels = 1] = [x.shape[0], x.shape.at(-1)]
  const pixels = readers.rows.length / most
  const found = gatherPixels(x, readers, recording)
  if (most === 1) return found
  const grouped = recording.reshape(found, [batch, pixels, most, channels])
  return recording.op(
    'ReduceSum',
    [grouped, recording.graph.ints([2])],
    [batch, pixels, channels],
    'float32',
    { keepdims: 0 },
  )
}
