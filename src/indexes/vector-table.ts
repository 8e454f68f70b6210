import { setImmediate as nextTurn } from 'node:timers/promises'
import { EngineError } from '../core/errors.js'
import { checkFinite, checkLabel, refuseReuse } from './check-input.js'
import { chunkRowsFor, createChunk, openChunk, type TableChunk } from './table-chunk.js'

/** A {@link VectorTable} as it travels to another thread: the buffers are shared, not copied. */
export interface SharedVectorTable {
  dim: number
  chunkRows: number
  rows: number
  lastLabel: number
  chunks: SharedArrayBuffer[]
}

/**
 * The raw vectors of a space, once in memory, in chunks that every thread can read.
 *
 * Rows are only appended, with ascending labels, and killed; both are for the thread that made the table. What other
 * threads hold is a view of the rows there were when it was shared, in which later kills show.
 */
export class VectorTable {
  readonly dim: number
  /** Rows of each chunk. */
  readonly chunkRows: number
  readonly #chunks: TableChunk[] = []
  #rows = 0
  #killed = 0
  #lastLabel = -1
  #readOnly = false

  /** @param dim of every vector */
  constructor(dim: number) {
    if (!Number.isInteger(dim) || dim < 1)
      throw new EngineError('INVALID_REQUEST', `dim must be an integer of at least 1, got ${dim}`)
    this.dim = dim
    this.chunkRows = chunkRowsFor(dim)
  }

  /** A read-only view of a table of another thread. */
  static from(shared: SharedVectorTable): VectorTable {
    const table = VectorTable.adopt(shared)
    table.#readOnly = true
    return table
  }

  /** Takes over a table that another thread filled and will not change any more: this one now may. */
  static adopt(shared: SharedVectorTable): VectorTable {
    const table = new VectorTable(shared.dim)
    for (const buffer of shared.chunks) table.#chunks.push(openChunk(buffer, shared.dim, shared.chunkRows))
    table.#rows = shared.rows
    table.#lastLabel = shared.lastLabel
    table.#killed = shared.rows - table.#countLive()
    return table
  }

  /** All rows, dead ones included. */
  get rows(): number {
    return this.#rows
  }

  /** Rows that were not killed; a view of another thread's table counts them anew each time. */
  get live(): number {
    return this.#readOnly ? this.#countLive() : this.#rows - this.#killed
  }

  /** The largest label ever appended, also where a compaction left it out; -1 for none. */
  get lastLabel(): number {
    return this.#lastLabel
  }

