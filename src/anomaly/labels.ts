import type { DetectorName } from '../core/detection.js'
import { type ByDetector, entriesOf } from './joint-verdict.js'

/** Corrections that count as much as the default weights do. */
const PRIOR = 10
/** How fast weights follow: e^4 between a detector that is always right and one that is always wrong. */
const RATE = 4
/** Surprise from which on a detector is as sure as can be: one in 3,000. */
const SURE = 8
/** Part of the weights that detectors without a default weight begin with, together, once there are corrections. */
const CHANCE = 0.1

/**
 * Moves detectors' weights towards those that agree with what people said: w_j in proportion to default_j * exp(4 c g_j), g_j
 * the mean over corrected rows of how much more right than the other detectors it was, in -1..1, and c = n / (n + 10), so that
 * a few corrections move little (exponential weights, Littlestone and Warmuth 1994, shrunk to the default). Detectors without a
 * default weight begin with a tenth of all.
 *
 * @param surprises by detector, -log p of each row; NaN where it says nothing
 * @param defaults sum to 1
 * @param labels one a row: 1 strange, -1 fine, 0 nothing
 * @returns weights that sum to 1; the defaults where nothing is corrected
 */
export function learnWeights(
  surprises: ByDetector<Float64Array>,
  defaults: ByDetector<number>,
  labels: Int8Array | undefined,
): ByDetector<number> {
  const places = labels ? [...labels.keys()].filter((i) => labels[i] !== 0) : []
  const names = entriesOf(surprises).map(([name]) => name)
  if (!labels || places.length === 0 || names.length < 2) return defaults
  const trust = places.length / (places.length + PRIOR)
  const idle = names.filter((name) => !((defaults[name] ?? 0) > 0))
  const raw = names.map((name): [DetectorName, number] => {
    const start = idle.length === 0 ? (defaults[name] ?? 0) : startOf(defaults[name] ?? 0, idle.length)
    return [name, start * Math.exp(RATE * trust * rightness(surprises, { name, places, labels }))]
  })
  const total = raw.reduce((sum, [, weight]) => sum + weight, 0)
  return total > 0 ? Object.fromEntries(raw.map(([name, weight]) => [name, weight / total])) : defaults
}

function startOf(weight: number, idle: number): number {
  return weight > 0 ? (1 - CHANCE) * weight : CHANCE / idle
}

/** Mean over corrected rows of label * (this detector's sureness - the mean of all). */
function rightness(
  surprises: ByDetector<Float64Array>,
  { name, places, labels }: { name: DetectorName; places: readonly number[]; labels: Int8Array },
): number {
  let sum = 0
  for (const place of places) {
    const all = entriesOf(surprises).flatMap(([, values]) => {
      const value = values[place] as number
      return Number.isNaN(value) ? [] : [Math.min(value, SURE) / SURE]
    })
    const own = surprises[name]?.[place] ?? Number.NaN
    if (Number.isNaN(own) || all.length === 0) continue
    const mean = all.reduce((total, value) => total + value, 0) / all.length
    sum += (labels[place] as number) * (Math.min(own, SURE) / SURE - mean)
  }
  return sum / places.length
}
