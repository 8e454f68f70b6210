import { flagThreshold } from '../anomaly/held-out-scores.js'
import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import { LIMITS } from '../core/limits.js'
import type { Anomaly } from '../core/types.js'
import type { EngineContext } from './engine-context.js'
import { heldOutOf } from './fitted-settings.js'
import { unknownSpace } from './prepare-item.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

export interface OutlierOptions {
  /** Default: the first of `autoencoder`, `vae`, `pca`, then any other whose encoder reconstructs. */
  space?: string
  /** 1 to 1,000. Default 10. */
  limit?: number
  /** Only those that are flagged. Default false. */
  flagged?: boolean
}

export interface OutlierAnswer {
  /** The strangest first. */
  outliers: (Anomaly & { id: string })[]
  space: string
  /** Above this score an item is flagged. */
  threshold: number
  /** Items that were judged, and those of them that are flagged. */
  scored: number
  flagged: number
}

const DETECTOR = 'reconstruction'
const FIELDS: ReadonlySet<string> = new Set(['space', 'limit', 'flagged'])
const PREFERRED = ['autoencoder', 'vae', 'pca']

/** The items that a space's encoder knows worst, as they were judged when they were added. */
export async function findOutliers(
  context: EngineContext,
  record: CollectionRecord,
  input: unknown,
): Promise<OutlierAnswer> {
  const options = checkFields(input, FIELDS, 'outlier options')
  const limit = options.limit === undefined ? 10 : checkInteger(options.limit, 'limit', 1, LIMITS.pageItems)
  if (options.flagged !== undefined && typeof options.flagged !== 'boolean') {
    throw invalid('flagged', `flagged must be true or false, got ${show(options.flagged)}`)
  }
  const { name: space, settings } = reconstructingSpace(record, options.space)
  const held = heldOutOf(settings)
  const { backend } = context
  const query = { detector: DETECTOR, limit, ...(options.flagged ? { flagged: true } : {}) }
  const [found, counts] = await Promise.all([
    backend.strangest(record.name, space, query),
    backend.countAnomalies(record.name, space, DETECTOR),
  ])
  const outliers = found.map((anomaly) => ({ ...anomaly, space }))
  return { outliers, space, threshold: held ? flagThreshold(held) : Number.NaN, ...counts }
}

/**
 * The space whose encoder reconstructs pictures: the one that is named, or the first by preference.
 *
 * @throws EngineError SPACE_NOT_FOUND, INVALID_REQUEST
 */
export function reconstructingSpace(record: CollectionRecord, name: unknown): SpaceRecord {
  const known = record.spaces.filter((space) => heldOutOf(space.settings) !== undefined)
  const names = known.map((space) => space.name).join(', ') || 'none'
  if (name === undefined) {
    const first = PREFERRED.flatMap((encoder) => known.filter((space) => space.encoderName === encoder))[0]
    if (first) return first
    throw invalid(
      'space',
      `collection "${record.name}" has no encoder that reconstructs pictures; train one first: kindred train ${record.name} --encoder autoencoder`,
    )
  }
  if (typeof name !== 'string') throw invalid('space', `space must be a string, got ${show(name)}`)
  const space = record.spaces.find((found) => found.name === name.normalize('NFC'))
  if (!space) throw unknownSpace(name, record, 'space')
  if (known.includes(space)) return space
  throw invalid(
    'space',
    `the encoder of space "${name}" does not reconstruct pictures; those that do: ${names}`,
  )
}
