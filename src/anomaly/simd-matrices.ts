import { PAGE, type Run, simdKernel } from '../core/simd-kernel.js'
import { A_ROWS, B_ROWS } from '../core/simd-module.js'

/** Numbers in the memory that the kernel reads, row-major, of shape [rows, columns]. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  /** A view: what is written into it is what {@link SimdMatrices.multiply} takes. */
  readonly values: Float32Array
}

/** What rows and columns of a {@link Matrix} are multiples of. */
const STEP = B_ROWS

/** Up to the next multiple of 4. */
export function padded(size: number): number {
  return STEP * Math.ceil(size / STEP)
}

/**
 * Matrices of fixed shapes in one memory, multiplied where they lie: for loops that do the same products many times.
 * Memory grows with what is taken and goes with this object.
 */
export class SimdMatrices {
  readonly #memory: Float32Array
  readonly #run: Run
  #taken = 0

  /** @param size numbers that all matrices hold together */
  constructor(size: number) {
    const { memory, run } = simdKernel('products', Math.ceil((4 * size) / PAGE))
    this.#memory = memory
    this.#run = run
  }

  /** Takes a matrix of zeros. @param rows @param columns multiples of 4 */
  take(rows: number, columns: number): Matrix {
    const from = this.#taken
    this.#taken += rows * columns
    return { rows, columns, values: this.#memory.subarray(from, this.#taken) }
  }

  /**
   * Writes `a` times `b` transposed into `out`.
   *
   * @param a shape [n, k] @param b shape [m, k] @param out shape [n, m]
   */
  multiply(a: Matrix, b: Matrix, out: Matrix): void {
    const { byteOffset: from } = a.values
    const { byteOffset: other } = b.values
    const { byteOffset: to } = out.values
    for (let row = 0; row < a.rows; row += A_ROWS)
      this.#run(from + 4 * row * a.columns, other, to + 4 * row * b.rows, b.rows, 4 * a.columns)
  }
}

/** Writes `from`, of shape [n, m], into `to`, of shape [m, n]. */
export function transpose(from: Matrix, to: Matrix): void {
  const { rows, columns, values } = from
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) to.values[j * rows + i] = values[at] as number
  }
}
