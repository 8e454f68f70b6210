import type {
  Detection,
  DetectionOptions,
  DetectionReport,
  DetectionRows,
  DetectionScores,
} from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { type Random, seededRandom } from '../core/random.js'
import { bulkVerdict } from './bulk-verdict.js'
import { checkRows } from './check-rows.js'
import { judgeMix } from './contamination.js'
import { fitPart, type PartFit } from './fit-part.js'
import { detectorScores, FittedDetection } from './fitted-detection.js'
import { entriesOf, jointVerdict } from './joint-verdict.js'
import { LabelShift } from './label-shift.js'
import { learnWeights } from './labels.js'
import { cleanReference, mixedReference, pValueOf, type Reference } from './reference.js'
import { samplePlaces } from './sample-rows.js'
import { placesWhere } from './select-rows.js'
import { strangest } from './strangest.js'
import { withoutNeighbours } from './without-neighbours.js'

/** Part of a clean reference that is held out. */
const HELD_OUT = 1 / 3

/** Part of a mixed reference that is left out, though fewer may be strange: fellow strangers would hide each other. */
const TRIMMED = 0.1

/** The least number of rows of a clean reference: one to hold out, two to fit. */
const LEAST_CLEAN = 3

/** A detection with what it says of the rows it was made of. */
export interface DetectionFit {
  detection: Detection
  /** Each row as if it had not been there, where the detector allows. */
  scores: DetectionScores
  /** 1 for a row that the detectors were not fitted to because it is strange. */
  trimmed: Uint8Array
}

/**
 * Fits all detectors and their joint verdict, as the reference says.
 *
 * `clean`: a third of the rows, drawn at random, is held out, and gives conformal p-values. `mixed`: all are fitted, the
 * strangest tenth is left out, and the rest is fitted again, so that strangers do not hide each other.
 *
 * @throws EngineError INVALID_REQUEST if there are too few rows: none, or fewer than 3 in a clean reference
 * @throws EngineError DIMENSION_MISMATCH, INVALID_VECTOR
 */
export function fitDetection(rows: DetectionRows, options: DetectionOptions): DetectionFit {
  checkRows(rows)
  const least = options.reference === 'clean' ? LEAST_CLEAN : 1
  if (rows.count < least) {
    throw new EngineError(
      'INVALID_REQUEST',
      `${rows.count} items are too few to find outliers among; a ${options.reference} reference needs at least ${least}`,
    )
  }
  return options.reference === 'clean' ? fitClean(rows, options) : fitMixed(rows, options)
}

function fitClean(rows: DetectionRows, { seed, labels }: DetectionOptions): DetectionFit {
  const random = seededRandom(seed)
  // what people called strange is not of the reference
  const trimmed = strangest(new Float64Array(rows.count), 0, labels)
  const normal = placesWhere(rows.count, (i) => trimmed[i] === 0)
  const size = Math.max(1, Math.round(HELD_OUT * normal.length))
  const held = new Uint8Array(rows.count)
  for (const i of samplePlaces(normal.length, size, random)) held[normal[i] as number] = 1
  const leaveOut = trimmed.map((flag, i) => flag | (held[i] as number))
  const part = fitPart(withoutNeighbours(rows, trimmed), { seed, leaveOut, reference: 'clean' })
  const { fit, shift } = corrected(rows, part, { labels, random })
  const reference = cleanReference(fit.verdict.filter((_, i) => held[i] === 1))
  const pValues = fit.verdict.map((verdict, i) => {
    const p = pValueOf(verdict, reference)
    // a held-out row does not count against itself: (1 + others) / n, n of them with itself
    return held[i] === 1 ? (p * (size + 1) - 1) / size : p
  })
  const contamination = { estimate: 0, low: 0, high: 0 }
  return finish(rows, fit, { reference, pValues, trimmed, contamination, shift, labels })
}

function fitMixed(rows: DetectionRows, { seed, labels }: DetectionOptions): DetectionFit {
  const reference = 'mixed'
  const first = fitPart(rows, { seed, leaveOut: new Uint8Array(rows.count), reference, draft: true })
  const trimmed = strangest(first.verdict, Math.floor(TRIMMED * rows.count), labels)
  const part = fitPart(withoutNeighbours(rows, trimmed), { seed, leaveOut: trimmed, first, reference })
  const { fit, shift } = corrected(rows, part, { labels, random: seededRandom(seed) })
  const { pValues: estimated, contamination } = judgeMix(bulkVerdict(fit))
  const judged = mixedReference(fit.verdict, estimated)
  const pValues = fit.verdict.map((verdict) => pValueOf(verdict, judged))
  return finish(rows, fit, { reference: judged, pValues, trimmed, contamination, shift, labels })
}

/** The fit after people's corrections, if there are any: other weights, and verdicts that moved near corrected rows. */
function corrected(
  rows: DetectionRows,
  part: PartFit,
  { labels, random }: { labels: Int8Array | undefined; random: Random },
): { fit: PartFit; shift: LabelShift | undefined } {
  if (!labels?.some((label) => label !== 0)) return { fit: part, shift: undefined }
  const weights = learnWeights(part.surprises, part.weights, labels)
  const verdicts = jointVerdict(part.surprises, weights, rows.count)
  const shift = LabelShift.of(rows, { labels, verdicts, random })
  return { fit: { ...part, weights, verdict: shift?.apply(rows, verdicts) ?? verdicts }, shift }
}

function finish(
  rows: DetectionRows,
  fit: PartFit,
  found: {
    reference: Reference
    pValues: Float64Array
    trimmed: Uint8Array
    contamination: DetectionReport['contamination']
    shift: LabelShift | undefined
    labels: Int8Array | undefined
  },
): DetectionFit {
  const { reference, trimmed, contamination, shift, labels } = found
  const detection = new FittedDetection({
    dim: rows.dim,
    detectors: fit.detectors,
    tails: fit.tails,
    reference,
    shift,
    report: {
      items: rows.count,
      reference: reference.kind,
      calibratedOn: reference.kind === 'clean' ? reference.verdicts.length : rows.count,
      weights: { ...shownOnly(fit.scores), ...fit.weights },
      contamination,
    },
  })
  // what people called fine is never flagged
  const pValues = found.pValues.map((p, i) => (labels?.[i] === -1 ? 1 : p))
  const detectors = detectorScores(fit.scores, fit.surprises)
  return { detection, scores: { verdict: fit.verdict, pValues, detectors }, trimmed }
}

/** A weight of 0 for every detector that gave scores. */
function shownOnly(scores: PartFit['scores']): DetectionReport['weights'] {
  return Object.fromEntries(entriesOf(scores).map(([name]) => [name, 0]))
}
