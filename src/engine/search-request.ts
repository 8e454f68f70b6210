import type { CollectionRecord, ItemFields, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { Filter } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import { type Metric, parseMetric } from '../core/metrics.js'
import { checkId } from '../core/names.js'
import { INCLUDES, type Include } from '../core/types.js'
import { checkFacets, readWhere } from './filters.js'
import { checkImage, type PreparedImage } from './item-image.js'
import { checkText, readVector, unknownSpace } from './prepare-item.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'
import { VectorRoom } from './vector-room.js'

/** What a search looks for. */
export type CheckedQuery =
  | { kind: 'text'; text: string }
  | { kind: 'id'; id: string }
  | { kind: 'vector'; vector: Float32Array; encoder: string | null }
  | { kind: 'image'; image: PreparedImage }
  /** Vectors of `space` that were made before, at least one; `exclude`: the ids of what they were made of. */
  | { kind: 'made'; vectors: Float32Array[]; exclude: readonly string[] }

/** A search request that was checked, its defaults filled in. */
export interface CheckedSearch extends AnswerFields {
  query: CheckedQuery
  space: SpaceRecord
  /** Where to look if the item asked for has no vector in `space`: other spaces, unless one was named. */
  others: readonly SpaceRecord[]
  /** As asked; undefined: the first that the space declares. */
  metric: Metric | undefined
  exact: boolean
  ef: number | undefined
  targetRecall: number | undefined
}

const DEFAULT_K = 10
/** Of a dense search. */
export const REQUEST_FIELDS: ReadonlySet<string> = new Set([
  'query',
  'space',
  'metric',
  'k',
  'where',
  'exact',
  'ef',
  'include',
  'facets',
  'targetRecall',
  'calibrated',
])
const QUERY_KINDS = ['text', 'id', 'vector', 'image'] as const
type QueryKind = (typeof QUERY_KINDS)[number]
/** Of a query, whatever it looks for. */
export const QUERY_FIELDS: ReadonlySet<string> = new Set([...QUERY_KINDS, 'positive', 'negative', 'encoder'])
const DEFAULT_FIELDS: ItemFields = { metadata: true }
/** Vectors that are asked come one at a time: memory of its own for each would take longer than to copy it. */
const QUERIES_A_BLOCK = 32
const room = new VectorRoom(QUERIES_A_BLOCK, QUERIES_A_BLOCK)

/**
 * Checks what a request says of its dense search against its collection.
 *
 * @throws EngineError INVALID_REQUEST naming the field, INVALID_FILTER
 * @throws EngineError SPACE_NOT_FOUND, METRIC_UNKNOWN, INVALID_TEXT, TEXT_TOO_LARGE, INVALID_ID, INVALID_VECTOR,
 * DIMENSION_MISMATCH, ZERO_VECTOR
 */
export function checkSearch(input: unknown, record: CollectionRecord): CheckedSearch {
  const request = checkFields(input, REQUEST_FIELDS, 'search request')
  const asked = checkFields(request.query, QUERY_FIELDS, 'query')
  const kind = queryKind(asked)
  const [space, ...others] = chooseSpaces(request.space, kind, record)
  const answer = checkAnswerFields(request, record, space)
  const metric = chooseMetric(request.metric)
  const ef = request.ef === undefined ? undefined : checkInteger(request.ef, 'ef', 1, LIMITS.k)
  const targetRecall = checkRecall(request.targetRecall)
  const { exact = false } = request
  if (typeof exact !== 'boolean') throw invalid('exact', `exact must be true or false, got ${show(exact)}`)
  const query = checkQuery(asked, kind, space, metric)
  return { query, space, others, metric, exact, ef, targetRecall, ...answer }
}

/** What every kind of search knows. */
export interface AnswerFields {
  k: number
  fields: ItemFields
  where: Filter | undefined
  /** Fields whose most frequent values are to be counted. */
  facets: readonly string[]
  /** Whether to wait for a calibration that is not there yet. */
  calibrated: boolean
}

/**
 * @param space whose judgements a filter may look at
 * @throws EngineError INVALID_REQUEST, INVALID_FILTER
 */
export function checkAnswerFields(
  request: Record<string, unknown>,
  record: CollectionRecord,
  space?: SpaceRecord,
): AnswerFields {
  const k = request.k === undefined ? DEFAULT_K : checkInteger(request.k, 'k', 1, LIMITS.k)
  const fields = request.include === undefined ? DEFAULT_FIELDS : checkInclude(request.include)
  const where = readWhere(request.where, record, space)
  const { calibrated = false } = request
  if (typeof calibrated !== 'boolean') {
    throw invalid('calibrated', `calibrated must be true or false, got ${show(calibrated)}`)
  }
  return {
    k,
    fields,
    where,
    facets: request.facets === undefined ? [] : checkFacets(request.facets, 'facets'),
    calibrated,
  }
}

/** @throws EngineError INVALID_REQUEST naming what is not known */
export function checkInclude(value: unknown): ItemFields {
  if (!Array.isArray(value)) throw invalid('include', `include must be an array, got ${show(value)}`)
  const fields: ItemFields = {}
  for (const name of value as unknown[]) {
    const known = INCLUDES.find((include: Include) => include === name)
    if (!known) throw invalid('include', `include knows ${INCLUDES.join(', ')}; got ${show(name)}`)
    fields[known] = true
  }
  return fields
}

function checkRecall(value: unknown): number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0.9 && value <= 0.999)) return value
  throw invalid('targetRecall', `targetRecall must be a number from 0.9 to 0.999, got ${show(value)}`)
}

