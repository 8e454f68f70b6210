import type {
  ResizeBilinearAttrs,
  ResizeBilinearGradAttrs,
  ResizeNearestNeighborAttrs,
  ResizeNearestNeighborGradAttrs,
  TensorInfo,
} from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { type KernelTable, kernel } from './kernel.js'
import { addToPixels, gatherPixels, type PixelRows, readersOf } from './windows.js'

/** How tfjs maps places of the new image to places of the old one. */
interface Mapping {
  alignCorners: boolean
  halfPixelCenters?: boolean
}

/** Making images larger or smaller. */
export const RESIZING: KernelTable = {
  ResizeNearestNeighbor: kernel<'images', ResizeNearestNeighborAttrs>(
    ['images'],
    ({ images }, { size, ...mapping }, recording) => {
      const [batch = 1, height = 1, width = 1, channels = 1] = images.shape
      const rows = nearestRows([height, width], size, mapping)
      const found = gatherPixels(images, rows, recording)
      return recording.reshape(found, [batch, ...size, channels])
    },
  ),
  ResizeNearestNeighborGrad: kernel<'images' | 'dy', ResizeNearestNeighborGradAttrs & Mapping>(
    ['images', 'dy'],
    ({ images, dy }, mapping, recording) => {
      const [, height = 1, width = 1] = images.shape
      const [, newHeight = 1, newWidth = 1] = dy.shape
      const rows = nearestRows([height, width], [newHeight, newWidth], mapping)
      const readers = readersOf(rows, { pixels: height * width, each: 1 })
      return recording.reshape(addToPixels(dy, readers, recording), images.shape)
    },
  ),
  // interpolation is a product with a matrix along each axis, its gradient one with the matrix transposed
  ResizeBilinear: kernel<'images', ResizeBilinearAttrs>(
    ['images'],
    ({ images }, { size: [newHeight, newWidth], ...mapping }, recording) => {
      const [, height = 1, width = 1] = images.shape
      return alongBoth(images, recording, {
        down: interpolation(height, newHeight, mapping),
        across: interpolation(width, newWidth, mapping),
      })
    },
  ),
  ResizeBilinearGrad: kernel<'images' | 'dy', ResizeBilinearGradAttrs & Mapping>(
    ['images', 'dy'],
    ({ images, dy }, mapping, recording) => {
      const [, height = 1, width = 1] = images.shape
      const [, newHeight = 1, newWidth = 1] = dy.shape
      return alongBoth(dy, recording, {
        down: transposed(interpolation(height, newHeight, mapping)),
        across: transposed(interpolation(width, newWidth, mapping)),
      })
    },
  ),
}

/** Old places by one new one, as tfjs's kernels have it. */
function scale(from: number, to: number, { alignCorners }: Mapping): number {
  return alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to
}

function nearestRows(
  [height, width]: readonly [number, number],
  [newHeight, newWidth]: readonly [number, number],
  mapping: Mapping,
): PixelRows {
  const nearest = (from: number, to: number) =>
    Array.from({ length: to }, (_, at) => {
      const place = scale(from, to, mapping) * (mapping.halfPixelCenters ? at + 0.5 : at)
      return Math.min(from - 1, mapping.alignCorners ? Math.round(place) : Math.floor(place))
    })
  const columns = nearest(width, newWidth)
  const rows = nearest(height, newHeight).flatMap((y) => columns.map((x) => y * width + x))
  const { alignCorners, halfPixelCenters = false } = mapping
  return {
    key: `nearest ${[height, width, newHeight, newWidth, alignCorners, halfPixelCenters]}`,
    rows: Int32Array.from(rows),
  }
}

/** A matrix as rows. */
type Matrix = number[][]

/** Shape [to, from]: what each new place takes from each old one. */
function interpolation(from: number, to: number, mapping: Mapping): Matrix {
  const ratio = scale(from, to, mapping)
  return Array.from({ length: to }, (_, at) => {
    const place = mapping.halfPixelCenters ? ratio * (at + 0.5) - 0.5 : ratio * at
    const low = Math.max(0, Math.floor(place))
    const high = Math.min(from - 1, Math.ceil(place))
    const row = new Array<number>(from).fill(0)
    row[low] = (row[low] ?? 0) + 1 - (place - low)
    row[high] = (row[high] ?? 0) + (place - low)
    return row
  })
}

function transposed(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] ?? 0))
}

/** Multiplies the columns of images, [batch, height, width, channels], by one matrix and their rows by another. */
function alongBoth(
  images: TensorInfo,
  recording: Recording,
  { down, across }: { down: Matrix; across: Matrix },
): TensorInfo {
  const [batch = 1, height = 1, width = 1, channels = 1] = images.shape
  const constant = (matrix: Matrix) =>
    recording.graph.constant(
      matrix.flat(),
      [matrix.length, matrix[0]?.length ?? 0],
      'float32',
      matrix.join(';'),
    )
  const columns = recording.reshape(images, [batch, height, width * channels])
  const tall = recording.op(
    'MatMul',
    [constant(down), columns],
    [batch, down.length, width * channels],
    'float32',
  )
  const rows = recording.reshape(tall, [batch, down.length, width, channels])
  const sizes = [batch, down.length, across.length, channels]
  return recording.op('MatMul', [constant(across), rows], sizes, 'float32')
}
