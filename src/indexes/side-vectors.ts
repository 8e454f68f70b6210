import type { Neighbour } from '../core/vector-index.js'

/** A question to {@link SideVectors.join}. */
export interface SideQuestion {
  k: number
  /** How far a vector is from the query, in the measure of what was found already. */
  distance: (vector: Float32Array) => number
  /** Only labels for which it is true are found. */
  accepts: (label: number) => boolean
}

/** Vectors beside a graph, which are compared one by one. */
export class SideVectors {
  readonly #vectors = new Map<number, Float32Array>()

  get size(): number {
    return this.#vectors.size
  }

  get(label: number): Float32Array | undefined {
    return this.#vectors.get(label)
  }

  /** Keeps a copy. */
  set(label: number, vector: Float32Array): void {
    this.#vectors.set(label, vector.slice())
  }

  labels(): number[] {
    return [...this.#vectors.keys()]
  }

  clear(): void {
    this.#vectors.clear()
  }

  /** The `k` nearest of what was found and what is here, once each. */
  join(found: Neighbour[], { k, distance, accepts }: SideQuestion): Neighbour[] {
    if (this.#vectors.size === 0) return found
    const worst = found.length < k ? Number.POSITIVE_INFINITY : (found.at(-1)?.distance ?? 0)
    let all: Neighbour[] | undefined
    for (const [label, vector] of this.#vectors) {
      const d = distance(vector)
      if (d > worst || !accepts(label) || found.some((neighbour) => neighbour.label === label)) continue
      all ??= [...found]
      all.push({ label, distance: d })
    }
    return all ? all.sort((x, y) => x.distance - y.distance || x.label - y.label).slice(0, k) : found
  }
}
