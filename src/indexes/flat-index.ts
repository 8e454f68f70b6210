import { EngineError } from '../core/errors.js'
import type { Metric } from '../core/metrics.js'
import type { IndexSearchOptions, Neighbour, VectorIndex } from '../core/vector-index.js'
import { checkVector } from './check-input.js'
import { readFlatFile, writeFlatFile } from './flat-file.js'
import { scanTable } from './scan-table.js'
import { VectorTable } from './vector-table.js'

export interface FlatOptions {
  metric: Metric
  dim: number
}

/**
 * The exact index: compares the query with every live vector, about 10 ms for 30,000 x 384 on the calling thread.
 *
 * Labels must ascend: one that is not above all before counts as used.
 */
export class FlatIndex implements VectorIndex {
  readonly metric: Metric
  readonly table: VectorTable
  #saving = false

  private constructor(metric: Metric, table: VectorTable) {
    this.metric = metric
    this.table = table
  }

  static create(options: FlatOptions): FlatIndex {
    return new FlatIndex(options.metric, new VectorTable(options.dim))
  }

  /** An index over vectors that are in memory already; it changes the table where it is changed itself. */
  static over(table: VectorTable, metric: Metric): FlatIndex {
    return new FlatIndex(metric, table)
  }

  /** Reads what {@link save} wrote. @throws EngineError INDEX_INVALID */
  static async load(path: string, options: FlatOptions): Promise<FlatIndex> {
    return new FlatIndex(options.metric, await readFlatFile(path, options))
  }

  get dim(): number {
    return this.table.dim
  }

  get count(): number {
    return this.table.live
  }

  has(label: number): boolean {
    const row = this.table.rowOf(label)
    return row >= 0 && this.table.isLive(row)
  }

  add(label: number, vector: Float32Array): void {
    if (this.#saving)
      throw new EngineError('BUSY', 'the index is being written to a file; add to it afterwards')
    checkVector(vector, this.dim, this.metric, `vector of label ${label}`)
    this.table.append(label, label, 0, vector)
  }

  update(label: number, newLabel: number, vector: Float32Array): void {
    this.add(newLabel, vector)
    this.remove(label)
  }

  remove(label: number): boolean {
    return this.table.kill(label)
  }

  /** As the port says; `filter` is asked only of vectors that would be among the nearest, `ef` is ignored. */
  search(query: Float32Array, k: number, options: IndexSearchOptions = {}): Neighbour[] {
    return scanTable(this.table, query, this.metric, k, options)
  }

  /** Searches may go on meanwhile; {@link add} is refused with BUSY. @throws EngineError DISK_FULL, HOME_NOT_WRITABLE */
  async save(path: string): Promise<void> {
    if (this.#saving) throw new EngineError('BUSY', 'the index is being written to a file already')
    this.#saving = true
    try {
      await writeFlatFile(path, this.table, this.metric)
    } finally {
      this.#saving = false
    }
  }
}
