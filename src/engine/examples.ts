import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { combineExamples, meanDirection, type Weighted } from '../query/rocchio.js'
import type { EngineContext } from './engine-context.js'
import { checkFields, invalid, isPlainObject, show } from './requests.js'
import { findQuestion, type Question } from './search.js'
import { type CheckedSearch, checkSearch } from './search-request.js'

type Side = 'positive' | 'negative'

/** A checked example. */
interface CheckedPart {
  side: Side
  /** Where it stands: `query.positive[0]`. */
  place: string
  weight: number
  /** Asks for it alone. */
  search: CheckedSearch
}

/** A checked query by examples: at least one is positive. */
export interface CheckedExamples {
  parts: readonly CheckedPart[]
  /** The request with its first example as the query, for all that is not of the examples. */
  search: CheckedSearch
}

/** So that sums and ratios of weights stay finite. */
const MOST_WEIGHT = 1e9
const QUERY_FIELDS: ReadonlySet<string> = new Set(['positive', 'negative'])
const PART_FIELDS: ReadonlySet<string> = new Set([
  'text',
  'id',
  'vector',
  'image',
  'encoder',
  'weight',
  'space',
])

/** Whether a request asks by examples. */
export function asksByExamples(query: unknown): query is Record<string, unknown> {
  return isPlainObject(query) && (query.positive !== undefined || query.negative !== undefined)
}

/**
 * Checks a request by examples.
 *
 * @throws EngineError INVALID_REQUEST naming the field, and what {@link checkSearch} throws, naming the example
 */
export function checkExamples(request: Record<string, unknown>, record: CollectionRecord): CheckedExamples {
  const query = checkFields(request.query, QUERY_FIELDS, 'query by examples')
  const given = [...partsOf(query.positive, 'positive'), ...partsOf(query.negative, 'negative')]
  if (given.length > LIMITS.examples) {
    throw invalid('query', `query has at most ${LIMITS.examples} examples, got ${given.length}`)
  }
  const parts: CheckedPart[] = []
  let whole: CheckedSearch | undefined
  for (const { value, side, place } of given) {
    const { weight, space, ...asked } = checkPart(value, place)
    const own = { query: asked, space: space ?? request.space, metric: request.metric }
    const check = (input: unknown): CheckedSearch => {
      try {
        return checkSearch(input, record)
      } catch (error) {
        throw placed(error, place, space !== undefined)
      }
    }
    const search = check(own)
    parts.push({ side, place, weight, search })
    // what is not of the examples is checked beside the first
    whole ??= check({ ...request, ...own })
  }
  if (!whole) throw noPositive()
  return { parts, search: whole }
}

function partsOf(value: unknown, side: Side): { value: unknown; side: Side; place: string }[] {
  const field = `query.${side}`
  if (value === undefined && side === 'negative') return []
  if (value === undefined) throw noPositive()
  if (!Array.isArray(value)) throw invalid(field, `${field} must be an array of examples, got ${show(value)}`)
  if (value.length === 0 && side === 'positive') throw noPositive()
  return value.map((part: unknown, i) => ({ value: part, side, place: `${field}[${i}]` }))
}

function noPositive(): EngineError {
  const message =
    'query.positive must hold at least one example; what is only unlike something is nowhere in particular'
  return invalid('query.positive', message)
}

function checkPart(value: unknown, place: string): Record<string, unknown> & { weight: number } {
  if (!isPlainObject(value)) {
    const message = `${place} must be an object with one of text, id, image, vector, got ${show(value)}`
    throw invalid(place, message)
  }
  const odd = Object.keys(value).find((key) => !PART_FIELDS.has(key))
  if (odd !== undefined) {
    const known = [...PART_FIELDS].join(', ')
    throw invalid(`${place}.${odd}`, `unknown field ${show(odd)} in ${place}; known are ${known}`)
  }
  const { weight = 1 } = value
  if (typeof weight !== 'number' || !(weight > 0 && weight <= MOST_WEIGHT)) {
    const message = `${place}.weight must be a number above 0 and at most ${MOST_WEIGHT}, got ${show(weight)}; what counts against goes to query.negative`
    throw invalid(`${place}.weight`, message)
  }
  return { ...value, weight }
}

/**
 * What an example is asked by alone calls it `query`; here it has a place.
 *
 * @param ownSpace whether the example names its space
 */
function placed(error: unknown, place: string, ownSpace: boolean): unknown {
  if (!(error instanceof EngineError)) return error
  const field = error.details?.field
  const message = error.message.replace(/^query\b/, place)
  if (field === 'space' && ownSpace) {
    return new EngineError(error.code, message, { details: { ...error.details, field: `${place}.space` } })
  }
  if (field === undefined ? error.code !== 'INVALID_ID' : !String(field).startsWith('query')) return error
  const at = field === undefined ? place : String(field).replace(/^query/, place)
  return new EngineError(error.code, message, { cause: error, details: { ...error.details, field: at } })
}

