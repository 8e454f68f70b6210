import { flagThreshold } from '../anomaly/held-out-scores.js'
import type { CollectionRecord } from '../core/backend.js'
import { LIMITS } from '../core/limits.js'
import type { Anomaly } from '../core/types.js'
import type { EngineContext } from './engine-context.js'
import { readWhere } from './filters.js'
import { heldOutOf } from './fitted-settings.js'
import { reconstructingSpace } from './reconstructing-space.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

export interface OutlierOptions {
  /** Default: the first of `autoencoder`, `vae`, `pca`, then any other whose encoder reconstructs. */
  space?: string
  /** 1 to 1,000. Default 10. */
  limit?: number
  /** Only those that are flagged. Default false. */
  flagged?: boolean
  /** Only items that match. */
  where?: unknown
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
const FIELDS: ReadonlySet<string> = new Set(['space', 'limit', 'flagged', 'where'])

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
  const judges = reconstructingSpace(record, options.space)
  const { name: space, settings } = judges
  const where = readWhere(options.where, record, judges)
  const held = heldOutOf(settings)
  const { backend } = context
  const query = { detector: DETECTOR, limit, where, ...(options.flagged ? { flagged: true } : {}) }
  const [found, counts] = await Promise.all([
    backend.strangest(record.name, space, query),
    backend.countAnomalies(record.name, space, DETECTOR),
  ])
  const outliers = found.map((anomaly) => ({ ...anomaly, space }))
  return { outliers, space, threshold: held ? flagThreshold(held) : Number.NaN, ...counts }
}