/** The space that is meant, and those that an item without a vector there is looked for in. */
function chooseSpaces(
  name: unknown,
  kind: QueryKind,
  record: CollectionRecord,
): [SpaceRecord, ...SpaceRecord[]] {
  if (name === undefined) {
    const fitting = ordered(record.spaces).filter(({ input }) => {
      if (kind === 'text') return input === 'text' || record.spaces.length === 1
      if (kind === 'image') return input === 'image'
      return true
    })
    const [first, ...others] = fitting
    const own = fitting.filter(({ input }) => input !== 'image')
    const clear = kind === 'id' || kind === 'image' || first?.name === 'text' || own.length < 2
    if (first && clear) return [first, ...(kind === 'id' ? others : [])]
    const known = record.spaces.map((space) => space.name).join(', ')
    const message =
      kind === 'image'
        ? `collection "${record.name}" has no space of images; it has ${known}. Add pictures to it first`
        : `space must be given: one of ${known}`
    throw invalid('space', message)
  }
  if (typeof name !== 'string') throw invalid('space', `space must be a string, got ${show(name)}`)
  const normal = name.normalize('NFC')
  for (const space of record.spaces) if (space.name === normal) return [space]
  throw unknownSpace(name, record, 'space')
}

/** `text` first, then what else is not of images, then `descriptor`, then what was trained. */
function ordered(spaces: readonly SpaceRecord[]): SpaceRecord[] {
  const rank = ({ name, input }: SpaceRecord): number => {
    if (input === 'image') return name === 'descriptor' ? 2 : 3
    return name === 'text' ? 0 : 1
  }
  return [...spaces].sort((a, b) => rank(a) - rank(b))
}

function chooseMetric(name: unknown): Metric | undefined {
  if (name === undefined) return undefined
  if (typeof name !== 'string') throw invalid('metric', `metric must be a string, got ${show(name)}`)
  return parseMetric(name)
}

/** @throws EngineError INVALID_REQUEST unless it is exactly one kind of query */
export function queryKind(query: Record<string, unknown>): QueryKind {
  const kinds = QUERY_KINDS.filter((kind) => query[kind] !== undefined)
  const [kind] = kinds
  if (kinds.length !== 1 || kind === undefined) {
    const got = kinds.length === 0 ? 'none' : kinds.join(' and ')
    throw invalid(
      'query',
      `query must be exactly one of {text}, {id}, {vector}, {image}, {positive, negative}; got ${got}`,
    )
  }
  if (query.encoder !== undefined && kind !== 'vector') {
    throw invalid(
      'query.encoder',
      'query.encoder says which encoder made query.vector; it stands beside that only',
    )
  }
  return kind
}

function checkQuery(
  query: Record<string, unknown>,
  kind: QueryKind,
  space: SpaceRecord,
  metric: Metric | undefined,
): CheckedQuery {
  switch (kind) {
    case 'text':
      return { kind, text: checkTextQuery(query.text, space) }
    case 'id':
      return { kind, id: checkId(query.id) }
    case 'vector': {
      const encoder = checkVectorEncoder(query.encoder, space)
      const allowZero = (metric ?? space.metrics[0]) !== 'cosine'
      const options = { field: 'query.vector', allowZero, into: room.take(space.dim) }
      return { kind, vector: readVector(query.vector, space.dim, options), encoder }
    }
    case 'image':
      return { kind, image: checkImageQuery(query.image, space) }
  }
}

function checkTextQuery(value: unknown, space: SpaceRecord): string {
  const text = checkText(value, 'query.text')
  if (space.input === 'text') return text
  const has = space.input === 'image' ? 'is of images' : 'has no encoder'
  throw invalid(
    'query.text',
    `space "${space.name}" ${has}, so that a text cannot be asked of it; ask by ${space.input === 'image' ? '{image}, ' : ''}{vector} or {id}, or for words with mode "keyword"`,
  )
}

function checkImageQuery(value: unknown, space: SpaceRecord): PreparedImage {
  if (space.input !== 'image') {
    const message = `space "${space.name}" is not of images, so that an image cannot be asked of it`
    throw invalid('query.image', message)
  }
  const given = checkImage(value, 'query.image')
  return { hash: '', given }
}

/** @throws EngineError ENCODER_MISMATCH if the vector says that another encoder made it */
function checkVectorEncoder(encoder: unknown, space: SpaceRecord): string | null {
  if (encoder === undefined || encoder === space.encoder) return space.encoder
  if (typeof encoder !== 'string') {
    throw invalid('query.encoder', `query.encoder must be an encoder's id, got ${show(encoder)}`)
  }
  throw new EngineError(
    'ENCODER_MISMATCH',
    `query.vector was made by encoder ${show(encoder)}; space "${space.name}" holds vectors of ${space.encoder ?? 'no encoder'}${space.encoderName ? ` ("${space.encoderName}", version ${space.version})` : ''}. Encode the query anew`,
    { details: { field: 'query.encoder', expected: space.encoder, received: encoder } },
  )
}
