/** Touches that are remembered; whoever is farther behind must look at every item again. */
const MEMORY = 100_000

/**
 * Where each item of a collection stands in memory: the slot of an item that is gone is used again. Keeps which slots
 * were written to, so that what was found out about the items before can be brought up to date.
 */
export class ItemSlots {
  readonly #ids: string[] = []
  /** The items' keys in the database; 0 where a slot is free. */
  #keys = new Float64Array(64)
  readonly #slotOf = new Map<string, number>()
  readonly #free: number[] = []
  #touched: number[] = []
  /** The last write to the collection that is known here. */
  seq = 0
  #forgotten = 0

  /** Slots ever used. */
  get size(): number {
    return this.#ids.length
  }

  /** Items. */
  get count(): number {
    return this.#slotOf.size
  }

  /** How many times a slot was touched: a point in time for {@link touchedSince}. */
  get version(): number {
    return this.#forgotten + this.#touched.length
  }

  slotOf(id: string): number | undefined {
    return this.#slotOf.get(id)
  }

  idOf(slot: number): string {
    return this.#ids[slot] ?? ''
  }

  /** The key of a slot's item; 0 where there is none. */
  keyOf(slot: number): number {
    return this.#keys[slot] ?? 0
  }

  /** By slot, as {@link keyOf}; a copy. */
  keys(): Float64Array {
    return this.#keys.slice(0, this.size)
  }

  /** Notes that an item was written. @returns its slot */
  put(id: string, key: number): number {
    let slot = this.#slotOf.get(id)
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#ids.length
      this.#ids[slot] = id
      this.#slotOf.set(id, slot)
    }
    if (slot >= this.#keys.length) {
      const keys = new Float64Array(this.#keys.length * 2)
      keys.set(this.#keys)
      this.#keys = keys
    }
    this.#keys[slot] = key
    this.#touch(slot)
    return slot
  }

  /** Notes that an item was removed. */
  remove(id: string): void {
    const slot = this.#slotOf.get(id)
    if (slot === undefined) return
    this.#slotOf.delete(id)
    this.#ids[slot] = ''
    this.#keys[slot] = 0
    this.#free.push(slot)
    this.#touch(slot)
  }

  /** Notes that something of items changed that is not in them. @param keys of the items, in the database */
  touch(keys: ReadonlySet<number>): void {
    for (let slot = 0; slot < this.size; slot++) {
      if (keys.has(this.#keys[slot] ?? 0)) this.#touch(slot)
    }
  }

  /** The slots that were touched since `version`, once each; undefined where that is too long ago. */
  touchedSince(version: number): Set<number> | undefined {
    if (version < this.#forgotten) return undefined
    return new Set(this.#touched.slice(version - this.#forgotten))
  }

  #touch(slot: number): void {
    this.#touched.push(slot)
    if (this.#touched.length < 2 * MEMORY) return
    this.#touched = this.#touched.slice(MEMORY)
    this.#forgotten += MEMORY
  }
}
