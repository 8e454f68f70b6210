import type { Rows } from '../core/detection.js'
import { RowSums } from '../core/row-sums.js'
import { eachScaledBlock, plainScaling, type Scaling, scaled } from './scaling.js'
import { toUnitRows } from './unit-rows.js'

/** The nearest rows of a bank, by row: shape [count, k] each. */
export interface BankNeighbours {
  k: number
  /** Ascending; Infinity where the bank has fewer. */
  distances: Float32Array
  /** Places in the bank; -1 where it has fewer. */
  places: Int32Array
}

/** Rows that others are compared with, all of them exactly: no index is needed for a few thousand. */
export class Bank {
  readonly count: number
  readonly #sums: RowSums
  readonly #scaling: Scaling
  readonly #cosine: boolean

  /** @param metric Euclidean distance over columns that are scaled so, or cosine distance, 1 - cos */
  constructor(rows: Rows, metric: Scaling | 'cosine') {
    this.count = rows.count
    this.#cosine = metric === 'cosine'
    this.#scaling = metric === 'cosine' ? plainScaling(rows.dim) : metric
    const kept = scaled(rows, this.#scaling, 0, rows.count)
    if (this.#cosine) toUnitRows(kept, rows.dim)
    this.#sums = new RowSums(this.#cosine ? 'products' : 'squares', kept, { dim: rows.dim })
  }

  /**
   * @param own by row, its own place in the bank, which is passed over; -1 for a row that is not in it
   */
  nearest(rows: Rows, k: number, own?: Int32Array): BankNeighbours {
    const distances = new Float32Array(rows.count * k).fill(Number.POSITIVE_INFINITY)
    const places = new Int32Array(rows.count * k).fill(-1)
    const cosine = this.#cosine
    eachScaledBlock(rows, this.#scaling, (block, from) => {
      if (cosine) toUnitRows(block, rows.dim)
      this.#sums.with(block, (row, sums) => {
        if (cosine) for (let j = 0; j < sums.length; j++) sums[j] = Math.max(0, 1 - (sums[j] as number))
        const skipped = own?.[from + row] ?? -1
        if (skipped >= 0) sums[skipped] = Number.POSITIVE_INFINITY
        const at = (from + row) * k
        keepLeast(sums, k, { distances, places, at })
        // of squared distances
        for (let j = at; !cosine && j < at + k; j++) distances[j] = Math.sqrt(distances[j] as number)
      })
    })
    return { k, distances, places }
  }
}

/** Groups of which the least is looked at first, more than neighbours are asked for. */
const GROUPS = 64

/**
 * Writes the k least of `values` and their places, ascending, from `at` on. What is larger than the k-th of the least of each group cannot
 * be among them: so few are put in order.
 */
function keepLeast(
  values: Float32Array,
  k: number,
  { distances, places, at }: { distances: Float32Array; places: Int32Array; at: number },
): void {
  let bound = k <= GROUPS ? kthOfGroups(values, k) : Number.POSITIVE_INFINITY
  let last = at - 1
  for (let j = 0; j < values.length; j++) {
    const value = values[j] as number
    if (value > bound || value === Number.POSITIVE_INFINITY) continue
    if (last === at + k - 1) {
      if (value >= (distances[last] as number)) continue
    } else last++
    let place = last
    for (; place > at && (distances[place - 1] as number) > value; place--) {
      distances[place] = distances[place - 1] as number
      places[place] = places[place - 1] as number
    }
    distances[place] = value
    places[place] = j
    if (last === at + k - 1) bound = distances[last] as number
  }
}

const leastOfGroups = new Float32Array(GROUPS)

function kthOfGroups(values: Float32Array, k: number): number {
  const size = Math.ceil(values.length / GROUPS)
  const kept = leastOfGroups
  for (let group = 0, from = 0; group < GROUPS; group++, from += size) {
    let least = Number.POSITIVE_INFINITY
    const to = Math.min(values.length, from + size)
    for (let j = from; j < to; j++) {
      const value = values[j] as number
      if (value < least) least = value
    }
    if (group >= k && least >= (kept[k - 1] as number)) continue
    let place = Math.min(group, k - 1)
    for (; place > 0 && (kept[place - 1] as number) > least; place--) kept[place] = kept[place - 1] as number
    kept[place] = least
  }
  return kept[k - 1] as number
}
