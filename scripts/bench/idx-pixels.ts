import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Grey pictures of one size, with what they show. */
export interface GreySet {
  count: number
  size: number
  /** Shape [count, size, size], 0 to 255. */
  pixels: Uint8Array
  labels: Uint8Array
}

/** The training and the test images of a folder of IDX files, gzipped, by their usual names. */
export function readGreySets(folder: string): { train: GreySet; test: GreySet } {
  const first = join(folder, 't10k-first3000-images-idx3-ubyte.gz')
  const images = existsSync(first) ? first : join(folder, 't10k-images-idx3-ubyte.gz')
  return {
    train: readGreySet(
      join(folder, 'train-images-idx3-ubyte.gz'),
      join(folder, 'train-labels-idx1-ubyte.gz'),
    ),
    test: readGreySet(images, join(folder, 't10k-labels-idx1-ubyte.gz')),
  }
}

function readGreySet(images: string, labels: string): GreySet {
  const packed = gunzipSync(readFileSync(images))
  const count = packed.readUInt32BE(4)
  return {
    count,
    size: packed.readUInt32BE(8),
    pixels: packed.subarray(16),
    labels: gunzipSync(readFileSync(labels)).subarray(8, 8 + count),
  }
}

/** Pixels of the pictures at `rows`, shape [rows, size, size]. */
export function pixelsAt({ size, pixels }: GreySet, rows: readonly number[]): Uint8Array<SharedArrayBuffer> {
  const width = size * size
  const chosen = new Uint8Array(new SharedArrayBuffer(rows.length * width))
  rows.forEach((row, i) => {
    chosen.set(pixels.subarray(row * width, (row + 1) * width), i * width)
  })
  return chosen
}
