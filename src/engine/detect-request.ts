import { falseDiscoveries } from '../anomaly/false-discovery.js'
import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import type { DetectionReport } from '../core/detection.js'
import type { Filter } from '../core/filter.js'
import type { DetectOptions } from '../core/types.js'
import type { FlagRule } from './detection-service.js'
import { isImageSpace } from './engine-context.js'
import { readWhere } from './filters.js'
import { unknownSpace } from './prepare-item.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

/** What part of normal items may be flagged where nothing else is asked. */
export const DEFAULT_RATE = 0.01

/**
 * The space of pictures in which outliers are looked for where none is named: its descriptor is made to tell strangers, and is
 * fitted when it is first needed.
 */
export const OUTLIER_SPACE = 'outliers'

const FIELDS: ReadonlySet<string> = new Set(['space', 'reference', 'rate', 'fdr', 'where', 'seed'])

/** What was asked, checked, with the defaults filled in. */
export interface CheckedDetect {
  space: SpaceRecord
  reference: 'clean' | 'mixed'
  flags: FlagRule
  /** As it was asked, and as it is read; undefined for all items. */
  where: unknown
  filter: Filter | undefined
  seed: number
}

/** @throws EngineError INVALID_REQUEST naming the field, SPACE_NOT_FOUND, INVALID_FILTER */
export function checkDetect(input: unknown, record: CollectionRecord): CheckedDetect {
  const options = checkFields(input, FIELDS, 'detection options') as { [N in keyof DetectOptions]: unknown }
  const space = findDetectSpace(record, options.space)
  return {
    space,
    reference: checkReference(options.reference) ?? 'mixed',
    flags: checkFlags(options.rate, options.fdr) ?? { rate: DEFAULT_RATE },
    where: options.where,
    filter: readWhere(options.where, record, space),
    seed: options.seed === undefined ? 1 : checkInteger(options.seed, 'seed', 0, 2 ** 32 - 1),
  }
}

/** @returns undefined where neither is asked */
export function checkFlags(rate: unknown, fdr: unknown): FlagRule | undefined {
  if (rate !== undefined && fdr !== undefined) {
    throw invalid('fdr', 'rate and fdr are two ways to say how many may be flagged wrongly: give one of them')
  }
  if (rate !== undefined) return { rate: share(rate, 'rate') }
  return fdr === undefined ? undefined : { fdr: share(fdr, 'fdr') }
}

export function checkReference(reference: unknown): 'clean' | 'mixed' | undefined {
  if (reference === undefined || reference === 'clean' || reference === 'mixed') return reference
  throw invalid(
    'reference',
    `reference must be "clean" (what it is fitted to is all normal) or "mixed" (it may hold strangers), got ${show(reference)}`,
  )
}

/**
 * The space that is named, else the first by preference.
 *
 * @throws EngineError SPACE_NOT_FOUND, INVALID_REQUEST where there is none
 */
export function findDetectSpace(record: CollectionRecord, name: unknown): SpaceRecord {
  if (name !== undefined) {
    if (typeof name !== 'string') throw invalid('space', `space must be a string, got ${show(name)}`)
    const found = record.spaces.find((space) => space.name === name.normalize('NFC'))
    if (found) return found
    if (name === OUTLIER_SPACE && record.spaces.some(isImageSpace)) return NOT_DESCRIBED
    throw unknownSpace(name, record, 'space')
  }
  const named = (wanted: string) => record.spaces.find((space) => space.name === wanted)
  if (record.spaces.some(isImageSpace)) return named(OUTLIER_SPACE) ?? NOT_DESCRIBED
  const first = named('text') ?? record.spaces[0]
  if (first) return first
  throw invalid('space', `collection "${record.name}" has no vectors to judge; add items to it first`)
}

/** {@link OUTLIER_SPACE} before it is there. */
const NOT_DESCRIBED: SpaceRecord = {
  ...{ name: OUTLIER_SPACE, encoder: '', encoderName: 'descriptor', dim: 0, metrics: ['euclidean'] },
  ...{ unit: false, input: 'image', version: 0 },
}

function share(value: unknown, field: string): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value
  throw invalid(field, `${field} must be a number above 0 and below 1, such as 0.01; got ${show(value)}`)
}

/**
 * Up to which p-value items are flagged, and the note where that is none.
 *
 * @param pValues of all items that are judged
 */
export function thresholdOf(
  flags: FlagRule,
  pValues: Float64Array,
  { calibratedOn }: Pick<DetectionReport, 'calibratedOn'>,
): { threshold: number; note?: string } {
  if ('rate' in flags) return { threshold: flags.rate }
  const { threshold, limitedBy, calibrationNeeded } = falseDiscoveries(pValues, {
    fdr: flags.fdr,
    calibratedOn,
  })
  if (threshold > 0) return { threshold }
  const why =
    limitedBy === 'calibration'
      ? `p-values come from ${calibratedOn} items and can be no smaller than 1 in ${calibratedOn + 1}, too few to tell one stranger among ${pValues.length}: about ${calibrationNeeded.toLocaleString('en')} would be needed, or a larger fdr`
      : 'none is strange enough'
  return { threshold, note: `no item can be flagged at a false discovery rate of ${flags.fdr}: ${why}` }
}
