import { PARAMETERS } from './affine-warp.js'
import { PRINT_SIDE } from './picture-print.js'

/** Pixels that a comparison leaves out at each rim: cropping and turning change what is there. */
export const RIM = 4
/** Side of what is compared, and its pixels. */
export const INNER = PRINT_SIDE - 2 * RIM
export const COUNT = INNER * INNER
/** Less contrast than this, in 255ths, is none. */
const FLAT = 0.05
/** Added to the diagonal of a matrix that is inverted, as a share of it. */
const RIDGE = 1e-3

/** A plane made ready for other pictures to be laid on it. */
export interface Template {
  /** Zero mean, length 1; shape [INNER, INNER]. All zero where there is no contrast. */
  values: Float32Array
  /** How the values change with each number of a warp, but for the part along them; shape [6, COUNT]. */
  slopes: Float32Array
  /** Inverse of the slopes' Gram matrix, shape [6, 6]; undefined where they do not tell all warps apart. */
  inverse: Float64Array | undefined
}

/** @param plane shape [PRINT_SIDE, PRINT_SIDE] */
export function makeTemplate(plane: Float32Array): Template {
  const values = new Float32Array(COUNT)
  const slopes = new Float32Array(PARAMETERS * COUNT)
  const centre = (PRINT_SIDE - 1) / 2
  for (let i = 0; i < COUNT; i++) {
    const x = RIM + (i % INNER)
    const y = RIM + Math.floor(i / INNER)
    const at = y * PRINT_SIDE + x
    values[i] = plane[at] as number
    const dx = ((plane[at + 1] as number) - (plane[at - 1] as number)) / 2
    const dy = ((plane[at + PRINT_SIDE] as number) - (plane[at - PRINT_SIDE] as number)) / 2
    const [cx, cy] = [x - centre, y - centre]
    for (const [p, slope] of [dx, dx * cx, dx * cy, dy, dy * cx, dy * cy].entries()) {
      slopes[p * COUNT + i] = slope
    }
  }
  const length = normalize(values)
  if (length === 0) return { values, slopes, inverse: undefined }
  for (let p = 0; p < PARAMETERS; p++) project(slopes.subarray(p * COUNT, (p + 1) * COUNT), values, length)
  return { values, slopes, inverse: invert(gramOf(slopes)) }
}

/** Brings values to zero mean and length 1, in place, or to zero where they have no contrast. @returns their length */
export function normalize(values: Float32Array): number {
  let mean = 0
  for (const value of values) mean += value
  mean /= values.length
  let square = 0
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] as number) - mean
    values[i] = value
    square += value * value
  }
  // written so that no values at all are flat, too
  if (!(square >= FLAT * FLAT * values.length)) {
    values.fill(0)
    return 0
  }
  const length = Math.sqrt(square)
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / length
  return length
}

/** Brings a slope to the values' scale and takes away its mean and its part along the values, in place. */
function project(slope: Float32Array, values: Float32Array, length: number): void {
  let mean = 0
  for (const value of slope) mean += value
  mean /= COUNT
  let along = 0
  for (let i = 0; i < COUNT; i++) {
    const value = ((slope[i] as number) - mean) / length
    slope[i] = value
    along += value * (values[i] as number)
  }
  for (let i = 0; i < COUNT; i++) slope[i] = (slope[i] as number) - along * (values[i] as number)
}

function gramOf(slopes: Float32Array): Float64Array {
  const gram = new Float64Array(PARAMETERS * PARAMETERS)
  for (let p = 0; p < PARAMETERS; p++) {
    for (let q = p; q < PARAMETERS; q++) {
      let sum = 0
      for (let i = 0; i < COUNT; i++) {
        sum += (slopes[p * COUNT + i] as number) * (slopes[q * COUNT + i] as number)
      }
      gram[p * PARAMETERS + q] = sum
      gram[q * PARAMETERS + p] = sum
    }
  }
  return gram
}

/** By Gauss and Jordan, of a positive definite matrix; undefined where it is singular. */
function invert(matrix: Float64Array): Float64Array | undefined {
  const n = PARAMETERS
  const rows = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(2 * n)
    row.set(matrix.subarray(i * n, (i + 1) * n))
    row[i] = (row[i] as number) * (1 + RIDGE)
    row[n + i] = 1
    return row
  })
  for (const [i, row] of rows.entries()) {
    const pivot = row[i] as number
    if (!(pivot > 1e-12)) return undefined
    for (let j = 0; j < 2 * n; j++) row[j] = (row[j] as number) / pivot
    for (const other of rows) {
      const factor = other[i] as number
      if (other === row || factor === 0) continue
      for (let j = 0; j < 2 * n; j++) other[j] = (other[j] as number) - factor * (row[j] as number)
    }
  }
  return Float64Array.from(rows.flatMap((row) => [...row.subarray(n)]))
}
