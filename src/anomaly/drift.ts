/** New items that are looked at: the latest. */
export const DRIFT_WINDOW = 1_000
/** Fewer say too little. */
const LEAST_ITEMS = 50
/** Chance of a false alarm a look; small, since one looks again and again. */
const LEVEL = 0.001
/** Differences below it do not matter, however sure: a tenth of strangers makes .1 and is no drift. */
const LEAST_DISTANCE = 0.15
/** The collection's growth after which detectors are to be fitted again. */
const GROWTH = 1.5

/** Whether new items still are as those that detectors were calibrated on. */
export interface Drift {
  drifted: boolean
  /** Largest difference between the parts of p-values below a bound, new items and calibration, in 0..1. */
  distance: number
  /** The difference that chance gives once in a thousand looks, or the least that matters, whichever is more. */
  bound: number
  /** Whether new items are stranger than the calibration, or more usual. */
  direction: 'stranger' | 'usual'
  /** New items that were looked at. */
  items: number
}

/**
 * Compares the p-values of new items with the even spread that items as those of the calibration have: Kolmogorov and Smirnov's
 * test for two samples, since the calibration is one too, at a level of .001, and a least distance of .15. p-values near to
 * each other as a calibration's are (multiples of 1 / (n + 1)) make it a little less sensitive, never more.
 *
 * @param pValues of new items, in the order they came; the last 1,000 are looked at; NaN do not count
 * @param calibratedOn how many items p-values come from
 * @returns undefined while there are fewer than 50 new items, or no calibration
 */
export function findDrift(
  pValues: ArrayLike<number>,
  { calibratedOn }: { calibratedOn: number },
): Drift | undefined {
  const known = Array.from(pValues).filter((p) => !Number.isNaN(p))
  const latest = Float64Array.from(known.slice(-DRIFT_WINDOW)).sort()
  const m = latest.length
  if (m < LEAST_ITEMS || calibratedOn < 1) return undefined
  const step = 1 / (calibratedOn + 1)
  let stranger = 0
  let usual = 0
  for (let i = 0; i < m; i++) {
    const p = latest[i] as number
    stranger = Math.max(stranger, (i + 1) / m - p)
    usual = Math.max(usual, p - step - i / m)
  }
  const distance = Math.max(stranger, usual)
  const chance = Math.sqrt((-Math.log(LEVEL / 2) / 2) * (1 / m + 1 / calibratedOn))
  const bound = Math.max(LEAST_DISTANCE, chance)
  return {
    drifted: distance > bound,
    distance,
    bound,
    direction: stranger >= usual ? 'stranger' : 'usual',
    items: m,
  }
}

/** Whether the collection has grown by half since detectors were fitted, or shrunk as much. */
export function hasGrown({ fittedTo, items }: { fittedTo: number; items: number }): boolean {
  return items >= GROWTH * fittedTo || items * GROWTH <= fittedTo
}
