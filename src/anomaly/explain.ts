import type { DetectionReport, DetectionScores } from '../core/detection.js'
import type { NeighboursReason, PassageReason, Reason, RegionReason } from '../core/reasons.js'
import { detectorReasons, percent } from './detector-reasons.js'
import { fitRanges, type OutOfRange, outOfRange, type Ranges } from './ranges.js'
import type { StrangestPassage } from './strangest-passage.js'

/** Neighbours that an explanation speaks of. */
const TOLD = 10

/** What is known of one item; each part that is there gives its reasons. */
export interface Evidence {
  /** What the detectors say. */
  detectors?: { scores: DetectionScores; row: number; report: Pick<DetectionReport, 'weights'> }
  /** Its vector, of shape [dim], and what is usual in the reference; `names` of dimensions that have some, as columns do. */
  dimensions?: { vector: Float32Array; ranges: Ranges; names?: readonly string[] | undefined }
  /**
   * Its distances to its nearest other items, ascending; `usual`: what {@link usualDistances} says of the reference,
   * with as many neighbours.
   */
  neighbours?: { distances: ArrayLike<number>; nearestId?: string | undefined; usual?: Ranges | undefined }
  /** Of a text; `text`: how the passage begins. */
  passage?: StrangestPassage & { text?: string | undefined }
  /** Of a picture: the region that holds most of the error, as `explainImage` finds it. */
  region?: { x: number; y: number; width: number; height: number; share: number }
}

/**
 * Tells in words why an item seems strange: first the detectors that object, then dimensions that are out of range, its
 * nearest items, the passage and the region that stand out. Neighbours and passages are told only where they are farther
 * away than usual.
 *
 * @throws EngineError DIMENSION_MISMATCH where vector and ranges do not agree
 */
export function explain(evidence: Evidence): Reason[] {
  const { detectors, dimensions, neighbours, passage, region } = evidence
  const reasons: Reason[] = []
  if (detectors) reasons.push(...detectorReasons(detectors.scores, detectors.row, detectors.report))
  if (dimensions) {
    const { vector, ranges, names } = dimensions
    reasons.push(...outOfRange(vector, ranges).map((found) => dimensionReason(found, names?.[found.index])))
  }
  if (neighbours) reasons.push(...neighboursReason(neighbours))
  if (passage) reasons.push(...passageReason(passage))
  if (region) reasons.push(regionReason(region))
  return reasons
}

/**
 * What mean distance to its {@link TOLD} nearest items is usual for an item: ranges of one dimension. Items that have no others
 * near them are left out.
 *
 * @param nearest shape [count, neighbours], as in `DetectionRows`; of more than ten the first ten count
 * @param options.leaveOut shape [count]: items with 1 are left out, as strangers
 */
export function usualDistances(
  nearest: Float32Array,
  count: number,
  { leaveOut }: { leaveOut?: Uint8Array } = {},
): Ranges {
  const neighbours = count > 0 ? nearest.length / count : 0
  const means: number[] = []
  for (let row = 0; row < count; row++) {
    if (leaveOut?.[row] === 1) continue
    const { mean } = finiteMean(
      nearest.subarray(row * neighbours, row * neighbours + Math.min(TOLD, neighbours)),
    )
    if (Number.isFinite(mean)) means.push(mean)
  }
  return fitRanges({ values: Float32Array.from(means), count: means.length, dim: 1 })
}

function dimensionReason(found: OutOfRange, name: string | undefined): Reason {
  const { index, value, low, high, deviations } = found
  const subject = name === undefined ? `dimension ${index}` : `"${name}"`
  const usual = low === high ? `everywhere else ${short(low)}` : `usually ${short(low)} to ${short(high)}`
  const far =
    deviations === null
      ? ''
      : `, ${short(Math.abs(deviations))} deviations ${deviations > 0 ? 'above' : 'below'} the median`
  const text = `${subject} is ${short(value)}, ${usual}${far}`
  return { kind: 'dimension', ...found, ...(name === undefined ? {} : { name }), text }
}

function neighboursReason({
  distances,
  nearestId,
  usual,
}: Exclude<Evidence['neighbours'], undefined>): NeighboursReason[] {
  const { mean: distance, count } = finiteMean(distances)
  if (count === 0) return []
  const [low, high] = [usual?.low[0], usual?.high[0]]
  const known = low !== undefined && high !== undefined && (usual?.count ?? 0) > 0
  if (known && distance <= high) return []
  const which =
    count === 1
      ? 'its nearest item is at the distance'
      : `its ${count} nearest items are at the mean distance`
  const nearest = nearestId === undefined ? undefined : { id: nearestId, distance: distances[0] as number }
  const text = [
    `${which} ${short(distance)}`,
    ...(known ? [`, usually ${short(low)} to ${short(high)}`] : []),
    ...(nearest ? [`; the nearest, ${JSON.stringify(nearest.id)}, is at ${short(nearest.distance)}`] : []),
  ].join('')
  return [
    {
      kind: 'neighbours',
      distance,
      count,
      ...(known ? { low, high } : {}),
      ...(nearest ? { nearest } : {}),
      text,
    },
  ]
}

function passageReason({
  text: begins,
  ...passage
}: Exclude<Evidence['passage'], undefined>): PassageReason[] {
  const { index, passages, distance, others } = passage
  if (distance <= others) return []
  const quoted = begins === undefined ? '' : `: ${JSON.stringify(shorten(begins))}`
  const text = `passage ${index + 1} of ${passages} is farthest from the other items, at ${short(distance)} where its others are at ${short(others)}${quoted}`
  return [{ kind: 'passage', ...passage, text }]
}

function regionReason(region: Exclude<Evidence['region'], undefined>): RegionReason {
  const { x, y, width, height, share } = region
  const text = `${percent(share)} of the reconstruction's error lies in ${width} x ${height} pixels at (${x}, ${y})`
  return { kind: 'region', x, y, width, height, share, text }
}

/** Distances beyond those that there are, are Infinity. */
function finiteMean(distances: ArrayLike<number>): { mean: number; count: number } {
  const finite = Array.from(distances).filter((distance) => Number.isFinite(distance))
  const sum = finite.reduce((total, distance) => total + distance, 0)
  return { mean: finite.length > 0 ? sum / finite.length : Number.POSITIVE_INFINITY, count: finite.length }
}

/** Three digits that count; whole numbers of up to six stay whole. */
function short(value: number): string {
  return String(Number.isInteger(value) && Math.abs(value) < 1e6 ? value : Number(value.toPrecision(3)))
}

/** The first words of a passage, on one line. */
function shorten(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim()
  const characters = Array.from(line)
  return characters.length > 80 ? `${characters.slice(0, 80).join('')}…` : line
}
