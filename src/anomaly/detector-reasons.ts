import type { DetectionReport, DetectionScores, DetectorName } from '../core/detection.js'
import type { DetectorReason } from '../core/reasons.js'

/** A detector objects where it finds at most so large a part of ordinary items as strange. */
const OBJECTS = 0.05

/** What a detector says of an item that it objects to. */
const WORDS: Record<DetectorName, string> = {
  neighbours: 'its nearest items are far away',
  lof: 'it lies apart from items that lie close together',
  mahalanobis: 'its dimensions go together in an unusual way',
  forest: 'few random cuts part it from the others',
  ecod: 'single values of it are extreme',
  autoencoder: 'an autoencoder that learned the others gives it back badly',
  reconstruction: 'the encoder reconstructs it badly',
  nelbo: 'the encoder finds it improbable',
}

/**
 * Which detectors find a row strange, the strongest first. A detector's share of what speaks against the row is
 * `weight * -ln(pValue)` over the sum of that of all detectors.
 *
 * @param scores of any rows
 * @param row which of them
 * @returns those with a p-value of at most .05, those of no weight last; if there is none, the one with the largest
 * share, as long as any has weight
 */
export function detectorReasons(
  scores: DetectionScores,
  row: number,
  { weights }: Pick<DetectionReport, 'weights'>,
): DetectorReason[] {
  const opinions = (Object.keys(scores.detectors) as DetectorName[]).flatMap((detector) => {
    const pValue = scores.detectors[detector]?.pValues[row] ?? Number.NaN
    const score = scores.detectors[detector]?.scores[row] ?? Number.NaN
    // one that has nothing to judge of this item, such as a picture
    if (Number.isNaN(pValue) || Number.isNaN(score)) return []
    const weight = weights[detector] ?? 0
    return [
      { detector, score, pValue, weight, against: weight * -Math.log(Math.max(pValue, Number.MIN_VALUE)) },
    ]
  })
  const sum = opinions.reduce((total, { against }) => total + against, 0)
  const reasons = opinions
    .map(({ against, ...opinion }) => reasonOf({ ...opinion, share: sum > 0 ? against / sum : 0 }))
    .sort((a, b) => b.share - a.share || a.pValue - b.pValue)
  const objecting = reasons.filter(({ pValue }) => pValue <= OBJECTS)
  return objecting.length > 0 ? objecting : reasons.filter(({ share }) => share > 0).slice(0, 1)
}

function reasonOf(opinion: Omit<DetectorReason, 'kind' | 'text'>): DetectorReason {
  const { detector, pValue, weight, share } = opinion
  const part = weight > 0 ? `${percent(share)} of the verdict` : 'no part of the verdict'
  const words = pValue <= OBJECTS ? WORDS[detector] : 'no detector objects alone, this one does most'
  const text = `${detector}: ${words}; ${percent(pValue)} of ordinary items are as strange (${part})`
  return { kind: 'detector', ...opinion, text }
}

/** `2.5 %`, `0.31 %`, `61 %`: two digits that count. */
export function percent(share: number): string {
  const value = 100 * share
  if (value === 0) return '0 %'
  if (value >= 10) return `${Math.round(value)} %`
  return value < 0.001 ? 'less than 0.001 %' : `${Number(value.toPrecision(2))} %`
}
