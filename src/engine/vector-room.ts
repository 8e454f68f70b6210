/** Numbers of one block, at most: 64 MB. */
const LARGEST_BLOCK = 1 << 24

/**
 * Room for the vectors of a batch in one block, or few: an array of its own for each would scatter the heap, which then
 * stays large after they are gone, while a large block goes back to the operating system.
 */
export class VectorRoom {
  #block = new Float32Array(0)
  #used = 0
  #expected: number
  readonly #least: number

  /**
   * @param vectors how many are expected; more find room as well
   * @param least vectors of a block, at least, where there is no end of them
   */
  constructor(vectors = 1, least = 1) {
    this.#expected = vectors
    this.#least = least
  }

  /** Room for one vector of `dim` numbers, all zero. */
  take(dim: number): Float32Array {
    if (this.#used + dim > this.#block.length) {
      this.#block = new Float32Array(Math.max(dim, Math.min(LARGEST_BLOCK, dim * this.#expected)))
      this.#used = 0
    }
    this.#used += dim
    this.#expected = Math.max(this.#least, this.#expected - 1)
    return this.#block.subarray(this.#used - dim, this.#used)
  }
}
