import { quantileOf } from '../core/ascending.js'
import type { Rows } from '../core/detection.js'
import { EngineError } from '../core/errors.js'

/** What is usual in each dimension of a reference. Arrays have one number a dimension. */
export interface Ranges {
  /** Rows that it was measured on. */
  count: number
  /** The usual range: quantiles .005 and .995. */
  low: Float32Array
  high: Float32Array
  /** Medians. */
  centre: Float32Array
  /** Robust standard deviations downwards and upwards; 0 where all rows are equal. */
  below: Float32Array
  above: Float32Array
}

/** A dimension in which a vector leaves the usual range. */
export interface OutOfRange {
  /** Of the dimension, from 0. */
  index: number
  value: number
  low: number
  high: number
  /** From the median, with the sign of the difference; null where the whole reference has one value. */
  deviations: number | null
}

/** Rows that quantiles are taken from; of more, so many evenly spaced ones. A quantile .995 then rests on ten rows. */
const MOST_ROWS = 2048
/** With fewer rows nothing is called unusual. */
const LEAST_ROWS = 8
const MOST_DIMENSIONS = 5
/** Of a normal distribution: its quantile .995 in standard deviations. */
const TAIL_DEVIATIONS = 2.576
/** Of a normal distribution: the part below one standard deviation. */
const ONE_DEVIATION = 0.8413
/** Differences that float32 makes of equal numbers, as a part of the number. */
const ROUNDING = 1e-6

/**
 * Measures what is usual in each dimension. A standard deviation is the distance from the median to the quantile .1587
 * or .8413, which in a normal distribution it is; each side has its own, since latent dimensions and columns are often
 * skewed. Where that quantile is the median itself (most rows are equal), the tail's quantile takes its place, and
 * after it the root mean square of all differences.
 *
 * @param rows of any number; at most 2,048 evenly spaced ones are looked at, so time and memory are bounded
 * @param options.leaveOut shape [count]: rows with 1 are left out, as strangers
 */
export function fitRanges(rows: Rows, options: { leaveOut?: Uint8Array } = {}): Ranges {
  const kept = sample(rows.count, options.leaveOut)
  const ranges = emptyRanges(rows.dim, kept.length)
  if (kept.length === 0) return ranges
  const values = new Float32Array(kept.length)
  for (let d = 0; d < rows.dim; d++) {
    for (let i = 0; i < values.length; i++) {
      values[i] = rows.values[(kept[i] as number) * rows.dim + d] as number
    }
    values.sort()
    const centre = quantileOf(values, 0.5)
    const low = quantileOf(values, 0.005)
    const high = quantileOf(values, 0.995)
    ranges.centre[d] = centre
    ranges.low[d] = low
    ranges.high[d] = high
    ranges.below[d] =
      centre - quantileOf(values, 1 - ONE_DEVIATION) ||
      (centre - low) / TAIL_DEVIATIONS ||
      rootMeanSquare(values, centre)
    ranges.above[d] =
      quantileOf(values, ONE_DEVIATION) - centre ||
      (high - centre) / TAIL_DEVIATIONS ||
      rootMeanSquare(values, centre)
  }
  return ranges
}

/**
 * The dimensions in which a vector is unusual, the strongest first: those outside of the usual range by which it also
 * lies at least 3 and sqrt(2 ln dim) deviations from the median. The second is about the largest of so many normal
 * numbers (the universal threshold of Donoho and Johnstone, Biometrika 81, 1994): without it an ordinary vector of 384
 * dimensions would have one.
 *
 * @param vector shape [dim]
 * @param options.most default 5
 * @returns an empty list where the reference has fewer than 8 rows
 * @throws EngineError DIMENSION_MISMATCH
 */
export function outOfRange(
  vector: Float32Array,
  ranges: Ranges,
  { most = MOST_DIMENSIONS }: { most?: number } = {},
): OutOfRange[] {
  const dim = ranges.centre.length
  if (vector.length !== dim) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `the vector has ${vector.length} dimensions, the ranges were measured on ${dim}`,
    )
  }
  if (ranges.count < LEAST_ROWS) return []
  const least = Math.max(3, Math.sqrt(2 * Math.log(dim)))
  const found: (OutOfRange & { strength: number })[] = []
  for (let index = 0; index < dim; index++) {
    const value = vector[index] as number
    const [low, high, centre] = [ranges.low[index], ranges.high[index], ranges.centre[index]] as [
      number,
      number,
      number,
    ]
    const difference = value - centre
    const rounding = ROUNDING * Math.max(Math.abs(value), Math.abs(centre))
    if (!(value < low || value > high) || Math.abs(difference) <= rounding) continue
    const spread = (difference < 0 ? ranges.below[index] : ranges.above[index]) as number
    const deviations = spread > rounding ? difference / spread : null
    const strength = deviations === null ? Number.POSITIVE_INFINITY : Math.abs(deviations)
    if (strength >= least) found.push({ index, value, low, high, deviations, strength })
  }
  found.sort((a, b) => (a.strength === b.strength ? a.index - b.index : b.strength - a.strength))
  return found.slice(0, most).map(({ strength: _, ...rest }) => rest)
}

const ARRAYS = ['low', 'high', 'centre', 'below', 'above'] as const

/** Ranges as JSON and bytes: five float32 numbers a dimension. */
export function saveRanges(ranges: Ranges): {
  settings: Record<string, unknown>
  files: Record<string, Uint8Array>
} {
  const dim = ranges.centre.length
  const all = new Float32Array(ARRAYS.length * dim)
  for (const [i, name] of ARRAYS.entries()) all.set(ranges[name], i * dim)
  return { settings: { count: ranges.count, dim }, files: { ranges: new Uint8Array(all.buffer) } }
}

/**
 * The opposite of {@link saveRanges}.
 *
 * @throws EngineError ENCODER_INVALID where the bytes are not those of so many dimensions
 */
export function loadRanges(saved: {
  settings: Record<string, unknown>
  files: Record<string, Uint8Array>
}): Ranges {
  const { count, dim } = saved.settings
  const bytes = saved.files.ranges
  if (typeof count !== 'number' || typeof dim !== 'number' || bytes?.length !== ARRAYS.length * dim * 4) {
    throw new EngineError(
      'ENCODER_INVALID',
      `the ranges are ${bytes?.length ?? 'no'} bytes, expected 20 for each of ${String(dim)} dimensions; fit them again`,
    )
  }
  const all = new Float32Array(bytes.slice().buffer)
  const ranges = emptyRanges(dim, count)
  for (const [i, name] of ARRAYS.entries()) ranges[name].set(all.subarray(i * dim, (i + 1) * dim))
  return ranges
}

function emptyRanges(dim: number, count: number): Ranges {
  const make = (): Float32Array => new Float32Array(dim)
  return { count, low: make(), high: make(), centre: make(), below: make(), above: make() }
}

/** Positions of rows that are looked at. */
function sample(count: number, leaveOut: Uint8Array | undefined): Uint32Array {
  const kept = Uint32Array.from({ length: count }, (_, i) => i).filter((i) => leaveOut?.[i] !== 1)
  if (kept.length <= MOST_ROWS) return kept
  const step = kept.length / MOST_ROWS
  return Uint32Array.from({ length: MOST_ROWS }, (_, i) => kept[Math.floor(i * step)] as number)
}

function rootMeanSquare(values: Float32Array, centre: number): number {
  let sum = 0
  for (const value of values) sum += (value - centre) ** 2
  return Math.sqrt(sum / values.length)
}
