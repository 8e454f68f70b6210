/** Every label an index has ever taken, live or dead, in 5 bytes each. */
export class LabelSet {
  // ascending; `#dead` beside it
  #labels = new Uint32Array(16)
  #dead = new Uint8Array(16)
  #size = 0
  #deadCount = 0

  /** From a file: labels ascending, `dead` beside them. */
  static from(labels: Uint32Array, dead: Uint8Array): LabelSet {
    const set = new LabelSet()
    set.#size = labels.length
    set.#labels = new Uint32Array(Math.max(16, labels.length))
    set.#dead = new Uint8Array(Math.max(16, labels.length))
    set.#labels.set(labels)
    set.#dead.set(dead)
    set.#deadCount = dead.reduce((sum, one) => sum + one, 0)
    return set
  }

  get size(): number {
    return this.#size
  }

  get live(): number {
    return this.#size - this.#deadCount
  }

  get dead(): number {
    return this.#deadCount
  }

  /** The largest; -1 for none. */
  get last(): number {
    return this.#size === 0 ? -1 : (this.#labels[this.#size - 1] as number)
  }

  isKnown(label: number): boolean {
    return this.#placeOf(label) >= 0
  }

  isLive(label: number): boolean {
    const place = this.#placeOf(label)
    return place >= 0 && this.#dead[place] === 0
  }

  /** Takes a label that is not known. Cheap for the largest so far, else all larger ones move. */
  add(label: number): void {
    if (this.#size === this.#labels.length) this.#grow()
    const place = label > this.last ? this.#size : -1 - this.#placeOf(label)
    this.#labels.copyWithin(place + 1, place, this.#size)
    this.#dead.copyWithin(place + 1, place, this.#size)
    this.#labels[place] = label
    this.#dead[place] = 0
    this.#size++
  }

  /** @returns whether it was there and live */
  kill(label: number): boolean {
    const place = this.#placeOf(label)
    if (place < 0 || this.#dead[place] !== 0) return false
    this.#dead[place] = 1
    this.#deadCount++
    return true
  }

  /** All labels, ascending. */
  all(): Uint32Array {
    return this.#labels.slice(0, this.#size)
  }

  deadOnes(): number[] {
    const found: number[] = []
    for (let i = 0; i < this.#size; i++) if (this.#dead[i] !== 0) found.push(this.#labels[i] as number)
    return found
  }

  /** Where the label is, or `-1 - place` where it would have to go. */
  #placeOf(label: number): number {
    let low = 0
    let high = this.#size - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.#labels[middle] as number
      if (found === label) return middle
      if (found < label) low = middle + 1
      else high = middle - 1
    }
    return -1 - low
  }

  #grow(): void {
    const labels = new Uint32Array(this.#labels.length * 2)
    const dead = new Uint8Array(labels.length)
    labels.set(this.#labels)
    dead.set(this.#dead)
    this.#labels = labels
    this.#dead = dead
  }
}
