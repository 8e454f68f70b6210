import type { DetectionReport } from '../core/detection.js'

/** Verdicts of the rows that others are compared with. */
export interface Reference {
  kind: DetectionReport['reference']
  /** Ascending, of float32 numbers. */
  verdicts: Float32Array
  /** Rows that were left out because they were the strangest; 0 in a clean reference. */
  trimmed: number
}

/** Part of a binomial share's error on both sides that a range spans: 95 %. */
const RANGE = 1.96
/** The p-value below which rows are counted for the contamination. */
const COUNTED = 0.01

/** What part of normal items is at least as strange, in (0, 1]. */
export function pValueOf(verdict: number, reference: Reference): number {
  return reference.kind === 'clean'
    ? conformalPValue(verdict, reference.verdicts)
    : trimmedPValue(verdict, reference)
}

/**
 * Split-conformal: (1 + held-out verdicts at least as large) / (n + 1). Of new normal rows at most a part p gets p or
 * less (Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, 2.2).
 */
function conformalPValue(verdict: number, verdicts: Float32Array): number {
  return (1 + countAtLeast(verdicts, verdict)) / (verdicts.length + 1)
}

/**
 * With the strangest rows left out, as if they had all been normal: the part of all rows at least as strange; beyond what
 * was kept, verdicts (mean logs of probabilities) go on exponentially, at the rate of their upper half. An estimate.
 */
function trimmedPValue(verdict: number, { verdicts, trimmed }: Reference): number {
  const n = verdicts.length
  const all = n + trimmed
  const highest = verdicts[n - 1] ?? 0
  const share = (trimmed + 1) / (all + 1)
  const middle = verdicts[n >> 1] ?? 0
  const rate = highest > middle ? Math.log(0.5 / share) / (highest - middle) : 0
  if (verdict > highest && rate > 0)
    return Math.max(Number.MIN_VALUE, share * Math.exp(-rate * (verdict - highest)))
  return (1 + trimmed + countAtLeast(verdicts, verdict)) / (all + 1)
}

/**
 * How many rows of all seem strange: those with a p-value of .01 or less beyond the hundredth part that would have one
 * anyway, with the range of a binomial share. In a clean reference, none.
 */
export function estimateContamination(
  pValues: Float64Array,
  kind: Reference['kind'],
): DetectionReport['contamination'] {
  const n = pValues.length
  if (kind === 'clean' || n === 0) return { estimate: 0, low: 0, high: 0 }
  const share = pValues.filter((p) => p <= COUNTED).length / n
  const error = RANGE * Math.sqrt(Math.max(share * (1 - share), 1 / n) / n)
  const excess = (part: number): number => Math.min(1, Math.max(0, (part - COUNTED) / (1 - COUNTED)))
  return { estimate: excess(share), low: excess(share - error), high: excess(share + error) }
}

/** How many of the ascending values are at least `value`. */
export function countAtLeast(ascending: Float32Array, value: number): number {
  const sought = Math.fround(value)
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) < sought) low = middle + 1
    else high = middle
  }
  return ascending.length - low
}
