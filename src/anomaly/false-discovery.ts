import { checkShare } from './conformal.js'

/** What is flagged at a rate of false discoveries. */
export interface Discoveries {
  /** 1 for a flagged item. */
  flagged: Uint8Array
  count: number
  /** The largest p-value that is flagged; 0 if none is. */
  threshold: number
  /**
   * Why nothing or little could be flagged: `calibration`, where the least p-value that the calibration can give is too
   * large for as many items as have it.
   */
  limitedBy?: 'calibration'
  /** Normal items to calibrate on, for a single stranger among these items to be flagged: items / fdr - 1. */
  calibrationNeeded: number
}

/**
 * Flags items so that of those flagged a part `fdr` at most is normal, on average (Benjamini and Hochberg 1995): the largest i
 * with p(i) <= i fdr / m, and all up to it. It holds for split-conformal p-values of one calibration, though these depend
 * on each other (Bates, Candès, Lei, Romano, Sesia, Annals of Statistics 2023). p-values that are estimates make it an estimate.
 *
 * The least p-value is 1 / (n + 1), n the calibration's size. So with few to calibrate on nothing may be flagged, however
 * strange: then `limitedBy` says so.
 *
 * @param pValues in (0, 1]; items that are not to be tested are NaN and do not count
 * @param fdr in (0, 1)
 * @param calibratedOn how many items p-values come from
 * @throws EngineError INVALID_REQUEST if the fdr is not in (0, 1)
 */
export function falseDiscoveries(
  pValues: Float64Array,
  { fdr, calibratedOn }: { fdr: number; calibratedOn: number },
): Discoveries {
  checkShare('fdr', fdr)
  const ascending = pValues.filter((p) => !Number.isNaN(p)).sort()
  const items = ascending.length
  let threshold = 0
  for (let i = 0; i < items; i++) {
    const p = ascending[i] as number
    if (p <= ((i + 1) * fdr) / items) threshold = p
  }
  const flagged = Uint8Array.from(pValues, (p) => (p <= threshold ? 1 : 0))
  const count = flagged.reduce((sum, flag) => sum + flag, 0)
  const least = 1 / (calibratedOn + 1)
  const atLeast = ascending.findIndex((p) => p > least * (1 + 1e-9))
  const rarest = atLeast < 0 ? items : atLeast
  const limited = count === 0 && rarest > 0
  return {
    flagged,
    count,
    threshold,
    ...(limited && { limitedBy: 'calibration' as const }),
    calibrationNeeded: Math.max(1, Math.ceil(items / fdr - 1)),
  }
}
