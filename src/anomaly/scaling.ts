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
export function scaled({ values, dim }: Rows, scaling: Scaling, from: number, to: number): Float32Array {
  const { means, deviations } = scaling
  const result = new Float32Array((to - from) * dim)
  for (let at = 0, source = from * dim; at < result.length; ) {
    for (let j = 0; j < dim; j++, at++, source++)
      result[at] = ((values[source] as number) - (means[j] as number)) / (deviations[j] as number)
  }
  return result
}

/** Calls `use` with scaled rows, some at a time, and the place of the first. */
export function eachScaledBlock(
  rows: Rows,
  scaling: Scaling,
  use: (block: Float32Array, from: number) => void,
): void {
  for (let from = 0; from < rows.count; from += BLOCK)
    use(scaled(rows, scaling, from, Math.min(rows.count, from + BLOCK)), from)
}
