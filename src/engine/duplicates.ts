import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { Filter } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import {
  DUPLICATE_PARTS,
  DUPLICATE_RELATIONS,
  type DuplicateGroup,
  type DuplicateOptions,
  type DuplicatePage,
  type DuplicateSummary,
} from '../core/types.js'
import type { EngineContext } from './engine-context.js'
import { readWhere } from './filters.js'
import { unknownSpace } from './prepare-item.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'
import { startAlone } from './start-alone.js'

const FIELDS: ReadonlySet<string> = new Set([
  'relations',
  'by',
  'textThreshold',
  'imageThreshold',
  'space',
  'threshold',
  'where',
])
const PAGE_FIELDS: ReadonlySet<string> = new Set(['limit', 'cursor'])
const DEFAULT_PAGE = 100
/** The report that holds the groups of the latest search. */
const REPORT = 'duplicates'
/** Whose vectors are compared where no space is named: the first of these, else the first there is. */
const PREFERRED = ['text', 'descriptor']

/** What was asked, checked, with the defaults filled in. */
interface CheckedDuplicates {
  settings: Required<Omit<DuplicateOptions, 'space' | 'where'>>
  space: SpaceRecord | undefined
  /** What it means, and as it was written; undefined where every item matches. */
  where: { filter: Filter; written: unknown } | undefined
}

/** @throws EngineError INVALID_REQUEST naming the field, INVALID_FILTER, SPACE_NOT_FOUND */
export function checkDuplicates(input: unknown, record: CollectionRecord): CheckedDuplicates {
  const options = checkFields(input, FIELDS, 'duplicate options')
  const relations = options.relations === undefined ? ['exact', 'near'] : options.relations
  if (!Array.isArray(relations) || relations.length === 0) {
    throw invalid(
      'relations',
      `relations must be one or more of ${list(DUPLICATE_RELATIONS)}, got ${show(relations)}`,
    )
  }
  const settings = {
    relations: [...new Set(relations.map((value) => oneOf(value, DUPLICATE_RELATIONS, 'relations')))],
    by: options.by === undefined ? 'item' : oneOf(options.by, DUPLICATE_PARTS, 'by'),
    textThreshold: numberIn(options.textThreshold, 'textThreshold', 0.5, 0.7),
    imageThreshold: numberIn(options.imageThreshold, 'imageThreshold', 0.9, 0.95),
    threshold: numberIn(options.threshold, 'threshold', 0, 0.95),
  }
  const similar = settings.relations.includes('similar')
  const pointless = (['space', 'threshold'] as const).find((name) => options[name] !== undefined && !similar)
  if (pointless) throw invalid(pointless, `${pointless} is of similar items: ask for the relation "similar"`)
  const filter = readWhere(options.where, record)
  return {
    settings,
    space: similar ? findSpace(record, options.space) : undefined,
    where: filter && { filter, written: structuredClone(options.where) },
  }
}

/**
 * Starts a search for a collection's duplicates, as a job that keeps what it finds.
 *
 * @throws EngineError CONFLICT where one is running already
 */
export function startDuplicates(
  context: EngineContext,
  record: CollectionRecord,
  { settings, space, where }: CheckedDuplicates,
): { id: string; finished: Promise<DuplicateSummary> } {
  const { backend } = context
  const collection = record.name
  return startAlone(
    context,
    {
      key: JSON.stringify([collection, REPORT]),
      doing: `looks for the duplicates of collection "${collection}"`,
    },
    { kind: 'duplicates', collection, unit: 'items', recorded: true },
    async ({ signal, progress }) => {
      const { findDuplicates } = await import('../duplicates/find-duplicates.js')
      return findDuplicates({ backend, collection, report: REPORT, settings, space, where, signal, progress })
    },
  )
}

/**
 * A page of what the latest search found.
 *
 * @throws EngineError NOT_FOUND where there was none, INVALID_REQUEST
 */
export async function readDuplicates(
  context: EngineContext,
  collection: string,
  input: unknown,
): Promise<DuplicatePage> {
  const { limit = DEFAULT_PAGE, cursor } = checkFields(input, PAGE_FIELDS, 'options')
  if (cursor !== undefined && typeof cursor !== 'string') {
    throw invalid('cursor', `cursor must be a string from the page before, got ${show(cursor)}`)
  }
  const page = await context.backend.report(collection, REPORT, {
    limit: checkInteger(limit, 'limit', 1, LIMITS.pageItems),
    ...(cursor === undefined ? {} : { cursor }),
  })
  if (!page) {
    const message = `nobody has looked for the duplicates of collection "${collection}" yet: POST …/duplicates, or kindred duplicates ${collection}`
    throw new EngineError('NOT_FOUND', message)
  }
  const summary = page.head as unknown as DuplicateSummary
  const groups = page.rows.map((row) => JSON.parse(row) as DuplicateGroup)
  return { ...summary, groups, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) }
}

/** All groups of the latest search, with its summary. */
export async function readAllDuplicates(context: EngineContext, collection: string): Promise<DuplicatePage> {
  const { cursor: next, ...all } = await readDuplicates(context, collection, { limit: LIMITS.pageItems })
  for (let cursor = next; cursor !== undefined; ) {
    const page = await readDuplicates(context, collection, { limit: LIMITS.pageItems, cursor })
    all.groups.push(...page.groups)
    cursor = page.cursor
  }
  return all
}

function findSpace(record: CollectionRecord, name: unknown): SpaceRecord {
  if (name !== undefined && typeof name !== 'string') {
    throw invalid('space', `space must be a string, got ${show(name)}`)
  }
  const names = name === undefined ? PREFERRED : [name.normalize('NFC')]
  const found = names.flatMap((wanted) => record.spaces.filter((space) => space.name === wanted))[0]
  if (found) return found
  if (name !== undefined) throw unknownSpace(name, record, 'space')
  const [first] = record.spaces
  if (first) return first
  const message = `collection "${record.name}" has no vectors to compare; leave the relation "similar" out, or add pictures first`
  throw invalid('space', message)
}

function oneOf<T extends string>(value: unknown, known: readonly T[], field: string): T {
  const found = known.find((name) => name === value)
  if (found !== undefined) return found
  throw invalid(field, `${field} must be one of ${list(known)}; got ${show(value)}`)
}

function list(known: readonly string[]): string {
  return known.map((name) => `"${name}"`).join(', ')
}

function numberIn(value: unknown, field: string, min: number, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && value >= min && value <= 1) return value
  throw invalid(field, `${field} must be a number from ${min} to 1, got ${show(value)}`)
}
