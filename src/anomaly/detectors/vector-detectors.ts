import { type DetectionRows, type Detector, VECTOR_DETECTORS } from '../../core/detection.js'
import { type Random, seededRandom } from '../../core/random.js'
import type { Fitted, Stored } from '../fitted.js'
import type { ByDetector } from '../joint-verdict.js'
import { fitAutoencoder, loadAutoencoder } from './autoencoder.js'
import { fitEcod, loadEcod } from './ecod.js'
import { fitForest, loadForest } from './isolation-forest.js'
import { fitLof, loadLof } from './local-outlier-factor.js'
import { fitMahalanobis, loadMahalanobis } from './mahalanobis.js'
import { fitNeighbours, loadNeighbours } from './neighbours.js'

export type VectorDetectorName = (typeof VECTOR_DETECTORS)[number]

/** How a detector is made, and made again. */
export interface DetectorKind {
  /** @param rows at least one */
  fit(rows: DetectionRows, options: { random: Random }): Fitted
  load(stored: Stored): Detector
}

export const DETECTOR_KINDS: Record<VectorDetectorName, DetectorKind> = {
  neighbours: { fit: fitNeighbours, load: loadNeighbours },
  lof: { fit: fitLof, load: loadLof },
  mahalanobis: { fit: fitMahalanobis, load: loadMahalanobis },
  forest: { fit: fitForest, load: loadForest },
  ecod: { fit: fitEcod, load: loadEcod },
  autoencoder: { fit: fitAutoencoder, load: loadAutoencoder },
}

/** The detectors that judge such rows. */
export function detectorsOf({ texts = false }: DetectionRows): VectorDetectorName[] {
  return VECTOR_DETECTORS.filter((name) => texts || name !== 'autoencoder')
}

/**
 * Fits detectors, each with a random stream of its own, so that one does not depend on what another draws.
 *
 * @param names default: all that judge such rows
 */
export function fitVectorDetectors(
  rows: DetectionRows,
  seed: number,
  names: readonly VectorDetectorName[] = detectorsOf(rows),
): ByDetector<Fitted> {
  return Object.fromEntries(
    names.map((name) => {
      const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) + VECTOR_DETECTORS.indexOf(name))
      return [name, DETECTOR_KINDS[name].fit(rows, { random })]
    }),
  )
}