/** What the examples of one space ask. */
export interface SpaceQuestion {
  space: SpaceRecord
  vector: Float32Array
  /** The sum of their weights. */
  weight: number
}

/** Makes or reads the vectors of the examples, and makes one of each space's. */
export async function resolveExamples(
  context: EngineContext,
  record: CollectionRecord,
  { parts }: CheckedExamples,
  signal: AbortSignal | undefined,
): Promise<{ questions: SpaceQuestion[]; ids: string[] }> {
  const ids = [...new Set(parts.flatMap(({ search: { query } }) => (query.kind === 'id' ? [query.id] : [])))]
  const items =
    ids.length === 0
      ? new Map<string, StoredItem>()
      : await context.backend.get(record.name, ids, { vectors: true })
  const spaces = placeParts(parts, items, record)
  const vectors = await Promise.all(
    parts.map(async ({ place, search }, i) => {
      const { query } = search
      const questionOfPart = async (): Promise<Question> => {
        try {
          return await findQuestion(context, record, search, signal)
        } catch (error) {
          throw placed(error, place, false)
        }
      }
      const own = query.kind === 'id' ? items.get(query.id)?.vectors?.[spaces[i]?.name ?? ''] : undefined
      const made = own ?? (await questionOfPart()).vectors
      const direction = meanDirection(made)
      if (direction) return direction
      const message = `${place} has no direction: its vector is zero, or its passages cancel out`
      throw new EngineError('ZERO_VECTOR', message, { details: { field: place } })
    }),
  )
  const questions = [...new Set(spaces)].map((space) => {
    const inside = parts.flatMap(
      ({ side, weight, place }, i): (Weighted & { side: Side; place: string })[] => {
        const vector = vectors[i]
        return vector && spaces[i] === space ? [{ side, weight, vector, place }] : []
      },
    )
    return questionOf(space, inside)
  })
  return { questions, ids }
}

function questionOf(
  space: SpaceRecord,
  inside: readonly (Weighted & { side: Side; place: string })[],
): SpaceQuestion {
  const positives = inside.filter(({ side }) => side === 'positive')
  const negatives = inside.filter(({ side }) => side === 'negative')
  const [negative] = negatives
  if (positives.length === 0 && negative) {
    const message = `space "${space.name}" has negative examples and no positive one; give it one, or give ${negative.place} the space of another`
    throw invalid(negative.place, message)
  }
  const vector = combineExamples(positives, negatives)
  if (!vector) {
    const field = negative ? 'query.negative' : 'query.positive'
    throw invalid(
      field,
      `${field}: the examples in space "${space.name}" cancel out, so that nothing is asked; leave some out or weigh them otherwise`,
    )
  }
  return { space, vector, weight: inside.reduce((sum, { weight }) => sum + weight, 0) }
}

/**
 * The space of each example. An item whose space is not named goes to a space that the other examples are of, else to
 * the first that all such items have a vector of, else to the first that it has one of.
 */
function placeParts(
  parts: readonly CheckedPart[],
  items: ReadonlyMap<string, StoredItem>,
  record: CollectionRecord,
): SpaceRecord[] {
  const settled = parts.filter(({ search }) => search.query.kind !== 'id' || search.others.length === 0)
  const preferred = [...new Set(settled.map(({ search }) => search.space))]
  const has = (id: string, space: SpaceRecord): boolean =>
    (items.get(id)?.vectors?.[space.name] ?? []).length > 0
  const loose = parts.flatMap(({ search }) =>
    search.query.kind === 'id' && search.others.length > 0 ? [search.query.id] : [],
  )
  return parts.map(({ search, place }) => {
    const { query } = search
    if (query.kind !== 'id') return search.space
    const { id } = query
    if (!items.has(id)) {
      const message = `collection "${record.name}" has no item ${show(id)}`
      throw new EngineError('ITEM_NOT_FOUND', message, { details: { field: `${place}.id`, id } })
    }
    const candidates = search.others.length > 0 ? [search.space, ...search.others] : [search.space]
    const own = candidates.filter((space) => has(id, space))
    const found =
      own.find((space) => preferred.includes(space)) ??
      own.find((space) => loose.every((other) => has(other, space))) ??
      own[0]
    if (found) return found
    const names = candidates.map(({ name }) => `"${name}"`).join(', ')
    throw invalid(`${place}.id`, `item ${show(id)} has no vector in space ${names}`)
  })
}
