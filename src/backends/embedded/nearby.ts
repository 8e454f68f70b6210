/** Of how many searches a chance is told by. */
const MEMORY = 16

/** How likely it is that enough match in a list of the index's, in 0..1; undefined where nothing is known. */
export interface Chances {
  /** In a list of the usual length. */
  short: number | undefined
  /** In one as long as the part that matches makes it. */
  long: number | undefined
}

/**
 * How often enough of the queries' nearest neighbours matched, whatever does on the whole: what matches may lie near the
 * queries that come with a filter, or far from them. Outlives what the filter means at one moment.
 */
export class Nearby {
  readonly #known: Chances = { short: undefined, long: undefined }
  #searches = 0

  /** To be asked once a search: now and then it says that nothing is known, so that it is found out again. */
  chances(): Chances {
    this.#searches++
    return this.#searches % MEMORY === 0 ? { short: undefined, long: undefined } : this.#known
  }

  note(list: keyof Chances, enough: boolean): void {
    const before = this.#known[list] ?? Number(enough)
    this.#known[list] = before + (Number(enough) - before) / MEMORY
  }
}
