import type { DetectorName } from '../core/detection.js'

export type ByDetector<T> = Partial<Record<DetectorName, T>>

/** The entries of what is kept by detector, with their names' type. */
export function entriesOf<T>(byDetector: ByDetector<T>): [DetectorName, T][] {
  return Object.entries(byDetector) as [DetectorName, T][]
}

/**
 * One score a row: the weighted mean of its surprises, -log p by detector (Fisher's way of joining p-values, with
 * weights). A row that a detector says nothing of (NaN) is judged by the others; one that none speaks of gets 0.
 *
 * @param surprises by detector, one a row
 * @param weights in 0..1; detectors without one have none
 */
export function jointVerdict(
  surprises: ByDetector<Float64Array>,
  weights: ByDetector<number>,
  count: number,
): Float64Array {
  const sums = new Float64Array(count)
  const totals = new Float64Array(count)
  for (const [name, values] of entriesOf(surprises)) {
    const weight = weights[name] ?? 0
    if (weight === 0) continue
    for (let i = 0; i < count; i++) {
      const value = values[i] as number
      if (Number.isNaN(value)) continue
      sums[i] = (sums[i] as number) + weight * value
      totals[i] = (totals[i] as number) + weight
    }
  }
  return sums.map((sum, i) => (totals[i] === 0 ? 0 : sum / (totals[i] as number)))
}
