import {
  type Detection,
  type DetectionReport,
  type DetectionRows,
  type DetectionScores,
  type Detector,
  ENCODER_DETECTORS,
  VECTOR_DETECTORS,
} from '../core/detection.js'
import { checkRows } from './check-rows.js'
import { type ByDetector, entriesOf, jointVerdict } from './joint-verdict.js'
import type { LabelShift } from './label-shift.js'
import { packFloats } from './pack.js'
import { pValueOf, type Reference } from './reference.js'
import type { ScoreTail } from './score-tail.js'

export interface DetectionParts {
  dim: number
  detectors: ByDetector<Detector>
  /** By detector, those of encoders among them. */
  tails: ByDetector<ScoreTail>
  reference: Reference
  /** Where people corrected rows. */
  shift: LabelShift | undefined
  report: DetectionReport
}

/** The layout of {@link Detection.settings}; another one is refused. */
export const DETECTION_FORMAT = 1

/** See {@link Detection}. */
export class FittedDetection implements Detection {
  readonly #parts: DetectionParts

  constructor(parts: DetectionParts) {
    this.#parts = parts
  }

  get report(): DetectionReport {
    return this.#parts.report
  }

  /** @throws EngineError DIMENSION_MISMATCH, INVALID_VECTOR */
  score(rows: DetectionRows): DetectionScores {
    checkRows(rows, this.#parts.dim)
    const scores = rawScores(this.#parts.detectors, rows)
    const surprises = surprisesOf(scores, this.#parts.tails)
    const joint = jointVerdict(surprises, this.report.weights, rows.count)
    const verdict = this.#parts.shift?.apply(rows, joint) ?? joint
    const pValues = verdict.map((value) => pValueOf(value, this.#parts.reference))
    return { verdict, pValues, detectors: detectorScores(scores, surprises) }
  }

  settings(): Record<string, unknown> {
    const { dim, detectors, tails, reference, report } = this.#parts
    return {
      format: DETECTION_FORMAT,
      dim,
      report,
      reference: reference.kind,
      detectors: Object.fromEntries(
        entriesOf(detectors).map(([name, detector]) => [name, detector.settings()]),
      ),
      tails: Object.fromEntries(entriesOf(tails).map(([name, tail]) => [name, tail.count])),
    }
  }

  files(): Record<string, Uint8Array> {
    const { detectors, tails, reference, shift } = this.#parts
    const files: Record<string, Uint8Array> = { reference: packFloats(reference.verdicts), ...shift?.files() }
    if (reference.pValues) files['reference-p'] = packFloats(reference.pValues)
    for (const [name, detector] of entriesOf(detectors)) {
      for (const [file, bytes] of Object.entries(detector.files())) files[`${name}-${file}`] = bytes
    }
    for (const [name, tail] of entriesOf(tails)) Object.assign(files, tail.files(`${name}-tail`))
    return files
  }
}

/** What detectors say of rows, and what encoders said of them. */
export function rawScores(detectors: ByDetector<Detector>, rows: DetectionRows): ByDetector<Float64Array> {
  return {
    // in one order, whatever they were fitted in: sums of them are then the same to the last bit
    ...Object.fromEntries(
      VECTOR_DETECTORS.flatMap((name) => {
        const scores = detectors[name]?.score(rows)
        return scores === undefined ? [] : [[name, scores]]
      }),
    ),
    ...encoderScores(rows),
  }
}

export function encoderScores({ columns }: DetectionRows): ByDetector<Float64Array> {
  return Object.fromEntries(
    ENCODER_DETECTORS.flatMap((name) => {
      const scores = columns[name]
      return scores === undefined ? [] : [[name, scores]]
    }),
  )
}

/** Of the detectors that have a tail: one that had no scores at fitting says nothing. */
export function surprisesOf(
  scores: ByDetector<Float64Array>,
  tails: ByDetector<ScoreTail>,
): ByDetector<Float64Array> {
  return Object.fromEntries(
    entriesOf(scores).flatMap(([name, values]) => {
      const tail = tails[name]
      return tail === undefined || tail.count === 0 ? [] : [[name, values.map((s) => tail.surprise(s))]]
    }),
  )
}

export function detectorScores(
  scores: ByDetector<Float64Array>,
  surprises: ByDetector<Float64Array>,
): DetectionScores['detectors'] {
  return Object.fromEntries(
    entriesOf(surprises).map(([name, values]) => [
      name,
      {
        scores: scores[name] ?? new Float64Array(0),
        pValues: values.map((surprise) => Math.max(Number.MIN_VALUE, Math.exp(-surprise))),
      },
    ]),
  )
}
