import { type DetectionRows, type DetectorName, ENCODER_DETECTORS } from '../core/detection.js'
import type { ByDetector } from './joint-verdict.js'
import { type SpaceKind, spaceKind } from './space-kind.js'

const WEIGHTS: Record<SpaceKind, ByDetector<number>> = {
  // alike without strangers; among strangers, neighbours are often fellow ones
  encoder: { neighbours: 1, mahalanobis: 2 },
  embedding: { neighbours: 1, mahalanobis: 1 },
  table: { forest: 1, mahalanobis: 1 },
}

export function chooseWeights(rows: DetectionRows): ByDetector<number> {
  const weights: ByDetector<number> = { ...WEIGHTS[spaceKind(rows)] }
  for (const name of ENCODER_DETECTORS) {
    if (rows.columns[name]?.some(Number.isFinite)) weights[name] = 1
  }
  return normalised(weights)
}

function normalised(weights: ByDetector<number>): ByDetector<number> {
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name as DetectorName, weight / total]),
  )
}
