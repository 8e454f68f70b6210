import type { Rows } from '../core/detection.js'
import { RowSums } from './row-sums.js'
import { eachScaledBlock, type Scaling, scaled } from './scaling.js'

/** The nearest rows of a bank, by row: shape [count, k] each. */
export interface BankNeighbours {
  k: number
  /** Euclidean over scaled columns, ascending; Infinity where the bank has fewer. */
  distances: Float32Array
  /** Places in the bank; -1 where it has fewer. */
  places: Int32Array
}

/** Rows that others are compared with, all of them exactly: no index is needed for a few thousand. */
export class Bank {
  readonly count: number
  readonly #sums: RowSums
  readonly #scaling: Scaling

  constructor(rows: Rows, scaling: Scaling) {
    this.count = rows.count
    this.#scaling = scaling
    this.#sums = new RowSums('squares', scaled(rows, scaling, 0, rows.count), { dim: rows.dim })
  }

  /**
   * @param own by row, its own place in the bank, which is passed over; -1 for a row that is not in it
   */
  nearest(rows: Rows, k: number, own?: Int32Array): BankNeighbours {
    const distances = new Float32Array(rows.count * k).fill(Number.POSITIVE_INFINITY)
    const places = new Int32Array(rows.count * k).fill(-1)
    eachScaledBlock(rows, this.#scaling, (block, from) => {
      this.#sums.with(block, (row, squares) => {
        const at = (from + row) * k
        const skipped = own?.[from + row] ?? -1
        let bound = Number.POSITIVE_INFINITY
        for (let j = 0; j < squares.length; j++) {
          const square = squares[j] as number
          if (square >= bound || j === skipped) continue
          let place = at + k - 1
          for (; place > at && (distances[place - 1] as number) > square; place--) {
            distances[place] = distances[place - 1] as number
            places[place] = places[place - 1] as number
          }
          distances[place] = square
          places[place] = j
          bound = distances[at + k - 1] as number
        }
        for (let j = at; j < at + k; j++) distances[j] = Math.sqrt(distances[j] as number)
      })
    })
    return { k, distances, places }
  }
}
