import type { Rows } from '../core/detection.js'

/** Mean and standard deviation of each column, so that all columns count alike. Shape [dim] each. */
export interface Scaling {
  means: Float32Array
  /** 1 for a column that does not vary: then a deviation counts as it is. */
  deviations: Float32Array
}

/** A standard deviation below this part of the largest value is float32 noise. */
const NOISE = 1e-6

/** Rows that are scaled at a time, so that they stay in the cache. */
const BLOCK = 64

/** Two passes, in float64. */
export function fitScaling({ values, count, dim }: Rows): Scaling {
  const means = new Float64Array(dim)
  const squares = new Float64Array(dim)
  const largest = new Float64Array(dim)
  for (let i = 0, at = 0; i < count; i++) {
    for (let j = 0; j < dim; j++, at++) {
      const value = values[at] as number
      means[j] = (means[j] as number) + value / count
      largest[j] = Math.max(largest[j] as number, Math.abs(value))
    }
  }
  for (let i = 0, at = 0; i < count; i++) {
    for (let j = 0; j < dim; j++, at++) {
      const difference = (values[at] as number) - (means[j] as number)
      squares[j] = (squares[j] as number) + (difference * difference) / count
    }
  }
  const deviations = Float32Array.from(squares, (square, j) => {
    const deviation = Math.sqrt(square)
    return deviation > NOISE * (largest[j] as number) ? deviation : 1
  })
  return { means: Float32Array.from(means), deviations }
}

/** Leaves columns as they are. */
export function plainScaling(dim: number): Scaling {
  return { means: new Float32Array(dim), deviations: new Float32Array(dim).fill(1) }
}

/** @returns (x - mean) / deviation for rows `from` to `to`, shape [to - from, dim] */
export function scaled(rows: Rows, scaling: Scaling, from: number, to: number): Float32Array {
  const result = new Float32Array((to - from) * rows.dim)
  scaleInto(result, rows, scaling, from)
  return result
}

/** Fills `into` with scaled rows, the first of which is row `from`. */
function scaleInto(
  into: Float32Array,
  { values, dim }: Rows,
  { means, deviations }: Scaling,
  from: number,
): void {
  for (let at = 0, source = from * dim; at < into.length; ) {
    for (let j = 0; j < dim; j++, at++, source++)
      into[at] = ((values[source] as number) - (means[j] as number)) / (deviations[j] as number)
  }
}

/** Calls `use` with scaled rows, some at a time, and the place of the first; the rows are written anew after that. */
export function eachScaledBlock(
  rows: Rows,
  scaling: Scaling,
  use: (block: Float32Array, from: number) => void,
): void {
  const block = new Float32Array(Math.min(BLOCK, rows.count) * rows.dim)
  for (let from = 0; from < rows.count; from += BLOCK) {
    const part = block.subarray(0, Math.min(BLOCK, rows.count - from) * rows.dim)
    scaleInto(part, rows, scaling, from)
    use(part, from)
  }
}
