import { dot } from '../core/vectors.js'
import { HnswIndex } from '../indexes/hnsw-index.js'
import { type ShortVectors, VECTOR_DIM } from './short-vector.js'

/** Neighbours that each of a picture's short vectors is given. */
const NEIGHBOURS = 10
/** A candidate's vector lies at least so near. */
const LEAST_COSINE = 0.6
/** Up to so many products of vectors all are compared; beyond that an index is asked. */
const MOST_PRODUCTS = 20_000_000
/** Of the index; its searches find .99 of the neighbours and more. */
const INDEX = { m: 16, efConstruction: 100, ef: 64 }

/** How candidates were found; products of vectors where all were compared. */
export interface CandidateCount {
  products: number
  searches: number
}

/** Finds the pictures before it that a picture may be a copy of, by short vectors. */
export class PictureCandidates {
  readonly count: CandidateCount = { products: 0, searches: 0 }
  readonly #index: HnswIndex | undefined
  readonly #vectors: { picture: number; vector: Float32Array }[] = []

  /** @param pictures that will come; @param asked of those, how many will be asked for */
  constructor(pictures: number, asked: number) {
    const products = 3 * asked * pictures
    if (products <= MOST_PRODUCTS) return
    const { m, efConstruction } = INDEX
    const metric = 'cosine'
    this.#index = HnswIndex.create({
      metric,
      dim: VECTOR_DIM,
      unit: true,
      capacity: pictures,
      m,
      efConstruction,
    })
  }

  /** Adds a picture; the numbers of pictures may come in any order. Those of one brightness are left out. */
  add(picture: number, { plain }: ShortVectors): void {
    if (plain.every((value) => value === 0)) return
    if (this.#index) this.#index.add(picture, plain)
    else this.#vectors.push({ picture, vector: plain })
  }

  /** Those added before that are nearest to any of the tries, in ascending order; 30 at most. */
  near({ plain, tries }: ShortVectors): number[] {
    if (plain.every((value) => value === 0)) return []
    const found = new Set<number>()
    for (const { vector } of tries) {
      if (vector.every((value) => value === 0)) continue
      for (const picture of this.#index ? this.#ask(this.#index, vector) : this.#scan(vector))
        found.add(picture)
    }
    return [...found].sort((a, b) => a - b)
  }

  #ask(index: HnswIndex, vector: Float32Array): number[] {
    this.count.searches++
    return index
      .search(vector, NEIGHBOURS, { ef: INDEX.ef })
      .filter(({ distance }) => 1 - distance >= LEAST_COSINE)
      .map(({ label }) => label)
  }

  #scan(query: Float32Array): number[] {
    const best: { picture: number; cosine: number }[] = []
    this.count.products += this.#vectors.length
    for (const { picture, vector } of this.#vectors) {
      const cosine = dot(query, vector)
      const least = best.length < NEIGHBOURS ? LEAST_COSINE : (best.at(-1)?.cosine ?? LEAST_COSINE)
      if (cosine < least || (best.length === NEIGHBOURS && cosine === least)) continue
      const place = best.findIndex((other) => other.cosine < cosine)
      best.splice(place < 0 ? best.length : place, 0, { picture, cosine })
      if (best.length > NEIGHBOURS) best.pop()
    }
    return best.map(({ picture }) => picture)
  }
}
