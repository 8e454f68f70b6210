import type { CollectionRecord, ItemFields, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { type Metric, parseMetric } from '../core/metrics.js'
import { checkId } from '../core/names.js'
import { INCLUDES, type Include } from '../core/types.js'
import { checkText, readVector, unknownSpace } from './prepare-item.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

/** What a search looks for. */
export type CheckedQuery =
  | { kind: 'text'; text: string }
  | { kind: 'id'; id: string }
  | { kind: 'vector'; vector: Float32Array }

/** A search request that was checked, its defaults filled in. */
export interface CheckedSearch {
  query: CheckedQuery
  space: SpaceRecord
  metric: Metric
  k: number
  exact: boolean
  ef: number | undefined
  fields: ItemFields
}

const DEFAULT_K = 10
const REQUEST_FIELDS: ReadonlySet<string> = new Set([
  'query',
  'space',
  'metric',
  'mode',
  'k',
  'where',
  'exact',
  'ef',
  'include',
])
const QUERY_KINDS = ['text', 'id', 'vector', 'image', 'positive', 'negative'] as const
const QUERY_FIELDS: ReadonlySet<string> = new Set(QUERY_KINDS)
const DEFAULT_FIELDS: ItemFields = { metadata: true }

/**
 * Checks a search request against its collection.
 *
 * @throws EngineError INVALID_REQUEST naming the field
 * @throws EngineError UNSUPPORTED for what this version does not answer: `where`, hybrid and keyword modes, image
 * queries, positive and negative examples
 * @throws EngineError SPACE_NOT_FOUND, METRIC_UNKNOWN, INVALID_TEXT, TEXT_TOO_LARGE, INVALID_ID, INVALID_VECTOR,
 * DIMENSION_MISMATCH, ZERO_VECTOR
 */
export function checkSearch(input: unknown, record: CollectionRecord): CheckedSearch {
  const request = checkFields(input, REQUEST_FIELDS, 'search request')
  if (request.where !== undefined) {
    throw unsupported('where', 'filters (where) are not answered by this version; leave the field out')
  }
  checkMode(request.mode)
  const space = chooseSpace(request.space, record)
  const metric = chooseMetric(request.metric, space)
  const k = request.k === undefined ? DEFAULT_K : checkInteger(request.k, 'k', 1, LIMITS.k)
  const ef = request.ef === undefined ? undefined : checkInteger(request.ef, 'ef', 1, LIMITS.k)
  const { exact = false } = request
  if (typeof exact !== 'boolean') throw invalid('exact', `exact must be true or false, got ${show(exact)}`)
  const fields = request.include === undefined ? DEFAULT_FIELDS : checkInclude(request.include)
  return { query: checkQuery(request.query, space, metric), space, metric, k, exact, ef, fields }
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

function checkMode(mode: unknown): void {
  if (mode === undefined || mode === 'dense') return
  if (mode === 'hybrid' || mode === 'keyword') {
    throw unsupported('mode', `mode "${mode}" is not answered by this version; use "dense"`)
  }
  throw invalid('mode', `mode must be "dense", "hybrid" or "keyword", got ${show(mode)}`)
}

function chooseSpace(name: unknown, record: CollectionRecord): SpaceRecord {
  const spaces = record.spaces
  if (name === undefined) {
    const chosen = spaces.length === 1 ? spaces[0] : spaces.find((space) => space.name === 'text')
    if (chosen) return chosen
    throw invalid('space', `space must be given: one of ${spaces.map((space) => space.name).join(', ')}`)
  }
  if (typeof name !== 'string') throw invalid('space', `space must be a string, got ${show(name)}`)
  const normal = name.normalize('NFC')
  for (const space of spaces) if (space.name === normal) return space
  throw unknownSpace(name, record, 'space')
}

function chooseMetric(name: unknown, space: SpaceRecord): Metric {
  if (name === undefined) return space.metrics[0] ?? 'cosine'
  if (typeof name !== 'string') throw invalid('metric', `metric must be a string, got ${show(name)}`)
  return parseMetric(name)
}

function checkQuery(input: unknown, space: SpaceRecord, metric: Metric): CheckedQuery {
  const query = checkFields(input, QUERY_FIELDS, 'query')
  const kinds = QUERY_KINDS.filter((kind) => query[kind] !== undefined)
  if (kinds.some((kind) => kind === 'positive' || kind === 'negative')) {
    const message = 'queries by positive and negative examples are not answered by this version'
    throw unsupported(`query.${kinds.find((kind) => kind.endsWith('tive'))}`, message)
  }
  if (kinds.length !== 1) {
    const got = kinds.length === 0 ? 'none' : kinds.join(' and ')
    throw invalid('query', `query must be exactly one of {text}, {id}, {vector}; got ${got}`)
  }
  switch (kinds[0]) {
    case 'text':
      return { kind: 'text', text: checkTextQuery(query.text, space) }
    case 'id':
      return { kind: 'id', id: checkId(query.id) }
    case 'vector': {
      const options = { field: 'query.vector', allowZero: metric !== 'cosine' }
      return { kind: 'vector', vector: readVector(query.vector, space.dim, options) }
    }
    default:
      throw unsupported('query.image', 'queries by image are not answered by this version')
  }
}

function checkTextQuery(value: unknown, space: SpaceRecord): string {
  const text = checkText(value, 'query.text')
  if (space.encoder !== null) return text
  const message = `space "${space.name}" has no encoder, so that a text cannot be asked of it; ask by {vector} or {id}`
  throw invalid('query.text', message)
}

function unsupported(field: string, message: string): EngineError {
  return new EngineError('UNSUPPORTED', message, { details: { field } })
}
