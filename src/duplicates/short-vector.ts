import { dot } from '../core/vectors.js'
import { lightOf, PRINT_SIDE } from './picture-print.js'
import { meanFilter, valueAt } from './planes.js'

/** Side of the grid whose values are the vector. */
const CELLS = 9
/** Numbers of a short vector. */
export const VECTOR_DIM = CELLS * CELLS
/** Share of a side that is left out at each rim: turning changes what is there. */
const RIM = 0.06
/** By how much a picture that was cropped by 5 % at each rim is larger than where it was. */
const ZOOM = 1 / 0.9
/** Less contrast than this, in 255ths, is none. */
const FLAT = 0.05

/** A picture's vector as it is, and as it would be were it the middle of a larger one, or its own middle. */
export interface ShortVectors {
  /** What an index holds. */
  plain: Float32Array
  /** Each with the scale at which it was taken: pixels of the other picture for a pixel of this one. */
  tries: { vector: Float32Array; scale: number }[]
}

/**
 * Short vectors that copies of a picture share nearly: blurred brightness on a grid, less its mean, of length 1. All zero
 * for a picture of one brightness. A cropped copy lies nearer to one of the `tries` than to `plain`.
 */
export function shortVectors(print: Uint8Array): ShortVectors {
  const blurred = meanFilter(meanFilter(lightOf(print), PRINT_SIDE, 2), PRINT_SIDE, 2)
  const plain = gridOf(blurred, 0.5 - RIM)
  const tries = [1, 1 / ZOOM, ZOOM].map((scale) => ({
    vector: scale === 1 ? plain : gridOf(blurred, (0.5 - RIM) / scale),
    scale,
  }))
  return { plain, tries }
}

/** At which scale a picture lies nearest to another one, by their short vectors. */
export function nearestScale({ tries }: ShortVectors, other: Float32Array): number {
  let best = { scale: 1, cosine: -2 }
  for (const { vector, scale } of tries) {
    const cosine = dot(vector, other)
    if (cosine > best.cosine) best = { scale, cosine }
  }
  return best.scale
}

/** @param reach from the middle to the end of the grid, as a share of the side */
function gridOf(plane: Float32Array, reach: number): Float32Array {
  const vector = new Float32Array(VECTOR_DIM)
  const middle = (PRINT_SIDE - 1) / 2
  const cell = (2 * reach * PRINT_SIDE) / CELLS
  let mean = 0
  for (let i = 0; i < VECTOR_DIM; i++) {
    const column = (i % CELLS) - (CELLS - 1) / 2
    const row = Math.floor(i / CELLS) - (CELLS - 1) / 2
    const value = valueAt(plane, PRINT_SIDE, middle + column * cell, middle + row * cell)
    vector[i] = value
    mean += value / VECTOR_DIM
  }
  let square = 0
  for (const value of vector) square += (value - mean) ** 2
  if (square < FLAT * FLAT * VECTOR_DIM) return vector.fill(0)
  const scale = 1 / Math.sqrt(square)
  return vector.map((value) => (value - mean) * scale)
}
