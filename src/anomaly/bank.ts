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
        const at = (from + row) * k
        const skipped = own?.[from + row] ?? -1
        let bound = Number.POSITIVE_INFINITY
        for (let j = 0; j < sums.length; j++) {
          const distance = cosine ? Math.max(0, 1 - (sums[j] as number)) : (sums[j] as number)
          if (distance >= bound || j === skipped) continue
          let place = at + k - 1
          for (; place > at && (distances[place - 1] as number) > distance; place--) {
            distances[place] = distances[place - 1] as number
            places[place] = places[place - 1] as number
          }
          distances[place] = distance
          places[place] = j
          bound = distances[at + k - 1] as number
        }
        // of squared distances
        for (let j = at; !cosine && j < at + k; j++) distances[j] = Math.sqrt(distances[j] as number)
      })
    })
    return { k, distances, places }
  }
}
