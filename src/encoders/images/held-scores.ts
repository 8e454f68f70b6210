/** Scores of images that an encoder was not fitted on, as quantiles: what is usual for it. */
export interface HeldScores {
  /** 101 quantiles, ascending: the least, those of each hundredth, the largest. */
  scores: number[]
  /** Images measured. */
  count: number
}

/**
 * Sums scores up as their percentiles, linear between neighbours.
 *
 * @param scores at least one, finite
 */
export function heldScores(scores: ArrayLike<number>): HeldScores {
  const sorted = Float64Array.from(scores).sort()
  const quantiles = Array.from({ length: 101 }, (_, percent) => {
    const at = ((sorted.length - 1) * percent) / 100
    const low = sorted[Math.floor(at)] ?? 0
    const high = sorted[Math.ceil(at)] ?? low
    return low + (high - low) * (at - Math.floor(at))
  })
  return { scores: quantiles, count: sorted.length }
}
