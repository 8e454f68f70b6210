import { countBelow, countUpTo } from '../core/ascending.js'
import { distance, type Metric, scoreOf } from '../core/metrics.js'
import type { Random } from '../core/random.js'

/** Numbers that were observed, by which another is judged. */
export interface Distribution {
  /** Ascending. */
  readonly sorted: Float64Array
  readonly mean: number
  /** Standard deviation. */
  readonly deviation: number
}

/** @param values in any order; copied */
export function distributionOf(values: Iterable<number>): Distribution {
  const sorted = Float64Array.from(values).sort()
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { sorted, mean, deviation: Math.sqrt(squares / sorted.length) }
}

/**
 * How many of a distribution's values are below `value`, in 0..100, linear between neighbours: the i-th of n values (from
 * 0) is at 100 (i + .5) / n (Hazen's plotting position, the fifth definition of Hyndman and Fan, 1996), equal ones at the
 * middle of theirs, what is below all at 0 and above all at 100.
 *
 * @param distribution not empty
 */
export function percentileOf({ sorted }: Distribution, value: number): number {
  const n = sorted.length
  const below = countBelow(sorted, value)
  if (below === n) return 100
  if (sorted[below] === value) return position(sorted, below)
  if (below === 0) return 0
  const left = sorted[below - 1] as number
  const right = sorted[below] as number
  const [from, to] = [position(sorted, below - 1), position(sorted, below)]
  return from + ((to - from) * (value - left)) / (right - left)
}

/** By how many standard deviations `value` is above the mean; 0 where nothing varies. */
export function deviationsAbove({ mean, deviation }: Distribution, value: number): number {
  return deviation > 0 ? (value - mean) / deviation : 0
}

/** Where the value at an index stands, in 0..100. */
function position(sorted: Float64Array, index: number): number {
  const value = sorted[index] as number
  if (sorted[index - 1] !== value && sorted[index + 1] !== value)
    return (50 * (2 * index + 1)) / sorted.length
  const [first, end] = [countBelow(sorted, value), countUpTo(sorted, value)]
  return (50 * (first + end)) / sorted.length
}

/** The same with at most `points` values, at even distances in its order; the least and the largest among them. */
export function condense(distribution: Distribution, points: number): Distribution {
  const { sorted } = distribution
  if (sorted.length <= points) return distribution
  const step = (sorted.length - 1) / (points - 1)
  const kept = Float64Array.from({ length: points }, (_, i) => sorted[Math.round(i * step)] as number)
  return { ...distribution, sorted: kept }
}

/** Rows of one space. */
export interface Rows {
  /** Row-major, shape [count, dim]. */
  vectors: Float32Array
  count: number
  dim: number
}

/** All pairs of different rows where they are not more than `most`, else that many drawn with replacement. */
export function* samplePairs(count: number, most: number, random: Random): Generator<[number, number]> {
  if ((count * (count - 1)) / 2 <= most) {
    for (let a = 1; a < count; a++) for (let b = 0; b < a; b++) yield [a, b]
    return
  }
  for (let i = 0; i < most; i++) {
    const a = random.int(count)
    const b = random.int(count - 1)
    // every other row is as likely
    yield [a, b < a ? b : b + 1]
  }
}

/** The score of two rows; larger is nearer. */
export function scoreOfRows({ vectors, dim }: Rows, a: number, b: number, metric: Metric): number {
  const row = (i: number): Float32Array => vectors.subarray(i * dim, (i + 1) * dim)
  return scoreOf(metric, distance(metric, row(a), row(b)))
}
