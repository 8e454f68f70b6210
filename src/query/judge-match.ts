import type { Match } from '../core/types.js'

/** What a verdict rests on. */
export interface MatchEvidence {
  /**
   * By how many standard deviations the best similarity is above those that random words of the collection reach in the
   * same space.
   */
  deviations: number
  /**
   * The part of the query's words that stand together in one of the best texts, rare words counting more, 0 to 1; undefined
   * where the query has no word that carries meaning.
   */
  words?: number
}

/** Fitted by scripts/bench/calibration-choices.ts, which prints them: log-odds that a query is a real one. */
export const WEIGHTS = {
  both: { constant: -2.18, deviations: 1.8, words: 5 },
  deviations: { constant: -0.6, deviations: 2.18, words: 0 },
} as const

/** Beyond these the best similarity says no more. */
export const DEVIATIONS_RANGE = [-1, 8] as const
/** Likelihoods below these are no match, and a weak one. */
export const NONE_BELOW = 0.5
export const WEAK_BELOW = 0.9

/**
 * How likely it is that what was found answers the query, by logistic regression on the evidence there is; 0 to 1.
 */
export function likelihoodOf({ deviations, words }: MatchEvidence): number {
  const weights = WEIGHTS[words === undefined ? 'deviations' : 'both']
  const [least, most] = DEVIATIONS_RANGE
  const bounded = Math.min(most, Math.max(least, deviations))
  const odds = weights.constant + weights.deviations * bounded + weights.words * (words ?? 0)
  return 1 / (1 + Math.exp(-odds))
}

/** @param likelihood see {@link likelihoodOf} */
export function matchOf(likelihood: number): Match {
  if (likelihood < NONE_BELOW) return 'none'
  return likelihood < WEAK_BELOW ? 'weak' : 'good'
}
