/**
 * Remembers where ids came from: all of the last `size`, at most twice as many, so that memory stays bounded however
 * many there are.
 */
export class SeenIds {
  readonly #size: number
  #recent = new Map<string, string>()
  #before = new Map<string, string>()

  constructor(size = 100_000) {
    this.#size = size
  }

  /** @returns where the id came from before, or undefined; then it is remembered as coming from `source` */
  claim(id: string, source: string): string | undefined {
    const first = this.#recent.get(id) ?? this.#before.get(id)
    if (first !== undefined) return first
    if (this.#recent.size >= this.#size) {
      this.#before = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(id, source)
    return undefined
  }
}
