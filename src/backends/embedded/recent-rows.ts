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

  /** @param options.most bytes that are kept */
  constructor(options: { most: number; bytesOf: (row: Row) => number }) {
    this.#bytesOf = options.bytesOf
    this.#most = options.most
  }

  get(collection: number, id: string): Row | undefined {
    const young = this.#young.rows.get(collection)?.get(id)
    if (young !== undefined) return young
    const old = this.#old.rows.get(collection)?.get(id)
    if (old !== undefined) this.put(collection, id, old)
    return old
  }

  put(collection: number, id: string, row: Row): void {
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

  /** To be called when items were written to or removed; without ids for all of a collection. */
  forget(collection: number, ids?: Iterable<string>): void {
    for (const { rows } of [this.#young, this.#old]) {
      if (ids === undefined) rows.delete(collection)
      else {
        const ofCollection = rows.get(collection)
        if (ofCollection) for (const id of ids) ofCollection.delete(id)
      }
    }
  }
}
