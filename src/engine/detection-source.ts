import { spareNeighbours } from '../anomaly/neighbour-count.js'
import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { DetectionRows, DetectorName } from '../core/detection.js'
import type { Filter } from '../core/filter.js'
import { normalize } from '../core/vectors.js'
import type { EngineContext } from './engine-context.js'
import { heldOutOf } from './fitted-settings.js'
import { Pace } from './pace.js'
import { firstReconstructing, reconstructs } from './reconstructing-space.js'

/** Nearest other items that are looked for where nothing else is said. */
const NEIGHBOURS = 10

/** The items beside which others are judged. */
export interface DetectionSource {
  collection: string
  space: SpaceRecord
  /** Only items that match; all where undefined. */
  filter: Filter | undefined
  /** Ids that were left out as strange. */
  trimmed: ReadonlySet<string>
}

/** Vectors with ids that a detection is to judge. `id` is not its own neighbour. */
export interface Subject {
  id: string | undefined
  vector: Float32Array
}

/** An item's vector among detectors: its own, or of several passages their mean, of length 1 where the space's are. */
export function itemVector(passages: readonly Float32Array[], { dim, unit }: SpaceRecord): Float32Array {
  const [first] = passages
  if (passages.length === 1 && first) return first
  const mean = new Float32Array(dim)
  for (const passage of passages) {
    for (let i = 0; i < dim; i++) mean[i] = (mean[i] as number) + (passage[i] as number) / passages.length
  }
  return unit && mean.some((value) => value !== 0) ? normalize(mean) : mean
}

/**
 * The spaces whose encoders give a score of their own to items of `space`, by detector: its own encoder's, else that of
 * the first trained encoder of the collection's pictures.
 */
export function scoringSpaces(record: CollectionRecord, space: SpaceRecord): Map<DetectorName, SpaceRecord> {
  if (space.input !== 'image') return new Map()
  const found = new Map<DetectorName, SpaceRecord>()
  const reconstructing = reconstructs(space) ? space : firstReconstructing(record)
  if (reconstructing) found.set('reconstruction', reconstructing)
  const bounding = [space, ...record.spaces].find(({ settings }) => heldOutOf(settings, 'heldNelbo'))
  if (bounding) found.set('nelbo', bounding)
  return found
}

/** {@link scoringSpaces} as they are kept with a detection. */
export function columnNames(scoring: ReadonlyMap<DetectorName, SpaceRecord>): [string, string, number][] {
  return Array.from(scoring, ([detector, { name, version }]) => [detector, name, version])
}

/** What encoders said of stored items, in their order; NaN where they said nothing. */
export function columnsOf(
  items: readonly (StoredItem | undefined)[],
  scoring: ReadonlyMap<DetectorName, SpaceRecord>,
): DetectionRows['columns'] {
  const columns: DetectionRows['columns'] = {}
  for (const [detector, { name, version }] of scoring) {
    columns[detector] = Float64Array.from(items, (item) => {
      const said = item?.anomaly?.[name]?.find(
        (score) => score.detector === detector && score.detection === undefined && score.version === version,
      )
      return said?.score ?? Number.NaN
    })
  }
  return columns
}

/** Whether an index tells a space's nearest items: where an encoder made the vectors, so that its metric means something. */
export function asksIndex({ encoder }: SpaceRecord): boolean {
  return encoder !== null
}

/**
 * Nearest other items of each subject, nearest first; those that were left out as strange are passed over.
 *
 * @param options.neighbours how many at most; default 10
 */
export async function nearestOf(
  context: EngineContext,
  source: DetectionSource,
  subjects: readonly Subject[],
  options: {
    neighbours?: number
    signal?: AbortSignal | undefined
    onProgress?: (done: number) => void
  } = {},
): Promise<{ id: string; distance: number }[][]> {
  const found: { id: string; distance: number }[][] = []
  const { neighbours = NEIGHBOURS } = options
  const pace = new Pace(options.signal)
  for (const subject of subjects) {
    found.push(await nearestTo(context, source, subject, neighbours))
    if (pace.due) {
      options.onProgress?.(found.length)
      await pace.rest()
    }
  }
  return found
}

async function nearestTo(
  context: EngineContext,
  { collection, space, filter, trimmed }: DetectionSource,
  { id, vector }: Subject,
  neighbours: number,
): Promise<{ id: string; distance: number }[]> {
  const metric = space.metrics[0] ?? 'cosine'
  if (metric === 'cosine' && !vector.some((value) => value !== 0)) return []
  for (let k = trimmed.size > 0 ? neighbours + spareNeighbours(neighbours) : neighbours; ; k *= 4) {
    const { hits } = await context.backend.nearest(collection, {
      ...{ space: space.name, encoder: space.encoder, vectors: [vector], metric, k, borders: false },
      ...(filter ? { where: filter } : {}),
      ...(id === undefined ? {} : { exclude: [id] }),
    })
    const kept = hits.filter((hit) => !trimmed.has(hit.id))
    if (kept.length >= neighbours || hits.length < k) return kept.slice(0, neighbours)
  }
}

/**
 * Puts subjects and what is known of them side by side.
 *
 * @param nearest others of each subject; some of them may be subjects themselves
 */
export function toRows(
  space: SpaceRecord,
  subjects: readonly Subject[],
  columns: DetectionRows['columns'],
  nearest: readonly { id: string; distance: number }[][] | undefined,
): DetectionRows {
  const { dim } = space
  const count = subjects.length
  const values = new Float32Array(count * dim)
  for (const [i, { vector }] of subjects.entries()) values.set(vector, i * dim)
  const rows: DetectionRows = {
    values,
    count,
    dim,
    columns,
    texts: space.input === 'text' && asksIndex(space),
    ownError: reconstructs(space),
  }
  if (!nearest) return rows
  const width = nearest.reduce((most, { length }) => Math.max(most, length), NEIGHBOURS)
  rows.nearest = new Float32Array(count * width).fill(Number.POSITIVE_INFINITY)
  rows.nearestRows = new Int32Array(count * width).fill(-1)
  const places = new Map(subjects.map(({ id }, i) => [id, i]))
  for (const [i, others] of nearest.entries()) {
    for (const [n, { id, distance }] of others.entries()) {
      rows.nearest[i * width + n] = distance
      rows.nearestRows[i * width + n] = places.get(id) ?? -1
    }
  }
  return rows
}
