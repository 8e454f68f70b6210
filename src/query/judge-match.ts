import type { Match } from '../core/types.js'

/** What a verdict rests on; a part that was not looked at is left out. */
export interface MatchEvidence {
  /**
   * By how many standard deviations the best similarity is above the best similarities of queries that mean nothing, asked
   * of the same space.
   */
  deviations?: number
  /** The part of the query's words that stand together in one of the best texts, rare words counting more; 0 to 1. */
  words?: number
}

/** Fitted by scripts/bench/calibration-choices.ts, which prints them: log-odds that a query is a real one. */
export const WEIGHTS = {
  both: { constant: -2.42, deviations: 0.97, words: 2.82 },
  deviations: { constant: -1.99, deviations: 1.13, words: 0 },
  words: { constant: -2.46, deviations: 0, words: 7.78 },
} as const

/** Beyond these the best similarity says no more. */
export const DEVIATIONS_RANGE = [-3, 8] as const
/** Likelihoods below these are no match, and a weak one. */
export const NONE_BELOW = 0.5
export const WEAK_BELOW = 0.9

/**
 * How likely it is that what was found answers the query, by logistic regression on the evidence there is.
 *
 * @returns 0 to 1; undefined without evidence
 */
export function likelihoodOf({ deviations, words }: MatchEvidence): number | undefined {
  if (deviations === undefined && words === undefined) return undefined
  const known = deviations === undefined ? 'words' : words === undefined ? 'deviations' : 'both'
  const weights = WEIGHTS[known]
  const [least, most] = DEVIATIONS_RANGE
  const bounded = Math.min(most, Math.max(least, deviations ?? 0))
  const odds = weights.constant + weights.deviations * bounded + weights.words * (words ?? 0)
  return 1 / (1 + Math.exp(-odds))
}

/** @param likelihood see {@link likelihoodOf} */
export function matchOf(likelihood: number): Match {
  if (likelihood < NONE_BELOW) return 'none'
  return likelihood < WEAK_BELOW ? 'weak' : 'good'
}
