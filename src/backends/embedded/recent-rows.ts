interface Generation<Row> {
  /** By collection and id. */
  rows: Map<number, Map<string, Row>>
  bytes: number
}

/**
 * Rows of items that were read lately, so that what is found again and again is not read from the database each time. In
 * two generations: when the young one is full it becomes the old one, whose rows are forgotten unless they were asked for.
 */
export class RecentRows<Row> {
  readonly #bytesOf: (row: Row) => number
  readonly #most: number
  #young: Generation<Row> = { rows: new Map(), bytes: 0 }
  #old: Generation<Row> = { rows: new Map(), bytes: 0 }
  /** Writes under way, by collection. */
  readonly #writes = new Map<number, number>()

  /** @param options.most bytes that are kept */
  constructor(options: { most: number; bytesOf: (row: Row) => number }) {
    this.#bytesOf = options.bytesOf
    this.#most = options.most
  }

  get(collection: number, id: string): Row | undefined {
    if (this.#writes.has(collection)) return undefined
    const young = this.#young.rows.get(collection)?.get(id)
    if (young !== undefined) return young
    const old = this.#old.rows.get(collection)?.get(id)
    if (old !== undefined) this.put(collection, id, old)
    return old
  }

  put(collection: number, id: string, row: Row): void {
    if (this.#writes.has(collection)) return
    const bytes = this.#bytesOf(row)
    if (this.#young.bytes + bytes > this.#most / 2) {
      this.#old = this.#young
      this.#young = { rows: new Map(), bytes: 0 }
    }
    if (bytes > this.#most / 2) return
    const { rows } = this.#young
    let ofCollection = rows.get(collection)
    if (!ofCollection) {
      ofCollection = new Map()
      rows.set(collection, ofCollection)
    }
    if (!ofCollection.has(id)) this.#young.bytes += bytes
    ofCollection.set(id, row)
  }

  /**
   * Writes items: meanwhile nothing of the collection is given or kept, since nobody knows when it is committed, and then
   * what was written is forgotten.
   *
   * @param written the ids, if the write succeeds; else the collection is forgotten
   */
  async during<T>(
    collection: number,
    write: () => Promise<T>,
    written: (answer: T) => readonly string[],
  ): Promise<T> {
    this.#writes.set(collection, (this.#writes.get(collection) ?? 0) + 1)
    let ids: readonly string[] | undefined
    try {
      const answer = await write()
      ids = written(answer)
      return answer
    } finally {
      this.forget(collection, ids)
      const left = (this.#writes.get(collection) ?? 1) - 1
      if (left > 0) this.#writes.set(collection, left)
      else this.#writes.delete(collection)
    }
  }

  /** @param ids default: all of the collection */
  forget(collection: number, ids?: readonly string[]): void {
    for (const { rows } of [this.#young, this.#old]) {
      if (ids === undefined) rows.delete(collection)
      else {
        const ofCollection = rows.get(collection)
        if (ofCollection) for (const id of ids) ofCollection.delete(id)
      }
    }
  }
}
