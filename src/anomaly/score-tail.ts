import { countBelow } from '../core/ascending.js'
import { packFloats, unpackFloats } from './pack.js'

/** Scores that a distribution is kept of, at most: evenly spaced quantiles where there are more. */
const KEPT = 2_048

/** Part of the scores that the continuation is fitted to: at least ten of them, but never more than half. */
const TAIL = 0.1
const TAIL_SCORES = 10

/**
 * How rare a score is: the part of a detector's scores at least as high, continued beyond a high quantile by a generalised
 * Pareto distribution (Balkema and de Haan 1974; Pickands 1975), so that two scores beyond all that were seen still
 * differ. Its shape is kept in [0, 1/2): neither does the tail end, nor is it without variance.
 */
export class ScoreTail {
  /** Ascending quantiles of the scores. */
  readonly #quantiles: Float32Array
  readonly #count: number
  /** Where the continuation begins; Infinity where there are too few scores. */
  readonly #from: number
  readonly #share: number
  readonly #shape: number
  readonly #scale: number

  /** @param quantiles ascending, of float32 numbers @param count how many scores they are of */
  private constructor(quantiles: Float32Array, count: number) {
    this.#quantiles = quantiles
    this.#count = count
    const wanted = Math.max(Math.floor(TAIL * quantiles.length), TAIL_SCORES)
    const size = Math.min(wanted, quantiles.length >> 1)
    const enough = size >= 2
    const first = quantiles.length - size
    this.#from = enough ? (quantiles[first - 1] as number) : Number.POSITIVE_INFINITY
    this.#share = size / quantiles.length
    const { shape, scale } = paretoOf(quantiles.subarray(first), this.#from)
    this.#shape = shape
    this.#scale = scale
  }

  /** @param scores finite ones count, others are passed over */
  static of(scores: Float64Array): ScoreTail {
    const ascending = Float32Array.from(scores).filter(Number.isFinite).sort()
    const count = ascending.length
    if (count <= KEPT) return new ScoreTail(ascending, count)
    const quantiles = Float32Array.from(
      { length: KEPT },
      (_, i) => ascending[Math.floor(((i + 0.5) * count) / KEPT)] as number,
    )
    // the largest stay as they are
    quantiles[KEPT - 1] = ascending[count - 1] as number
    return new ScoreTail(quantiles, count)
  }

  static load(files: Record<string, Uint8Array>, name: string, count: number): ScoreTail {
    return new ScoreTail(unpackFloats(files, name), count)
  }

  /** Scores it is of. */
  get count(): number {
    return this.#count
  }

  /** -log of the part of scores that are at least `score`: 0 and more, finite; NaN for NaN. */
  surprise(score: number): number {
    if (Number.isNaN(score)) return Number.NaN
    const value = Math.fround(score)
    const kept = this.#quantiles.length
    if (value > this.#from && this.#scale > 0) {
      const excess = (value - this.#from) / this.#scale
      const tail = this.#shape < 1e-6 ? excess : Math.log1p(this.#shape * excess) / this.#shape
      return tail - Math.log(this.#share)
    }
    return -Math.log((1 + kept - countBelow(this.#quantiles, value)) / (kept + 1))
  }

  files(name: string): Record<string, Uint8Array> {
    return { [name]: packFloats(this.#quantiles) }
  }
}

/**
 * Shape and scale from probability-weighted moments (Hosking and Wallis, Technometrics 1987): with a0 the mean excess
 * and a1 the mean of excess times the part above it, shape = 2 - a0 / (a0 - 2 a1), scale = 2 a0 a1 / (a0 - 2 a1).
 *
 * @param ascending scores beyond `from`
 */
function paretoOf(ascending: Float32Array, from: number): { shape: number; scale: number } {
  const n = ascending.length
  let a0 = 0
  let a1 = 0
  for (let i = 0; i < n; i++) {
    const excess = (ascending[i] as number) - from
    a0 += excess / n
    a1 += (excess * (1 - (i + 0.65) / n)) / n
  }
  const divisor = a0 - 2 * a1
  const shape = divisor > 0 ? 2 - a0 / divisor : 0
  if (!(a0 > 0)) return { shape: 0, scale: 0 }
  const kept = Math.min(Math.max(shape, 0), 0.5)
  // the scale for which the mean excess, scale / (1 - shape), stays what it is
  return { shape: kept, scale: a0 * (1 - kept) }
}
