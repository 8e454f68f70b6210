import type { VectorTable } from '../../indexes/vector-table.js'
import type { Resolved } from './query-messages.js'
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
  /** How it was found. */
  readonly how: Resolved['how']
  /** The rows of tables that are of these items, of those before `end`. */
  readonly #rows = new WeakMap<VectorTable, { end: number; rows: Uint32Array<SharedArrayBuffer> }>()

  constructor(options: Pick<MatchingItems, 'bits' | 'count' | 'items' | 'version' | 'how'>) {
    this.bits = options.bits
    this.count = options.count
    this.items = options.items
    this.version = options.version
    this.how = options.how
  }

  /** What it takes in memory at most, rows included. */
  get bytes(): number {
    return this.bits.byteLength + 4 * this.count + 500
  }

  has(slot: number): boolean {
    return hasBit(this.bits, slot)
  }

  /** The rows of a table that are of these items, ascending, some of them dead. */
  rowsOf(table: VectorTable): Uint32Array<SharedArrayBuffer> {
    const known = this.#rows.get(table)
    if (known?.end === table.rows) return known.rows
    const { bits } = this
    const found = new Uint32Array(table.rows)
    let count = 0
    for (let start = 0; start < table.rows; start += table.chunkRows) {
      const { items } = table.chunkOf(start)
      const end = Math.min(table.chunkRows, table.rows - start)
      for (let i = 0; i < end; i++) {
        const slot = items[i] as number
        if ((((bits[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1) found[count++] = start + i
      }
    }
    const rows = new Uint32Array(new SharedArrayBuffer(4 * count))
    rows.set(found.subarray(0, count))
    this.#rows.set(table, { end: table.rows, rows })
    return rows
  }
}
