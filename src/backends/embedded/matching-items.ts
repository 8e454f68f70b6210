import type { VectorTable } from '../../indexes/vector-table.js'
import type { Resolved } from './filter-messages.js'
import type { Nearby } from './nearby.js'
import { hasBit, type SlotBits } from './slot-bits.js'

/** The items that a filter means, at one moment. */
export class MatchingItems {
  /** By slot. */
  readonly bits: SlotBits
  readonly count: number
  /** Items of the collection. */
  readonly items: number
  /** When: as `ItemSlots.version` tells. */
  readonly version: number
  /** The last write that it holds. */
  readonly seq: number
  /** How it was found. */
  readonly how: Resolved['how']
  readonly nearby: Nearby
  /** The rows of tables that are of these items, of those before `end`. */
  readonly #rows = new WeakMap<VectorTable, { end: number; rows: Uint32Array<SharedArrayBuffer> }>()

  constructor(
    options: Pick<MatchingItems, 'bits' | 'count' | 'items' | 'version' | 'seq' | 'how' | 'nearby'>,
  ) {
    this.bits = options.bits
    this.count = options.count
    this.items = options.items
    this.version = options.version
    this.seq = options.seq
    this.how = options.how
    this.nearby = options.nearby
  }

  /** What it takes in memory at most, rows and keys included. */
  get bytes(): number {
    return this.bits.byteLength + 12 * this.count + 500
  }

  has(slot: number): boolean {
    return hasBit(this.bits, slot)
  }

  /** The rows of a table that are of these items, ascending, some of them dead. */
  rowsOf(table: VectorTable): Uint32Array<SharedArrayBuffer> {
    const known = this.#rows.get(table)
    if (known?.end === table.rows) return known.rows
    const rows = this.rowsFrom(table, 0)
    this.#rows.set(table, { end: table.rows, rows })
    return rows
  }

  /** As {@link rowsOf}, from a row on. */
  rowsFrom(table: VectorTable, from: number): Uint32Array<SharedArrayBuffer> {
    const { bits } = this
    const { chunkRows } = table
    const found = new Uint32Array(Math.max(0, table.rows - from))
    let count = 0
    for (let row = from; row < table.rows; ) {
      const { items } = table.chunkOf(row)
      const base = row - (row % chunkRows)
      for (const end = Math.min(base + chunkRows, table.rows); row < end; row++) {
        const slot = items[row - base] as number
        if ((((bits[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1) found[count++] = row
      }
    }
    const rows = new Uint32Array(new SharedArrayBuffer(4 * count))
    rows.set(found.subarray(0, count))
    return rows
  }
}
