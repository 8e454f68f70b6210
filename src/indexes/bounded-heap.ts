/** What a {@link BoundedHeap} kept. */
export interface HeapEntry {
  distance: number
  /** A label, or an item's slot. */
  key: number
  row: number
}

/**
 * Keeps the `capacity` smallest distances of all that are pushed; ties go to the smaller key.
 *
 * With `unique`, a key is kept once, with its least distance.
 */
export class BoundedHeap {
  readonly #capacity: number
  // a binary heap with the worst entry at the root
  readonly #entries: HeapEntry[] = []
  readonly #places: Map<number, number> | undefined

  constructor(capacity: number, options: { unique?: boolean } = {}) {
    this.#capacity = capacity
    this.#places = options.unique ? new Map() : undefined
  }

  /** Whether {@link push} would change anything, but for a key that is already kept with a smaller distance. */
  admits(distance: number, key: number): boolean {
    if (this.#entries.length < this.#capacity) return true
    const worst = this.#entries[0]
    if (worst === undefined) return false
    return distance < worst.distance || (distance === worst.distance && key < worst.key)
  }

  push(distance: number, key: number, row: number): void {
    if (!this.admits(distance, key)) return
    const place = this.#places?.get(key)
    const known = place === undefined ? undefined : this.#entries[place]
    if (place !== undefined && known) {
      if (distance >= known.distance) return
      known.distance = distance
      known.row = row
      this.#sink(place)
    } else if (this.#entries.length < this.#capacity) {
      this.#entries.push({ distance, key, row })
      this.#rise(this.#entries.length - 1)
    } else {
      const worst = this.#entries[0] as HeapEntry
      this.#places?.delete(worst.key)
      this.#entries[0] = { distance, key, row }
      this.#sink(0)
    }
  }

  /** All that was kept, in no order. */
  get entries(): readonly HeapEntry[] {
    return this.#entries
  }

  #rise(start: number): void {
    let place = start
    const entry = this.#entries[place] as HeapEntry
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#entries[parent] as HeapEntry
      if (!worse(entry, above)) break
      this.#put(place, above)
      place = parent
    }
    this.#put(place, entry)
  }

  #sink(start: number): void {
    let place = start
    const entry = this.#entries[place] as HeapEntry
    const { length } = this.#entries
    for (;;) {
      let child = 2 * place + 1
      if (child >= length) break
      let below = this.#entries[child] as HeapEntry
      const other = this.#entries[child + 1]
      if (other && worse(other, below)) {
        child++
        below = other
      }
      if (!worse(below, entry)) break
      this.#put(place, below)
      place = child
    }
    this.#put(place, entry)
  }

  #put(place: number, entry: HeapEntry): void {
    this.#entries[place] = entry
    this.#places?.set(entry.key, place)
  }
}

function worse(a: HeapEntry, b: HeapEntry): boolean {
  return a.distance > b.distance || (a.distance === b.distance && a.key > b.key)
}