  /** Bytes of shared memory set aside. */
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.buffer.byteLength, 0)
  }

  /**
   * @param item slot of the item that owns the vector, in [0, 2^32)
   * @param passage number of the passage in its item
   * @param vector shape [dim]; copied
   * @returns the new row
   * @throws EngineError LABEL_REUSED unless `label` is larger than every label before, DIMENSION_MISMATCH,
   *   INVALID_VECTOR
   */
  append(label: number, item: number, passage: number, vector: Float32Array): number {
    this.#checkNext(label, this.#lastLabel)
    const length = checkFinite(vector, this.dim, `vector of label ${label}`)
    const row = this.#rows
    this.#write(row, label, item, passage, vector, length)
    this.#rows = row + 1
    this.#lastLabel = label
    return row
  }

  /**
   * Appends many rows, all or none of them. Takes about 60 ms for 30,000 x 384: give it slices where that is too long.
   *
   * @param vectors row-major, shape [labels.length, dim]; copied
   * @throws as {@link append}
   */
  appendMany(
    labels: ArrayLike<number>,
    items: ArrayLike<number>,
    passages: ArrayLike<number>,
    vectors: Float32Array,
  ): void {
    const { length } = labels
    if (items.length !== length || passages.length !== length || vectors.length !== length * this.dim) {
      throw new EngineError(
        'DIMENSION_MISMATCH',
        `${length} labels came with ${items.length} items, ${passages.length} passages and ${vectors.length} numbers; expected ${length}, ${length} and ${length * this.dim}`,
      )
    }
    let last = this.#lastLabel
    for (let i = 0; i < length; i++) {
      const label = labels[i] as number
      this.#checkNext(label, last)
      const vector = vectors.subarray(i * this.dim, (i + 1) * this.dim)
      const size = checkFinite(vector, this.dim, `vector of label ${label}`)
      this.#write(this.#rows + i, label, items[i] as number, passages[i] as number, vector, size)
      last = label
    }
    this.#rows += length
    this.#lastLabel = last
  }

  /** Refuses all labels up to this one from now on, as if they had been there. */
  retireUpTo(label: number): void {
    this.#lastLabel = Math.max(this.#lastLabel, label)
  }

  /** The row of a label, dead or live; -1 if it is not there. */
  rowOf(label: number): number {
    // labels mostly follow each other: then the row is as far from the last as the label is
    const guess = this.#rows - 1 - (this.#lastLabel - label)
    if (guess >= 0 && guess < this.#rows && this.labelAt(guess) === label) return guess
    let low = 0
    let high = this.#rows - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.labelAt(middle)
      if (found === label) return middle
      if (found < label) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** Marks the row of `label` dead. @returns whether it was there and live */
  kill(label: number): boolean {
    this.#checkWritable()
    const row = this.rowOf(label)
    if (row < 0 || !this.isLive(row)) return false
    this.chunkOf(row).dead[row % this.chunkRows] = 1
    this.#killed++
    return true
  }

  isLive(row: number): boolean {
    return this.chunkOf(row).dead[row % this.chunkRows] === 0
  }

  /** A view of a row's vector, shape [dim]; not to be written to. */
  vector(row: number): Float32Array {
    const start = (row % this.chunkRows) * this.dim
    return this.chunkOf(row).vectors.subarray(start, start + this.dim)
  }

  labelAt(row: number): number {
    return this.chunkOf(row).labels[row % this.chunkRows] as number
  }

  itemAt(row: number): number {
    return this.chunkOf(row).items[row % this.chunkRows] as number
  }

  passageAt(row: number): number {
    return this.chunkOf(row).passages[row % this.chunkRows] as number
  }

  normAt(row: number): number {
    return this.chunkOf(row).norms[row % this.chunkRows] as number
  }

  /** The chunk that holds `row`, at `row % chunkRows`. */
  chunkOf(row: number): TableChunk {
    const chunk = row < this.#rows ? this.#chunks[Math.floor(row / this.chunkRows)] : undefined
    if (!chunk) throw new EngineError('INTERNAL', `row ${row} is not in a table of ${this.#rows} rows`)
    return chunk
  }

  /** A description that a worker turns into a view with {@link VectorTable.from}. */
  share(): SharedVectorTable {
    return {
      dim: this.dim,
      chunkRows: this.chunkRows,
      rows: this.#rows,
      lastLabel: this.#lastLabel,
      chunks: this.#chunks.map((chunk) => chunk.buffer),
    }
  }

  /**
   * A new table without the dead rows. Yields to the event loop between chunks; rows appended and killed meanwhile are
   * taken into account until the promise resolves, so swap the new table in right after the `await`.
   */
  async compacted(): Promise<VectorTable> {
    const table = new VectorTable(this.dim)
    for (let row = 0; row < this.#rows; row++) {
      if (row > 0 && row % this.chunkRows === 0) await nextTurn()
      if (!this.isLive(row)) continue
      const to = table.#rows
      table.#write(
        to,
        this.labelAt(row),
        this.itemAt(row),
        this.passageAt(row),
        this.vector(row),
        this.normAt(row),
      )
      table.#rows = to + 1
    }
    table.#lastLabel = this.#lastLabel
    let row = 0
    for (let kept = 0; kept < table.#rows; kept++) {
      const label = table.labelAt(kept)
      while (this.labelAt(row) < label) row++
      if (!this.isLive(row)) table.kill(label)
    }
    return table
  }

  #write(
    row: number,
    label: number,
    item: number,
    passage: number,
    vector: Float32Array,
    length: number,
  ): void {
    const index = Math.floor(row / this.chunkRows)
    let chunk = this.#chunks[index]
    if (!chunk) {
      chunk = createChunk(this.dim, this.chunkRows)
      this.#chunks.push(chunk)
    }
    const local = row % this.chunkRows
    chunk.norms[local] = length
    chunk.vectors.set(vector, local * this.dim)
    chunk.labels[local] = label
    chunk.items[local] = item
    chunk.passages[local] = passage
    chunk.dead[local] = 0
  }

  #countLive(): number {
    let live = 0
    for (let row = 0; row < this.#rows; row++) if (this.isLive(row)) live++
    return live
  }

  #checkNext(label: number, last: number): void {
    this.#checkWritable()
    checkLabel(label)
    if (label <= last) refuseReuse(label, `is not above ${last}, the last one of this table`)
  }

  #checkWritable(): void {
    if (this.#readOnly)
      throw new EngineError('INTERNAL', 'a view of another thread’s table cannot be changed')
  }
}
