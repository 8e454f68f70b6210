import { checkShare, type RateRange } from './conformal.js'
import { normalTail } from './normal.js'
import { fitNull, type NullFit, zOf } from './null-fit.js'

/** What scores alone say of a collection of which a part may be strange. */
export interface Mix {
  /** One a row, in (0, 1]: the part of normal items that would be at least as strange, an estimate. */
  pValues: Float64Array
  /** The part that is strange; strangers that score as normal items do are not seen. */
  contamination: { estimate: number; low: number; high: number }
}

/** Rows that a distribution is fitted to at least: of fewer the bulk's quantiles say little of the tail. */
export const LEAST_ROWS = 50
/** How often the part of strangers and the distribution are fitted in turn. */
const ROUNDS = 4
/** The largest part of strangers that is believed: the bulk must be of normal items. */
const MOST_STRANGERS = 0.2
/** Standard deviations above which rows are counted. */
const COUNTED_ABOVE = [1.5, 2, 2.33]
/** Ends of the bulk that the estimate is made with again, for its range. */
const OTHER_BULKS = [0.75, 0.9]
/** A share's error on both sides that the range spans: 95 %. */
const RANGE = 1.96
/**
 * What the range spans besides: a longer tail than the fitted one looks like so many strangers, and so many may score as
 * normal items do. By 40 mixes of classes of Fashion-MNIST; where 10 % of such classes are mixed most hide, and it is too little.
 */
const MISTAKEN = { below: 0.03, above: 0.05 }

/**
 * How many times the target rate the false alarms of a mix may be: nine in ten of 40 collections each of MNIST and of
 * Fashion-MNIST, ten classes with 0, 1, 5 and 10 % of others. docs/outliers-thresholds.md has the measurements.
 */
const RATE_FACTORS = { low: 0.1, high: 6 }

/**
 * p-values of rows and the part of strangers, from scores alone. The distribution of normal items' scores is fitted to the
 * bulk of the mix and continued; what is above it in excess is strange; the two are fitted in turn. A row's p-value is never
 * above the part of all rows that score at least as much, to which strangers only add.
 *
 * Of fewer than 50 rows, or equal ones, p-values are these parts, and nothing is known of strangers.
 *
 * @param scores larger is stranger; NaN gets a p-value of 1
 */
export function judgeMix(scores: Float64Array): Mix {
  const ascending = scores.filter((score) => !Number.isNaN(score)).sort()
  const shares = sharesAtLeast(scores, ascending)
  const found = ascending.length < LEAST_ROWS ? undefined : fitInTurn(ascending, {})
  if (!found) return { pValues: shares, contamination: { estimate: 0, low: 0, high: 1 } }
  const { fit, strangers } = found
  const pValues = shares.map((share, i) => {
    const score = scores[i] as number
    return Number.isNaN(score) ? 1 : Math.max(Number.MIN_VALUE, Math.min(share, normalTail(zOf(score, fit))))
  })
  return { pValues, contamination: rangeOf(ascending, strangers) }
}

/**
 * Scores brought to one scale, on which the bulk is standard normal: so that detectors can be averaged and strangers still
 * stand out.
 *
 * @returns undefined where the bulk does not vary or is of fewer than 50 rows
 */
export function bulkScores(scores: Float64Array): Float64Array | undefined {
  const ascending = scores.filter((score) => !Number.isNaN(score)).sort()
  const found = ascending.length < LEAST_ROWS ? undefined : fitInTurn(ascending, {})
  return found && scores.map((score) => zOf(score, found.fit))
}

/**
 * The false alarms that a target rate means for a mix: no rule holds its rate on every set, so this is what was measured,
 * not a promise.
 *
 * @param rate in (0, 1)
 * @throws EngineError INVALID_REQUEST if the rate is not in (0, 1)
 */
export function mixFalseAlarms(rate: number): RateRange {
  checkShare('rate', rate)
  return { expected: rate, low: RATE_FACTORS.low * rate, high: Math.min(1, RATE_FACTORS.high * rate) }
}

function fitInTurn(
  ascending: Float64Array,
  bulk: { to?: number },
): { fit: NullFit; strangers: number } | undefined {
  let strangers = 0
  let fit: NullFit | undefined
  for (let round = 0; round < ROUNDS; round++) {
    fit = fitNull(ascending, { strangers, ...bulk })
    if (!fit) return undefined
    strangers = Math.min(MOST_STRANGERS, excess(ascending, fit))
  }
  return fit && { fit, strangers }
}

/** The largest part of rows above a bound that normal items do not explain (Storey 2002, from the other end). */
function excess(ascending: Float64Array, fit: NullFit): number {
  const zs = ascending.map((score) => zOf(score, fit))
  const parts = COUNTED_ABOVE.map((bound) => {
    const expected = normalTail(bound)
    const above = zs.reduce((sum, z) => sum + (z > bound ? 1 : 0), 0) / zs.length
    return (above - expected) / (1 - expected)
  })
  return Math.max(0, ...parts)
}

function rangeOf(ascending: Float64Array, estimate: number): Mix['contamination'] {
  const others = OTHER_BULKS.flatMap((to) => fitInTurn(ascending, { to })?.strangers ?? [])
  const parts = [estimate, ...others]
  const error = (part: number): number =>
    RANGE * Math.sqrt(Math.max(part * (1 - part), 1 / ascending.length) / ascending.length)
  const low = Math.min(...parts)
  const high = Math.max(...parts)
  return {
    estimate,
    low: Math.max(0, low - error(low) - MISTAKEN.below),
    high: Math.min(1, high + error(high) + MISTAKEN.above),
  }
}

/** (1 + others at least as large) / (n + 1), a row among its own. */
function sharesAtLeast(scores: Float64Array, ascending: Float64Array): Float64Array {
  const n = ascending.length
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).filter(
    (i) => !Number.isNaN(scores[i]),
  )
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number))
  const shares = new Float64Array(scores.length).fill(1)
  let below = 0
  for (let from = 0; from < order.length; ) {
    const score = scores[order[from] as number] as number
    let to = from + 1
    while (to < order.length && scores[order[to] as number] === score) to++
    for (const place of order.subarray(from, to)) shares[place] = (n - below) / (n + 1)
    below += to - from
    from = to
  }
  return shares
}
