import type { CollectionRecord, Facets, SpaceRecord, StoredItem } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { conditionsOf, type Filter } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import { matcher } from '../query/matches.js'
import { type AnomalySource, parseField, parseWhere } from '../query/parse-where.js'
import type { EngineContext } from './engine-context.js'
import { heldOutOf } from './fitted-settings.js'
import { firstJudging, firstReconstructing } from './reconstructing-space.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

export interface FacetOptions {
  /** Metadata fields, by their dotted names; at most 20. Default: none, so that only matches are counted. */
  fields?: readonly string[]
  /** Only items that match. */
  where?: unknown
  /** Values of each field, 1 to 1,000. Default 10. */
  limit?: number
}

export interface FacetAnswer {
  /** Items that match. */
  matches: number
  facets: Facets
}

const FACET_FIELDS: ReadonlySet<string> = new Set(['fields', 'where', 'limit'])
const MAX_FACETS = 20
const MAX_INDEXED = 64

/**
 * Reads a filter over a collection.
 *
 * @param space whose judgements `$anomaly` means, where it has some; else those of the space that outliers are asked of
 * @returns undefined where every item matches
 * @throws EngineError INVALID_FILTER
 */
export function readWhere(where: unknown, record: CollectionRecord, space?: SpaceRecord): Filter | undefined {
  if (where === undefined) return undefined
  const filter = parseWhere(where, { anomaly: () => anomalySource(record, space) })
  return filter.op === 'and' && filter.of.length === 0 ? undefined : filter
}

/** A filter that says which items go. @throws EngineError INVALID_FILTER where it would be all of them */
export function readDeletion(where: unknown, record: CollectionRecord): Filter {
  const filter = readWhere(where, record)
  if (filter) return filter
  const message = 'where must name at least one condition; to delete everything, delete the collection'
  throw new EngineError('INVALID_FILTER', message, { details: { field: 'where' } })
}

/**
 * Whether an item as it was read matches, as far as can be seen from it: it may have been written to since it was found.
 *
 * @returns undefined where nothing can be seen
 */
export function rechecked(filter: Filter | undefined): ((item: StoredItem) => boolean) | undefined {
  if (!filter || asksJudgements(filter)) return undefined
  const holds = matcher(filter)
  return ({ id, metadata }) => metadata === undefined || holds({ id, metadata })
}

/** Whether what matches depends on what is known of outliers. */
export function asksJudgements(filter: Filter): boolean {
  return conditionsOf(filter).some(({ field }) => field.kind === 'anomaly')
}

/** Counts what matches, and the most frequent values of some fields. */
export async function countFacets(
  context: EngineContext,
  record: CollectionRecord,
  input: unknown,
): Promise<FacetAnswer> {
  const options = checkFields(input, FACET_FIELDS, 'facet options')
  const limit = options.limit === undefined ? 10 : checkInteger(options.limit, 'limit', 1, LIMITS.pageItems)
  const fields = checkFacets(options.fields ?? [], 'fields')
  const where = readWhere(options.where, record)
  await context.detections.judged(record.name, where)
  const { backend } = context
  const [matches, facets] = await Promise.all([
    backend.count(record.name, where),
    fields.length === 0 ? {} : backend.facets(record.name, { fields, where, limit }),
  ])
  return { matches, facets }
}

/** @throws EngineError INVALID_REQUEST, INVALID_FILTER for what is not the name of a metadata field */
export function checkFacets(value: unknown, name: string): string[] {
  return checkNames(value, name, MAX_FACETS)
}

/** The fields that filters are to find fast. @throws as {@link checkFacets} */
export function checkIndexed(value: unknown): string[] {
  return checkNames(value, 'indexed', MAX_INDEXED)
}

function checkNames(value: unknown, name: string, most: number): string[] {
  if (!Array.isArray(value))
    throw invalid(name, `${name} must be an array of field names, got ${show(value)}`)
  if (value.length > most) throw invalid(name, `${name} has at most ${most} names, got ${value.length}`)
  const names = value.map((field: unknown, i) => parseField(field, `${name}[${i}]`))
  return [...new Set(names)]
}

function anomalySource(record: CollectionRecord, space: SpaceRecord | undefined): AnomalySource | undefined {
  const judging = space?.detection ? space : undefined
  const owns = space && heldOutOf(space.settings) ? space : undefined
  const verdicts = judging ?? (owns ? undefined : firstJudging(record))
  if (verdicts) return { space: verdicts.name, detector: 'verdict' }
  const reconstructs = owns ?? firstReconstructing(record)
  return reconstructs && { space: reconstructs.name, detector: 'reconstruction' }
}
