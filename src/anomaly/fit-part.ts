import type { DetectionOptions, DetectionRows, Detector } from '../core/detection.js'
import { chooseWeights } from './choose-weights.js'
import { detectorsOf, fitVectorDetectors, type VectorDetectorName } from './detectors/vector-detectors.js'
import type { Fitted } from './fitted.js'
import { encoderScores, surprisesOf } from './fitted-detection.js'
import { type ByDetector, entriesOf, jointVerdict } from './joint-verdict.js'
import { ScoreTail } from './score-tail.js'
import { placesWhere, selectRows } from './select-rows.js'

/**
 * What strangers pull along, and is therefore fitted again without them: means, covariances, neighbourhoods. The forest
 * and ECOD stay as they are: they go by order and by small samples, which a few strangers do not upset, and they tell no
 * two rows apart that lie outside of all that they were fitted to, so that without the strange rows they could not rank
 * them.
 */
const FITTED_AGAIN: readonly VectorDetectorName[] = ['neighbours', 'lof', 'mahalanobis', 'autoencoder']

/** Detectors fitted to a part of the rows, and what they say of all. */
export interface PartFit {
  /** All but in a draft. */
  detectors: ByDetector<Detector>
  tails: ByDetector<ScoreTail>
  weights: ByDetector<number>
  /** Of all rows. */
  scores: ByDetector<Float64Array>
  surprises: ByDetector<Float64Array>
  verdict: Float64Array
}

export interface PartOptions {
  seed: number
  leaveOut: Uint8Array
  reference: DetectionOptions['reference']
  first?: PartFit
  draft?: boolean
}

/**
 * Fits the detectors to rows that are not left out and scores all rows; how rare a score is is told by the fitted ones.
 *
 * @param leaveOut 1 for rows that are left out; one at least is not
 * @param reference what the rows are said to be: see {@link chooseWeights}
 * @param first a fit to all rows, of which the detectors that strangers do not upset are taken
 * @param draft leaves out detectors that have no weight and will be fitted again
 */
export function fitPart(
  rows: DetectionRows,
  { seed, leaveOut, reference, first, draft = false }: PartOptions,
): PartFit {
  const inside = placesWhere(rows.count, (i) => leaveOut[i] === 0)
  const outside = placesWhere(rows.count, (i) => leaveOut[i] === 1)
  const part = outside.length === 0 ? rows : selectRows(rows, inside)
  const rest = selectRows(rows, outside)
  const detectors: ByDetector<Detector> = { ...first?.detectors }
  const scores: ByDetector<Float64Array> = { ...first?.scores, ...encoderScores(rows) }
  const weights = chooseWeights(part, reference)
  const names = detectorsOf(rows).filter((name) => {
    const again = FITTED_AGAIN.includes(name)
    return first ? again : !draft || !again || weights[name] !== undefined
  })
  const fitted = fitVectorDetectors(part, seed, names)
  for (const [name, { detector, scores: own }] of entriesOf<Fitted>(fitted)) {
    detectors[name] = detector
    scores[name] = joined(rows.count, [inside, own], [outside, detector.score(rest)])
  }
  const tails: ByDetector<ScoreTail> = Object.fromEntries(
    entriesOf(scores).map(([name, values]) => [
      name,
      ScoreTail.of(values.filter((_, i) => leaveOut[i] === 0)),
    ]),
  )
  const surprises = surprisesOf(scores, tails)
  return {
    detectors,
    tails,
    weights,
    scores,
    surprises,
    verdict: jointVerdict(surprises, weights, rows.count),
  }
}

/** One array of values that belong to different places. */
function joined(count: number, ...parts: (readonly [Uint32Array, Float64Array])[]): Float64Array {
  const all = new Float64Array(count)
  for (const [places, values] of parts) {
    for (let i = 0; i < places.length; i++) all[places[i] as number] = values[i] as number
  }
  return all
}
