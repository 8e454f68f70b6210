import type { DetectionRows } from '../core/detection.js'
import { bulkVerdict } from './bulk-verdict.js'
import { judgeMix, LEAST_ROWS } from './contamination.js'
import { fitPart, type PartFit } from './fit-part.js'
import { placesWhere } from './select-rows.js'
import { spaceKind } from './space-kind.js'
import { withoutNeighbours } from './without-neighbours.js'

/** Part of a mixed reference that is left out where it is not told how many are strange. */
const TRIMMED = 0.1

/**
 * The rows of a mixed reference that detectors are not fitted to.
 *
 * In tables and embeddings the strangest tenth of a fit to all. In an encoder's space a covariance is nearly the sample's own, and
 * a tenth less costs it what is rare but normal. So the tenth is left out for the ranks alone, and then as many as seem strange: first
 * of the fit to all, of which strangers that hide each other are missing, then of the fit without these. It is the reweighting
 * after a robust fit (Rousseeuw and van Driessen, Technometrics 1999). Of fewer than 50 rows their part cannot be told: there it is a tenth.
 *
 * @param first a draft fitted to all rows
 * @param labels what people said: those called strange are always left out, those called fine never
 * @returns 1 for rows that are left out
 */
export function strangeRows(
  rows: DetectionRows,
  first: PartFit,
  { seed, labels }: { seed: number; labels?: Int8Array | undefined },
): Uint8Array {
  const tenth = strangest(first.verdict, Math.floor(TRIMMED * rows.count), labels)
  if (spaceKind(rows) !== 'encoder' || rows.count < LEAST_ROWS) return tenth
  const fitWithout = (leaveOut: Uint8Array): PartFit =>
    fitPart(withoutNeighbours(rows, leaveOut), { seed, leaveOut, first, reference: 'mixed', draft: true })
  const robust = fitWithout(tenth)
  const next = fitWithout(strangest(robust.verdict, seemStrange(first), labels))
  return strangest(next.verdict, seemStrange(next), labels)
}

function seemStrange(fit: PartFit): number {
  return Math.round(judgeMix(bulkVerdict(fit)).contamination.estimate * fit.verdict.length)
}

/** Marks the rows with the largest verdicts, and those that people called strange; never one that they called fine. */
export function strangest(verdict: Float64Array, size: number, labels?: Int8Array): Uint8Array {
  const trimmed = Uint8Array.from(verdict, (_, i) => (labels?.[i] === 1 ? 1 : 0))
  const order = placesWhere(verdict.length, (i) => (labels?.[i] ?? 0) === 0)
  order.sort((a, b) => (verdict[b] as number) - (verdict[a] as number) || a - b)
  for (const place of order.subarray(0, size)) trimmed[place] = 1
  // something must be left to fit to
  return trimmed.includes(0) ? trimmed : trimmed.fill(0)
}
