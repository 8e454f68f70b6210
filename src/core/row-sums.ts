import { PAGE, type Run, simdKernel } from './simd-kernel.js'
import { A_ROWS, B_ROWS, type PairSum } from './simd-module.js'

/**
 * Sums over pairs of rows, in float32: inner products or squared distances of any rows with a set that is kept. The
 * set is copied once; memory goes with its size.
 */
export class RowSums {
  /** Rows that are kept. */
  readonly count: number
  readonly dim: number
  readonly #memory: Float32Array
  readonly #run: Run
  readonly #width: number
  readonly #padded: number
  readonly #blockAt: number
  readonly #outAt: number

  /**
   * @param kept row-major, shape [count, dim]
   * @param block rows that {@link with} takes at most
   */
  constructor(sum: PairSum, kept: Float32Array, { dim, block = 64 }: { dim: number; block?: number }) {
    this.count = kept.length / dim
    this.dim = dim
    this.#width = 4 * Math.ceil(dim / 4)
    this.#padded = B_ROWS * Math.ceil(this.count / B_ROWS)
    const rows = A_ROWS * Math.ceil(block / A_ROWS)
    this.#blockAt = this.#padded * this.#width
    this.#outAt = this.#blockAt + rows * this.#width
    const bytes = 4 * (this.#outAt + A_ROWS * this.#padded)
    const { memory, run } = simdKernel(sum, Math.ceil(bytes / PAGE))
    this.#memory = memory
    this.#run = run
    for (let i = 0; i < this.count; i++)
      this.#memory.set(kept.subarray(i * dim, (i + 1) * dim), i * this.#width)
  }

  /**
   * Calls `use(row, sums)` for each row of a block, with its sums over all kept rows; `sums` is written anew after that.
   *
   * @param rows row-major, shape [n, columns], n at most the block
   * @param columns of which the first `dim` count
   */
  with(rows: Float32Array, use: (row: number, sums: Float32Array) => void, columns: number = this.dim): void {
    const n = rows.length / columns
    if (this.count === 0) return
    for (let i = 0; i < n; i++)
      this.#memory.set(rows.subarray(i * columns, i * columns + this.dim), this.#blockAt + i * this.#width)
    for (let i = 0; i < n; i += A_ROWS) {
      const at = this.#blockAt + i * this.#width
      this.#run(4 * at, 0, 4 * this.#outAt, this.#padded, 4 * this.#width)
      for (let j = 0; j < A_ROWS && i + j < n; j++) {
        const from = this.#outAt + j * this.#padded
        use(i + j, this.#memory.subarray(from, from + this.count))
      }
    }
  }
}
