import { countBelow } from '../core/ascending.js'
import { EngineError } from '../core/errors.js'
import { betaQuantile } from './beta-quantile.js'

/** Part of the possible calibrations that a range holds for. */
const CONFIDENCE = 0.95

/** A part of normal items, as an expected value and the range that it lies in. */
export interface RateRange {
  expected: number
  low: number
  high: number
}

/** What is flagged at a rate of false alarms. */
export interface RateThreshold {
  /** Items with a score above it are flagged; Infinity where the calibration is too small for the rate. */
  threshold: number
  /** Of new normal items, the part that is flagged: its mean over calibrations, and the range of 95 % of them. */
  falseAlarms: RateRange
  /** The least rate that this calibration can tell: 1 / (n + 1). */
  leastRate: number
}

/**
 * Split-conformal p-values: (1 + calibration scores at least as large) / (n + 1). Of new items of the same kind as the
 * calibration's at most a part p gets p or less, whatever the distribution (Vovk, Gammerman, Shafer, Algorithmic
 * Learning in a Random World, 2005, 2.2). Without calibration every p-value is 1.
 *
 * @param calibration scores of normal items that the detector was not fitted to, ascending
 * @returns one in (0, 1] for each score; 1 for NaN
 */
export function conformalPValues(scores: Float64Array, calibration: ArrayLike<number>): Float64Array {
  return scores.map((score) => conformalPValue(score, calibration))
}

/** See {@link conformalPValues}. */
export function conformalPValue(score: number, calibration: ArrayLike<number>): number {
  const n = calibration.length
  if (Number.isNaN(score)) return 1
  return (1 + n - countBelow(calibration, score)) / (n + 1)
}

/**
 * The score above which p-values are at most `rate`, and the false alarms that it means. Given the calibration, the part of
 * new normal items that is flagged is distributed as Beta(k, n + 1 - k), k = floor(rate * (n + 1)) (Vovk, ACML 2012).
 *
 * @param calibration ascending, without ties where the range is to be exact
 * @param rate in (0, 1)
 * @throws EngineError INVALID_REQUEST if the rate is not in (0, 1)
 */
export function rateThreshold(calibration: ArrayLike<number>, rate: number): RateThreshold {
  checkShare('rate', rate)
  const n = calibration.length
  const leastRate = 1 / (n + 1)
  const k = Math.floor(rate * (n + 1) + 1e-9)
  if (k < 1) {
    return {
      threshold: Number.POSITIVE_INFINITY,
      falseAlarms: { expected: 0, low: 0, high: 0 },
      leastRate,
    }
  }
  return {
    threshold: k > n ? Number.NEGATIVE_INFINITY : (calibration[n - k] as number),
    falseAlarms: falseAlarmRange(n, k),
    leastRate,
  }
}

function falseAlarmRange(n: number, k: number): RateRange {
  if (k > n) return { expected: 1, low: 1, high: 1 }
  const outside = (1 - CONFIDENCE) / 2
  return {
    expected: k / (n + 1),
    low: betaQuantile(k, n + 1 - k, outside),
    high: betaQuantile(k, n + 1 - k, 1 - outside),
  }
}

/** @throws EngineError INVALID_REQUEST if it is not in (0, 1) */
export function checkShare(name: string, share: number): void {
  if (share > 0 && share < 1) return
  throw new EngineError('INVALID_REQUEST', `${name} is ${share}; it must lie between 0 and 1, such as 0.01`)
}
