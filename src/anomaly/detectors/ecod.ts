import type { Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import type { Fitted, Stored } from '../fitted.js'
import { packFloats, unpackFloats } from '../pack.js'
import { rowsAt, samplePlaces } from '../sample-rows.js'
import { numberSetting } from '../settings.js'

/** Values of each column that are kept: a tail probability is then exact to a thousandth. */
const KEPT = 1_000

/**
 * Empirical cumulative distributions (Li, Zhao, Hu, Botta, Ionescu, Chen: ECOD, IEEE TKDE 2022): how far out each column's
 * value is in the left tail, in the right one, and in the one that the column is skewed to; of the three sums of -log
 * probabilities the largest.
 */
export function fitEcod(rows: Rows, { random }: { random: Random }): Fitted {
  const { values, count, dim } = rowsAt(rows, samplePlaces(rows.count, KEPT, random))
  const columns = new Float32Array(count * dim)
  const skewness = new Float32Array(dim)
  for (let j = 0; j < dim; j++) {
    const column = columns.subarray(j * count, (j + 1) * count)
    for (let i = 0; i < count; i++) column[i] = values[i * dim + j] as number
    column.sort()
    skewness[j] = Math.sign(thirdMoment(column))
  }
  const detector = new Ecod(columns, skewness)
  return { detector, scores: detector.score(rows) }
}

export function loadEcod({ settings, files }: Stored): Detector {
  const [count, dim] = [numberSetting(settings, 'kept'), numberSetting(settings, 'dim')]
  return new Ecod(unpackFloats(files, 'columns', count * dim), unpackFloats(files, 'skewness', dim))
}

function thirdMoment(values: Float32Array): number {
  let mean = 0
  for (const value of values) mean += value / values.length
  let moment = 0
  for (const value of values) moment += (value - mean) ** 3
  return moment
}

class Ecod implements Detector {
  readonly name = 'ecod'
  /** Each ascending; shape [dim, kept]. */
  readonly #columns: Float32Array
  readonly #skewness: Float32Array

  constructor(columns: Float32Array, skewness: Float32Array) {
    this.#columns = columns
    this.#skewness = skewness
  }

  score({ values, count, dim }: Rows): Float64Array {
    const kept = this.#columns.length / dim
    const left = new Float64Array(count)
    const right = new Float64Array(count)
    const skewed = new Float64Array(count)
    const logs = Float64Array.from({ length: kept + 1 }, (_, i) => -Math.log((i + 1) / (kept + 1)))
    for (let j = 0; j < dim; j++) {
      const column = this.#columns.subarray(j * kept, (j + 1) * kept)
      const towards = this.#skewness[j] as number
      for (let i = 0; i < count; i++) {
        const value = values[i * dim + j] as number
        const below = firstAbove(column, value, false)
        const belowOrEqual =
          below < kept && (column[below] as number) === value ? firstAbove(column, value, true) : below
        const l = logs[belowOrEqual] as number
        const r = logs[kept - below] as number
        left[i] = (left[i] as number) + l
        right[i] = (right[i] as number) + r
        skewed[i] = (skewed[i] as number) + (towards < 0 ? l : towards > 0 ? r : Math.max(l, r))
      }
    }
    return left.map((l, i) => Math.max(l, right[i] as number, skewed[i] as number))
  }

  settings(): Record<string, unknown> {
    return { kept: this.#columns.length / this.#skewness.length, dim: this.#skewness.length }
  }

  files(): Record<string, Uint8Array> {
    return { columns: packFloats(this.#columns), skewness: packFloats(this.#skewness) }
  }
}

/** How many of the ascending values are less than `value`, or also those that are equal. */
function firstAbove(ascending: Float32Array, value: number, orEqual: boolean): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = ascending[middle] as number
    if (found < value || (orEqual && found === value)) low = middle + 1
    else high = middle
  }
  return low
}
