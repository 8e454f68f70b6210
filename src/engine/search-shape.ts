import { LIMITS } from '../core/limits.js'
import { parseField } from '../query/parse-where.js'
import { checkInteger, invalid, show } from './requests.js'
import { readCursor } from './search-cursor.js'

/** What is made of the ranked list that a search finds. */
export interface SearchShape {
  minScore: number | undefined
  maxDistance: number | undefined
  /** How many results, or groups, are passed over; undefined where no pages were asked. */
  start: number | undefined
  groupBy: string | undefined
  groupSize: number
  /** Above 0, or undefined. */
  diversity: number | undefined
}

export const SHAPE_FIELDS = [
  'minScore',
  'maxDistance',
  'offset',
  'cursor',
  'groupBy',
  'groupSize',
  'diversity',
] as const

/** Choosing k different ones out of some hundreds takes k times as many comparisons. */
const MOST_DIVERSE = 100
const MOST_IN_GROUP = 100

/** What a shape may be of. */
export interface ShapedSearch {
  k: number
  mode: 'dense' | 'hybrid' | 'keyword' | 'examples'
  ef: number | undefined
  targetRecall: number | undefined
  /** See `requestHash`. */
  hash: () => string
}

/**
 * Checks what shapes an answer.
 *
 * @param given {@link SHAPE_FIELDS} of the request
 * @returns undefined where nothing was asked
 * @throws EngineError INVALID_REQUEST naming the field, INVALID_FILTER for what is not the name of a field
 */
export function checkShape(given: Record<string, unknown>, search: ShapedSearch): SearchShape | undefined {
  if (SHAPE_FIELDS.every((field) => given[field] === undefined)) return undefined
  const minScore = checkNumber(given.minScore, 'minScore')
  const maxDistance = checkNumber(given.maxDistance, 'maxDistance')
  if (maxDistance !== undefined && (search.mode === 'hybrid' || search.mode === 'keyword')) {
    const message = `maxDistance concerns vectors, and mode "${search.mode}" ranks by more than them; use minScore, or mode "dense"`
    throw invalid('maxDistance', message)
  }
  const start = checkStart(given, search)
  const exactly = start === undefined ? 'maxDistance' : given.cursor === undefined ? 'offset' : 'cursor'
  for (const field of ['ef', 'targetRecall'] as const) {
    if (search[field] === undefined || (start === undefined && maxDistance === undefined)) continue
    throw invalid(
      field,
      `${field} is of the index, but with ${exactly} every vector is compared; leave it out`,
    )
  }
  const groupBy = given.groupBy === undefined ? undefined : parseField(given.groupBy, 'groupBy')
  const groupSize = checkGroupSize(given, search.k)
  const diversity = checkDiversity(given, search)
  return { minScore, maxDistance, start, groupBy, groupSize, diversity }
}

function checkNumber(value: unknown, field: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
  throw invalid(field, `${field} must be a finite number, got ${show(value)}`)
}

function checkStart({ offset, cursor }: Record<string, unknown>, search: ShapedSearch): number | undefined {
  if (cursor !== undefined) {
    if (offset !== undefined) {
      throw invalid('cursor', 'cursor says where the page begins, and so does offset; give one of them')
    }
    return readCursor(cursor, search.hash())
  }
  if (offset === undefined) return undefined
  const start = checkInteger(offset, 'offset', 0, LIMITS.k)
  if (start + search.k <= LIMITS.k) return start
  const message = `offset and k must be at most ${LIMITS.k} together, got ${start} and ${search.k}; narrow the search with where instead`
  throw invalid('offset', message)
}

function checkGroupSize({ groupBy, groupSize }: Record<string, unknown>, k: number): number {
  if (groupSize === undefined) return 1
  if (groupBy === undefined) throw invalid('groupSize', 'groupSize stands beside groupBy only')
  const size = checkInteger(groupSize, 'groupSize', 1, MOST_IN_GROUP)
  if (size * k <= LIMITS.k) return size
  throw invalid(
    'groupSize',
    `k groups of groupSize must be at most ${LIMITS.k} items, got ${k} times ${size}`,
  )
}

function checkDiversity(given: Record<string, unknown>, { mode, k }: ShapedSearch): number | undefined {
  const { diversity } = given
  if (diversity === undefined) return undefined
  if (typeof diversity !== 'number' || !(diversity >= 0 && diversity <= 1)) {
    throw invalid('diversity', `diversity must be a number from 0 to 1, got ${show(diversity)}`)
  }
  const clash = (['groupBy', 'offset', 'cursor'] as const).find((field) => given[field] !== undefined)
  if (clash) {
    const reason = clash === 'groupBy' ? 'groups are another way to spread results' : 'it has no next page'
    throw invalid(
      'diversity',
      `diversity chooses k items as a whole, so it goes not with ${clash}: ${reason}`,
    )
  }
  if (mode === 'keyword') {
    throw invalid('diversity', 'diversity compares vectors, which mode "keyword" does not; use mode "hybrid"')
  }
  if (k > MOST_DIVERSE) {
    throw invalid('k', `k must be at most ${MOST_DIVERSE} with diversity, got ${k}`)
  }
  return diversity === 0 ? undefined : diversity
}
