import { quantileOf } from '../core/ascending.js'

/** How the items that were held out from fitting score: what every other item is judged by. */
export interface HeldOutScores {
  /** Quantiles 0, .01, …, 1 of their scores, ascending: 101 numbers. */
  scores: readonly number[]
  /** How many items they are of. */
  count: number
}

/** What a score means beside those of items that the detector has not seen. */
export interface Judgement {
  /** How many held-out items score less, in 0..100; linear between the quantiles. */
  percentile: number
  flagged: boolean
}

/** Share of ordinary items that may be flagged, where items come from what the detector was fitted on. */
export const FLAG_RATE = 0.01

/**
 * The score above which an item is flagged: the split-conformal quantile, so that of new items of the same kind at most
 * {@link FLAG_RATE} are flagged on average (Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, 2.2).
 * With fewer than 1 / rate - 1 held-out items no score is that rare; then it is the largest of them.
 */
export function flagThreshold({ scores, count }: HeldOutScores): number {
  const rank = Math.ceil((count + 1) * (1 - FLAG_RATE)) / Math.max(1, count)
  return quantileOf(scores, rank)
}

/** Judges one score, larger being stranger. */
export function judge(score: number, held: HeldOutScores): Judgement {
  return { percentile: 100 * shareBelow(held.scores, score), flagged: score > flagThreshold(held) }
}

function shareBelow(ascending: readonly number[], score: number): number {
  const last = ascending.length - 1
  if (last < 1) return (ascending[0] ?? Number.POSITIVE_INFINITY) < score ? 1 : 0
  let above = ascending.findIndex((quantileScore) => quantileScore >= score)
  if (above < 0) return 1
  if (above === 0) return 0
  const low = ascending[above - 1] as number
  const high = ascending[above] as number
  above += high > low ? (score - high) / (high - low) : 0
  return above / last
}
