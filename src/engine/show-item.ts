import type { ItemFields, StoredAnomaly, StoredItem } from '../core/backend.js'
import type { Anomaly, Item } from '../core/types.js'
import { JUDGING } from './reconstructing-space.js'

/** A stored item as it is given back, with the fields that were asked. */
export function showItem(stored: StoredItem, fields: ItemFields): Item {
  const item: Item = { id: stored.id }
  if (fields.metadata) item.metadata = stored.metadata ?? {}
  if (fields.text) item.text = stored.text ?? null
  if (fields.vectors) item.vectors = showVectors(stored.vectors)
  const anomaly = fields.anomaly ? showAnomaly(stored) : undefined
  if (anomaly) item.anomaly = anomaly
  item.hasImage = stored.hasImage
  return item
}

/** Vectors as plain arrays. */
export function showVectors(vectors: StoredItem['vectors'] = {}): Record<string, number[][]> {
  const shown = Object.entries(vectors).map(([space, passages]) => [
    space,
    passages.map((v) => Array.from(v)),
  ])
  return Object.fromEntries(shown) as Record<string, number[][]>
}

/**
 * What is said of how strange an item is: in the space that is asked, else in one that has a verdict, else in the first by
 * name that has judged it.
 *
 * @returns undefined where none has
 */
export function showAnomaly({ anomaly = {}, correction }: StoredItem, space?: string): Anomaly | undefined {
  const names = Object.keys(anomaly).sort()
  const judging = [...JUDGING, ...names].find((known) => anomaly[known]?.[0]?.detection !== undefined)
  const name = space !== undefined && anomaly[space] ? space : (judging ?? names[0])
  const [judged, ...others] = (name === undefined ? undefined : anomaly[name]) ?? []
  if (name === undefined || judged === undefined) return undefined
  const { version, detector, detection, score, error, percentile, pValue, flagged } = judged
  const shown: Anomaly = { space: name, version, detector, score, error, percentile, flagged }
  if (detection !== undefined && pValue !== undefined) {
    shown.detection = detection
    shown.error = ownError([...others, ...names.flatMap((known) => anomaly[known] ?? [])])
    shown.pValue = pValue
    shown.detectors = Object.fromEntries(
      others.flatMap((other) =>
        other.pValue === undefined ? [] : [[other.detector, { score: other.score, pValue: other.pValue }]],
      ),
    )
  }
  if (correction) shown.correction = correction
  return shown
}

/** The error of the first encoder that has one. */
function ownError(scores: readonly StoredAnomaly[]): number | null {
  return scores.find(({ error }) => error !== null)?.error ?? null
}
