import {
  type Detection,
  type DetectionReport,
  type DetectorName,
  ENCODER_DETECTORS,
  VECTOR_DETECTORS,
} from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { DETECTOR_KINDS, type VectorDetectorName } from './detectors/vector-detectors.js'
import type { Stored } from './fitted.js'
import { DETECTION_FORMAT, FittedDetection } from './fitted-detection.js'
import { LabelShift } from './label-shift.js'
import { unpackFloats } from './pack.js'
import type { Reference } from './reference.js'
import { ScoreTail } from './score-tail.js'
import { numberSetting } from './settings.js'

interface StoredDetection {
  format: number
  dim: number
  report: DetectionReport
  reference: Reference['kind']
  /** Those that were fitted. */
  detectors: Partial<Record<VectorDetectorName, Record<string, unknown>>>
  tails: Partial<Record<DetectorName, number>>
}

/**
 * Makes a detection again from what its `settings()` and `files()` gave; it scores exactly as before.
 *
 * @throws EngineError ENCODER_INVALID if they are of another layout, or something is missing or cut short
 */
export function loadDetection({ settings, files }: Stored): Detection {
  if (settings.format !== DETECTION_FORMAT) {
    throw new EngineError(
      'ENCODER_INVALID',
      `these detectors have the layout ${JSON.stringify(settings.format)}, this version reads ${DETECTION_FORMAT}; fit them again`,
    )
  }
  const stored = settings as unknown as StoredDetection
  const detectors = Object.fromEntries(
    VECTOR_DETECTORS.flatMap((name) => {
      const own = stored.detectors[name]
      return own ? [[name, DETECTOR_KINDS[name].load({ settings: own, files: filesOf(files, name) })]] : []
    }),
  )
  const tails = Object.fromEntries(
    [...VECTOR_DETECTORS, ...ENCODER_DETECTORS].flatMap((name) => {
      const count = stored.tails[name]
      return count === undefined ? [] : [[name, ScoreTail.load(files, `${name}-tail`, count)]]
    }),
  )
  return new FittedDetection({
    dim: numberSetting(settings, 'dim'),
    detectors,
    tails,
    reference: referenceOf(stored.reference, files),
    shift: LabelShift.load(files, numberSetting(settings, 'dim')),
    report: stored.report,
  })
}

/** Those whose names begin with the detector's, without it. */
function filesOf(files: Record<string, Uint8Array>, name: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([file]) => file.startsWith(`${name}-`))
      .map(([file, bytes]) => [file.slice(name.length + 1), bytes]),
  )
}

function referenceOf(kind: Reference['kind'], files: Record<string, Uint8Array>): Reference {
  const verdicts = unpackFloats(files, 'reference')
  if (kind === 'clean') return { kind, verdicts }
  return { kind, verdicts, pValues: unpackFloats(files, 'reference-p', verdicts.length) }
}
