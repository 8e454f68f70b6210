import type {
  Detection,
  DetectionOptions,
  DetectionRows,
  DetectionScores,
  Detector,
} from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import { checkRows } from './check-rows.js'
import type { VectorDetectorName } from './detectors/vector-detectors.js'
import { fitPart, type PartFit } from './fit-part.js'
import { detectorScores, FittedDetection } from './fitted-detection.js'
import { estimateContamination, pValueOf, type Reference } from './reference.js'
import { samplePlaces } from './sample-rows.js'
import { placesWhere } from './select-rows.js'

/** Part of a clean reference that is held out. */
const HELD_OUT = 1 / 3

/** Part of a mixed reference that is left out of the second fit: the strangest of the first. */
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

function fitClean(rows: DetectionRows, { seed }: DetectionOptions): DetectionFit {
  const size = Math.max(1, Math.round(HELD_OUT * rows.count))
  const held = new Uint8Array(rows.count)
  for (const place of samplePlaces(rows.count, size, seededRandom(seed))) held[place] = 1
  const fit = fitPart(rows, { seed, leaveOut: held })
  const verdicts = fit.verdict.filter((_, i) => held[i] === 1)
  const reference: Reference = { kind: 'clean', verdicts: ascending(verdicts), trimmed: 0 }
  const pValues = fit.verdict.map((verdict, i) => {
    const p = pValueOf(verdict, reference)
    // a held-out row does not count against itself: (1 + others) / n, n of them with itself
    return held[i] === 1 ? (p * (size + 1) - 1) / size : p
  })
  return finish(rows, fit, { reference, pValues, trimmed: new Uint8Array(rows.count) })
}

function fitMixed(rows: DetectionRows, { seed, labels }: DetectionOptions): DetectionFit {
  const first = fitPart(rows, { seed, leaveOut: new Uint8Array(rows.count), draft: true })
  const trimmed = strangest(first.verdict, Math.floor(TRIMMED * rows.count), labels)
  const fit = fitPart(rows, { seed, leaveOut: trimmed, first })
  const verdicts = fit.verdict.filter((_, i) => trimmed[i] === 0)
  const reference: Reference = {
    kind: 'mixed',
    verdicts: ascending(verdicts),
    trimmed: rows.count - verdicts.length,
  }
  const pValues = fit.verdict.map((verdict) => pValueOf(verdict, reference))
  return finish(rows, fit, { reference, pValues, trimmed })
}

/** Marks the rows with the largest verdicts, and those that people called strange; never one that they called fine. */
function strangest(verdict: Float64Array, size: number, labels?: Int8Array): Uint8Array {
  const trimmed = Uint8Array.from(verdict, (_, i) => (labels?.[i] === 1 ? 1 : 0))
  const order = placesWhere(verdict.length, (i) => (labels?.[i] ?? 0) === 0)
  order.sort((a, b) => (verdict[b] as number) - (verdict[a] as number) || a - b)
  for (const place of order.subarray(0, size)) trimmed[place] = 1
  // something must be left to fit to
  return trimmed.includes(0) ? trimmed : trimmed.fill(0)
}

function ascending(verdicts: Float64Array): Float32Array {
  return Float32Array.from(verdicts).sort()
}

function finish(
  rows: DetectionRows,
  fit: PartFit,
  { reference, pValues, trimmed }: { reference: Reference; pValues: Float64Array; trimmed: Uint8Array },
): DetectionFit {
  const detection = new FittedDetection({
    dim: rows.dim,
    detectors: fit.detectors as Record<VectorDetectorName, Detector>,
    tails: fit.tails,
    reference,
    report: {
      items: rows.count,
      reference: reference.kind,
      calibratedOn: reference.verdicts.length,
      weights: fit.weights,
      contamination: estimateContamination(pValues, reference.kind),
    },
  })
  const detectors = detectorScores(fit.scores, fit.surprises)
  return { detection, scores: { verdict: fit.verdict, pValues, detectors }, trimmed }
}
