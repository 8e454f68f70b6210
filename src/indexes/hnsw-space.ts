import { EngineError } from '../core/errors.js'
import { clampCosine, type Metric } from '../core/metrics.js'
import { dot, norm, squaredDistance } from '../core/vectors.js'

/** Divides the exponent of M, so that what it adds to a point is small. */
const EXPONENT_SCALE = 256

/** Above it a squared difference may exceed float32. */
const MAX_EUCLIDEAN_NORM = 1e18

/**
 * How the three metrics are put to hnswlib, which knows `ip` (1 - x.y) and `l2` (squared).
 *
 * Cosine is `ip` over normalized vectors, dot over unit vectors is `ip`. Over vectors of any length `ip` is no distance,
 * and its graph loses the answers of queries that point away from most vectors. There dot is reduced to `l2` by one more
 * dimension (Bachrach et al. 2014, "Speeding up the Xbox recommender system"): x becomes [x / M, sqrt(1 - |x|^2 / M^2)],
 * the query [q / |q|, 0], and the nearest are those of the largest inner product. M is a power of two, so that x is got
 * back exactly. Its exponent stands in a further dimension, the same in points and queries, which changes no distance and
 * lets a file tell its M.
 */
export class HnswSpace {
  readonly metric: Metric
  readonly kind: 'ip' | 'l2'
  /** Whether dot is reduced to `l2`: then the graph must be given vectors in descending order of their norms. */
  readonly reduced: boolean
  /** Numbers of a point of hnswlib. */
  readonly dim: number
  readonly #normalized: boolean
  readonly #m: number
  // hnswlib copies what it is given
  readonly #point: number[]

  /** @param maxNorm the largest norm there will be; only the reduction asks */
  constructor(options: { metric: Metric; dim: number; unit?: boolean }, maxNorm = 1) {
    const { metric, dim, unit = false } = options
    this.metric = metric
    this.reduced = metric === 'dot' && !unit
    this.#normalized = metric === 'cosine' && !unit
    this.kind = metric === 'euclidean' || this.reduced ? 'l2' : 'ip'
    this.dim = this.reduced ? dim + 2 : dim
    this.#m = maxNorm > 0 ? 2 ** Math.ceil(Math.log2(maxNorm)) : 1
    this.#point = new Array<number>(this.dim).fill(0)
    if (this.reduced) this.#point[dim + 1] = Math.log2(this.#m) / EXPONENT_SCALE
  }

  /** The same for another largest norm. */
  for(maxNorm: number): HnswSpace {
    return this.reduced ? new HnswSpace({ metric: this.metric, dim: this.dim - 2 }, maxNorm) : this
  }

  /** The same with the M of a point that hnswlib read from a file. */
  ofPoint(point: number[]): HnswSpace {
    return this.for(2 ** Math.round((point[this.dim - 1] ?? 0) * EXPONENT_SCALE))
  }

  /** @throws EngineError INVALID_VECTOR where float32 cannot hold a square */
  checkNorm(length: number, name: string): void {
    if (this.metric === 'euclidean' && length > MAX_EUCLIDEAN_NORM)
      throw new EngineError(
        'INVALID_VECTOR',
        `${name} has norm ${length}; an index of euclidean distances takes up to ${MAX_EUCLIDEAN_NORM}`,
      )
  }

  /** A vector as hnswlib gets it; valid until the next call. */
  point(vector: Float32Array, length: number): number[] {
    if (!this.reduced) return this.#scaled(vector, this.#normalized ? 1 / length : 1)
    const ratio = length / this.#m
    this.#point[this.dim - 2] = Math.sqrt(Math.max(0, 1 - ratio * ratio))
    return this.#scaled(vector, 1 / this.#m)
  }

  /** A query as hnswlib gets it; valid until the next call. */
  queryPoint(query: Float32Array, length: number): number[] {
    if (this.reduced) this.#point[this.dim - 2] = 0
    return this.#scaled(query, (this.#normalized || this.reduced) && length > 0 ? 1 / length : 1)
  }

  /** The vector of a point that hnswlib gave back; of cosine only its direction. */
  raw(point: number[]): Float32Array {
    if (!this.reduced) return Float32Array.from(point)
    return Float32Array.from(point.slice(0, -2), (value) => value * this.#m)
  }

  /** hnswlib's distance as `core/metrics.ts` says it; the reduction's is too coarse, compute that from the vectors. */
  distance(found: number): number {
    if (this.metric === 'euclidean') return Math.sqrt(found)
    return this.metric === 'cosine' ? clampCosine(found) : found - 1
  }

  /** What hnswlib would say of a raw vector. */
  foundDistance(query: Float32Array, queryLength: number, vector: Float32Array): number {
    if (this.metric === 'euclidean') return squaredDistance(query, vector)
    const product = dot(query, vector)
    if (this.reduced) return 2 - (2 * product) / ((queryLength || 1) * this.#m)
    return 1 - (this.#normalized ? product / (queryLength * norm(vector)) : product)
  }

  #scaled(vector: Float32Array, scale: number): number[] {
    const point = this.#point
    for (let i = 0; i < vector.length; i++) point[i] = (vector[i] as number) * scale
    return point
  }
}
