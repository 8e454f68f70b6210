import { countBelow } from '../core/ascending.js'
import type { DetectionReport } from '../core/detection.js'
import { conformalPValue } from './conformal.js'

/** What a verdict is compared with. */
export interface Reference {
  kind: DetectionReport['reference']
  /** Ascending, of float32 numbers: `clean`, of the held-out rows; `mixed`, of all rows, the upper ones all and of the others some. */
  verdicts: Float32Array
  /** `mixed`: the p-value of each of these verdicts, descending. */
  pValues?: Float32Array
}

/** Verdicts of a mix that are kept: so many of the largest, and as many of the others. */
const KEPT = 2_048

/** The least p-value that is told: below it is float32's own end. */
const LEAST = 1e-37

export function cleanReference(verdicts: Float64Array): Reference {
  return { kind: 'clean', verdicts: Float32Array.from(verdicts).sort() }
}

/**
 * Gives the largest verdict the smallest p-value, and so on: so p-values fall as verdicts rise, whichever statistic they come
 * from. Equal verdicts share the largest of their p-values.
 *
 * @param verdicts at least one
 * @param pValues as many, in any order
 */
export function mixedReference(verdicts: Float64Array, pValues: Float64Array): Reference {
  const ascending = Float32Array.from(verdicts).sort()
  const descending = Float32Array.from(pValues, (p) => Math.max(LEAST, p))
    .sort()
    .reverse()
  for (let i = 1; i < ascending.length; i++) {
    if (ascending[i] === ascending[i - 1]) descending[i] = descending[i - 1] as number
  }
  const n = ascending.length
  const step = Math.max(1, Math.ceil((n - KEPT) / KEPT))
  const kept = Uint32Array.from(ascending.keys()).filter((i) => i >= n - KEPT || i % step === 0)
  return {
    kind: 'mixed',
    verdicts: Float32Array.from(kept, (i) => ascending[i] as number),
    pValues: Float32Array.from(kept, (i) => descending[i] as number),
  }
}

/**
 * What part of normal items is at least as strange, in (0, 1]: of a clean reference the split-conformal p-value, of a mix an
 * estimate. Beyond the largest verdict of a mix (a mean of logs of probabilities) p-values go on exponentially, as they fall over
 * its upper half.
 */
export function pValueOf(verdict: number, { kind, verdicts, pValues }: Reference): number {
  if (kind === 'clean' || pValues === undefined) return conformalPValue(Math.fround(verdict), verdicts)
  const n = verdicts.length
  const value = Math.fround(verdict)
  const place = countBelow(verdicts, value)
  if (place === n) return beyond(value, verdicts, pValues)
  const at = pValues[place] as number
  if (place === 0 || verdicts[place] === value) return at
  const [low, high] = [verdicts[place - 1] as number, verdicts[place] as number]
  const part = (value - low) / (high - low)
  return Math.exp((1 - part) * Math.log(pValues[place - 1] as number) + part * Math.log(at))
}

function beyond(value: number, verdicts: Float32Array, pValues: Float32Array): number {
  const last = verdicts.length - 1
  const least = pValues[last] ?? 1
  // the first verdict that half of normal items reach no more
  const half = Math.max(
    0,
    pValues.findIndex((p) => p <= 0.5),
  )
  const width = (verdicts[last] ?? 0) - (verdicts[half] ?? 0)
  const rate = width > 0 ? Math.log((pValues[half] as number) / least) / width : 0
  return Math.max(LEAST, least * Math.exp(-rate * (value - (verdicts[last] ?? 0))))
}
