import type { Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import type { Fitted, Stored } from '../fitted.js'
import { packFloats, unpackFloats } from '../pack.js'
import { rowsAt, samplePlaces } from '../sample-rows.js'
import { numberSetting } from '../settings.js'

/** Equal parts of a column's range that tell nearly where a value stands among those that are kept. */
const CELLS = 1_024

/** Rows that a column passes over together: while it does, what is kept of it stays in the cache. */
const BLOCK = 2_048

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
  /** By column and place, the place after the last equal value; shape [dim, kept]. */
  readonly #ends: Uint16Array
  /** By column and cell, the place of the first value that is in the cell or beyond; shape [dim, CELLS + 1]. */
  readonly #cells: Uint16Array
  /** Cells a unit, by column; 0 for a column that does not vary. */
  readonly #steps: Float64Array

  constructor(columns: Float32Array, skewness: Float32Array) {
    this.#columns = columns
    this.#skewness = skewness
    const dim = skewness.length
    const kept = columns.length / dim
    this.#cells = new Uint16Array(dim * (CELLS + 1))
    this.#steps = new Float64Array(dim)
    this.#ends = new Uint16Array(columns.length)
    for (let j = 0; j < dim; j++) {
      const low = columns[j * kept] as number
      const range = (columns[(j + 1) * kept - 1] as number) - low
      const step = range > 0 ? CELLS / range : 0
      this.#steps[j] = step
      for (let i = kept - 1, at = (j + 1) * kept - 1; i >= 0; i--, at--)
        this.#ends[at] =
          i + 1 < kept && columns[at] === columns[at + 1] ? (this.#ends[at + 1] as number) : i + 1
      let place = 0
      for (let cell = 0; cell <= CELLS; cell++) {
        while (place < kept && cellOf(columns[j * kept + place] as number, low, step) < cell) place++
        this.#cells[j * (CELLS + 1) + cell] = cell === CELLS ? kept : place
      }
    }
  }

  score({ values, count, dim }: Rows): Float64Array {
    const columns = this.#columns
    const ends = this.#ends
    const cells = this.#cells
    const kept = columns.length / dim
    const scores = new Float64Array(count)
    const left = new Float64Array(BLOCK)
    const right = new Float64Array(BLOCK)
    const skewed = new Float64Array(BLOCK)
    const logs = Float64Array.from({ length: kept + 1 }, (_, i) => -Math.log((i + 1) / (kept + 1)))
    for (let from = 0; from < count; from += BLOCK) {
      const rows = Math.min(BLOCK, count - from)
      for (const sums of [left, right, skewed]) sums.fill(0)
      for (let j = 0; j < dim; j++) {
        const towards = this.#skewness[j] as number
        const step = this.#steps[j] as number
        const start = j * kept
        const least = columns[start] as number
        for (let i = 0, at = from * dim + j; i < rows; i++, at += dim) {
          const value = values[at] as number
          const cell = j * (CELLS + 1) + cellOf(value, least, step)
          // how many of the column's values are less: by halving what the cell holds
          let below = cells[cell] as number
          let high = cells[cell + 1] as number
          while (below < high) {
            const middle = (below + high) >>> 1
            if ((columns[start + middle] as number) < value) below = middle + 1
            else high = middle
          }
          const upTo =
            below < kept && columns[start + below] === value ? (ends[start + below] as number) : below
          const l = logs[upTo] as number
          const r = logs[kept - below] as number
          left[i] = (left[i] as number) + l
          right[i] = (right[i] as number) + r
          skewed[i] = (skewed[i] as number) + (towards < 0 ? l : towards > 0 ? r : Math.max(l, r))
        }
      }
      for (let i = 0; i < rows; i++)
        scores[from + i] = Math.max(left[i] as number, right[i] as number, skewed[i] as number)
    }
    return scores
  }

  settings(): Record<string, unknown> {
    return { kept: this.#columns.length / this.#skewness.length, dim: this.#skewness.length }
  }

  files(): Record<string, Uint8Array> {
    return { columns: packFloats(this.#columns), skewness: packFloats(this.#skewness) }
  }
}

/** In 0..CELLS - 1; what lies outside of the range is in the first or the last. */
function cellOf(value: number, low: number, step: number): number {
  const cell = Math.floor((value - low) * step)
  return cell > 0 ? Math.min(cell, CELLS - 1) : 0
}
