import type { Fingerprint } from '../core/backend.js'
import type { MadePrint } from './duplicate-messages.js'

/** Texts or pictures, each once, however many items have it. */
export class ContentTable {
  /** By number. */
  readonly hashes: string[] = []
  /** An item that has it and carries its fingerprints. */
  readonly carriers: string[] = []
  /** Undefined until it is made; empty where nothing can be made of it. */
  readonly prints: (Uint8Array | undefined)[] = []
  /** Whether its pairs with those before it are not known yet. */
  readonly isNew: boolean[] = []
  readonly #numbers = new Map<string, number>()
  readonly #pairs = new Map<number, Map<number, number>>()
  readonly #stored: { content: number; bytes: Uint8Array }[] = []
  readonly #version: string

  /** @param version of the fingerprints; those of another are not taken */
  constructor(version: string) {
    this.#version = version
  }

  get size(): number {
    return this.hashes.length
  }

  /** What a fingerprint of this content has for a source. */
  sourceOf(content: number): string {
    return `${this.#version} ${this.hashes[content] ?? ''}`
  }

  /** Adds an item's content with what is kept of it. @returns its number, and whether it is there for the first time */
  add(
    hash: string,
    carrier: string,
    kept: { print: Fingerprint | undefined; pairs: Fingerprint | undefined },
  ): { content: number; first: boolean } {
    const known = this.#numbers.get(hash)
    const content = known ?? this.size
    if (known === undefined) {
      this.#numbers.set(hash, content)
      this.hashes.push(hash)
      this.carriers.push(carrier)
      this.prints.push(undefined)
      this.isNew.push(true)
    }
    const source = this.sourceOf(content)
    if (kept.print?.source === source) this.prints[content] ??= kept.print.bytes
    if (kept.pairs?.source === source && this.isNew[content] && this.prints[content]) {
      this.isNew[content] = false
      this.#stored.push({ content, bytes: kept.pairs.bytes })
    }
    return { content, first: known === undefined }
  }

  /** Takes up the pairs that were kept; to be called when all contents are there. */
  takeStored(): void {
    for (const { content, bytes } of this.#stored.splice(0)) {
      for (const [hash, score] of JSON.parse(new TextDecoder().decode(bytes)) as [string, number][]) {
        const other = this.#numbers.get(hash)
        if (other !== undefined) this.link(content, other, score)
      }
    }
  }

  link(a: number, b: number, score: number): void {
    if (a === b) return
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const links = this.#pairs.get(from) ?? new Map<number, number>()
      links.set(to, score)
      this.#pairs.set(from, links)
    }
  }

  linksOf(content: number): ReadonlyMap<number, number> {
    return this.#pairs.get(content) ?? NONE
  }

  /**
   * Pairs of each content with the first of those that it hangs together with, in an order; those that are linked are left
   * out, and those of which neither is new. Of many that are all alike each is so compared with the one that is kept.
   *
   * @param order all contents, those that are rather kept first
   */
  pairsWithFirst(order: readonly number[]): [number, number][] {
    const seen = new Set<number>()
    const pairs: [number, number][] = []
    for (const first of order) {
      if (seen.has(first)) continue
      seen.add(first)
      const reached = [first]
      for (const content of reached) {
        for (const other of this.linksOf(content).keys()) {
          if (seen.has(other)) continue
          seen.add(other)
          reached.push(other)
        }
      }
      const linked = this.linksOf(first)
      for (const content of reached.slice(1)) {
        if (!linked.has(content) && (this.isNew[content] || this.isNew[first])) pairs.push([first, content])
      }
    }
    return pairs
  }

  /** The pairs of new contents from number `from` on, each to be kept with the newer of the two. */
  newPairs(from: number, limit: number): { made: MadePrint[]; next: number | null } {
    const made: MadePrint[] = []
    for (let content = from; content < this.size; content++) {
      if (!this.isNew[content] || !this.prints[content]) continue
      if (made.length === limit) return { made, next: content }
      const links = [...this.linksOf(content)].filter(([other]) => !this.isNew[other] || other < content)
      const entries = links.map(([other, score]) => [this.hashes[other], score])
      const bytes = new TextEncoder().encode(JSON.stringify(entries))
      made.push({ id: this.carriers[content] as string, source: this.sourceOf(content), bytes })
    }
    return { made, next: null }
  }
}

const NONE: ReadonlyMap<number, number> = new Map()
