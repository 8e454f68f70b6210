import { EngineError } from '../core/errors.js'
import { ANOMALY_PARTS, type Condition, type Filter, type FilterField, type Ordered } from '../core/filter.js'
import { LIMITS } from '../core/limits.js'
import type { Json } from '../core/types.js'

/** Which scores `$anomaly` means. */
export interface AnomalySource {
  space: string
  detector: string
}

const OPERATORS = '$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $contains, $not'
const JOINS = '$and, $or, $not'
const RESERVED = ['$id', ...ANOMALY_PARTS.map((part) => `$anomaly.${part}`)]

/**
 * Reads a filter as users write it: `{ "year": { "$gte": 2000 }, "tags": "sea" }`.
 *
 * Conditions side by side must all hold; a bare value means `$eq`; a dotted name reaches into objects and arrays.
 *
 * @param anomaly what `$anomaly.*` means here; undefined where nothing was scored
 * @throws EngineError INVALID_FILTER naming the place (`where.year.$gte`) and what is allowed there
 */
export function parseWhere(
  where: unknown,
  options: { anomaly?: AnomalySource | (() => AnomalySource | undefined) | undefined } = {},
): Filter {
  const { anomaly } = options
  const source = typeof anomaly === 'function' ? anomaly : () => anomaly
  return new WhereParser(source).where(where, 'where', 1)
}

/** Checks the name of a metadata field, as facets and indexes take it. @throws EngineError INVALID_FILTER */
export function parseField(name: unknown, place: string): string {
  if (typeof name !== 'string') throw wrong(place, `must be the name of a field, got ${show(name)}`)
  if (name.startsWith('$')) throw wrong(place, 'must be the name of a metadata field, without "$"')
  checkPath(name, place)
  return name
}

/** Holds what is counted over a whole filter. */
class WhereParser {
  readonly #anomaly: () => AnomalySource | undefined
  #terms = 0
  #values = 0

  constructor(anomaly: () => AnomalySource | undefined) {
    this.#anomaly = anomaly
  }

  where(value: unknown, place: string, depth: number): Filter {
    checkDepth(depth, place)
    if (!isObject(value)) {
      throw wrong(place, `must be an object such as {"year": {"$gte": 2000}}, got ${show(value)}`)
    }
    const parts = Object.keys(value).map((key) => {
      const at = `${place}.${shorten(key)}`
      const given = value[key]
      if (key === '$and' || key === '$or') return this.#join(key === '$and' ? 'and' : 'or', given, at, depth)
      if (key === '$not') return { op: 'not', of: this.where(given, at, depth + 1) } as const
      return this.#field(this.#fieldOf(key, at), given, at, depth)
    })
    return all(parts)
  }

  #join(op: 'and' | 'or', value: unknown, place: string, depth: number): Filter {
    if (!Array.isArray(value) || value.length === 0) {
      throw wrong(place, `must be an array of at least one filter, got ${show(value)}`)
    }
    if (value.length > LIMITS.filterTerms) throw tooMany(place)
    const of = value.map((part: unknown, i) => this.where(part, `${place}[${i}]`, depth + 1))
    const [only] = of
    return of.length === 1 && only ? only : { op, of }
  }

  #fieldOf(name: string, place: string): FilterField {
    if (name === '$id') return { kind: 'id' }
    const part = ANOMALY_PARTS.find((known) => name === `$anomaly.${known}`)
    if (part) {
      const source = this.#anomaly()
      if (source) return { kind: 'anomaly', part, ...source }
      throw wrong(place, 'has nothing to look at: no encoder of this collection judges its items')
    }
    if (name.startsWith('$')) {
      throw wrong(
        place,
        `is not known here; filters are joined by ${JOINS}, operators (${OPERATORS}) stand under a field's name, and names with "$" are ${RESERVED.join(', ')}`,
      )
    }
    return { kind: 'metadata', path: checkPath(name, place) }
  }

  #field(field: FilterField, given: unknown, place: string, depth: number): Filter {
    if (!isObject(given) || !Object.keys(given).some((key) => key.startsWith('$'))) {
      return this.#condition(field, '$eq', given, place)
    }
    const parts = Object.keys(given).map((operator): Filter => {
      const at = `${place}.${shorten(operator)}`
      if (operator !== '$not') return this.#condition(field, operator, given[operator], at)
      checkDepth(depth + 1, at)
      const inner = given.$not
      if (!isObject(inner) || !Object.keys(inner).every((key) => key.startsWith('$'))) {
        throw wrong(at, `must be an object of operators such as {"$gt": 3}, got ${show(inner)}`)
      }
      return { op: 'not', of: this.#field(field, inner, at, depth + 1) }
    })
    return all(parts)
  }

  #condition(field: FilterField, operator: string, given: unknown, place: string): Filter {
    this.#terms++
    if (this.#terms > LIMITS.filterTerms) throw tooMany(place)
    switch (operator) {
      case '$eq':
        return { op: 'eq', field, value: checkValue(given, place) }
      case '$ne':
        return not({ op: 'eq', field, value: checkValue(given, place) })
      case '$in':
        return { op: 'in', field, values: this.#list(given, place) }
      case '$nin':
        return not({ op: 'in', field, values: this.#list(given, place) })
      case '$contains':
        return { op: 'contains', field, value: checkValue(given, place) }
      case '$exists': {
        if (typeof given !== 'boolean') throw wrong(place, `must be true or false, got ${show(given)}`)
        return given ? { op: 'exists', field } : not({ op: 'exists', field })
      }
      case '$gt':
        return { op: 'gt', field, value: checkOrdered(given, place) }
      case '$gte':
        return { op: 'gte', field, value: checkOrdered(given, place) }
      case '$lt':
        return { op: 'lt', field, value: checkOrdered(given, place) }
      case '$lte':
        return { op: 'lte', field, value: checkOrdered(given, place) }
      default:
        throw wrong(
          place,
          `is not an operator; known are ${OPERATORS}, and none may stand beside plain names`,
        )
    }
  }

  #list(given: unknown, place: string): Json[] {
    if (!Array.isArray(given)) throw wrong(place, `must be an array of values, got ${show(given)}`)
    this.#values += given.length
    if (this.#values > LIMITS.filterValues) {
      throw wrong(place, `makes more than ${LIMITS.filterValues} values in one filter`)
    }
    return given.map((value: unknown, i) => checkValue(value, `${place}[${i}]`))
  }
}

function all(parts: readonly Filter[]): Filter {
  const [only] = parts
  return parts.length === 1 && only ? only : { op: 'and', of: parts }
}

function not(condition: Condition): Filter {
  return { op: 'not', of: condition }
}

function checkOrdered(value: unknown, place: string): Ordered {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') {
    return checkValue(value, place) as Ordered
  }
  throw wrong(
    place,
    `must be a number, a string (dates too: "2024-05-01"), true or false, got ${show(value)}`,
  )
}

function checkValue(value: unknown, place: string, depth = 0): Json {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return checkText(value, place)
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw wrong(place, `is ${value}, which JSON does not have`)
  }
  if (depth >= LIMITS.metadataDepth) throw wrong(place, `lies deeper than ${LIMITS.metadataDepth} levels`)
  if (Array.isArray(value)) {
    return value.map((entry: unknown, i) => checkValue(entry, `${place}[${i}]`, depth + 1))
  }
  if (!isObject(value)) throw wrong(place, `must be a JSON value, got ${show(value)}`)
  const entries = Object.keys(value).map((key): [string, Json] => {
    const at = `${place}.${shorten(key)}`
    if (key.startsWith('$')) {
      throw wrong(at, 'stands within a value; operators stand under a name alone: {"a.b": {"$gt": 1}}')
    }
    checkText(key, at)
    return [key, checkValue(value[key], at, depth + 1)]
  })
  return Object.fromEntries(entries)
}

function checkPath(name: string, place: string): string[] {
  if (name.length > LIMITS.fieldLength) throw wrong(place, `is longer than ${LIMITS.fieldLength} characters`)
  const path = name.split('.')
  if (path.includes('')) throw wrong(place, 'has an empty step; write a name, or names with "." between')
  if (path.length > LIMITS.metadataDepth) {
    throw wrong(place, `has ${path.length} steps; metadata has at most ${LIMITS.metadataDepth} levels`)
  }
  checkText(name, place)
  return path
}

function checkText(text: string, place: string): string {
  if (text.isWellFormed()) return text
  throw wrong(place, 'holds half of a surrogate pair')
}

function checkDepth(depth: number, place: string): void {
  if (depth > LIMITS.filterDepth) {
    throw wrong(shorten(place), `lies deeper than ${LIMITS.filterDepth} levels of ${JOINS}`)
  }
}

function tooMany(place: string): EngineError {
  return wrong(
    place,
    `makes more than ${LIMITS.filterTerms} conditions; use $in for many values of one field`,
  )
}

function wrong(place: string, problem: string): EngineError {
  return new EngineError('INVALID_FILTER', `${place} ${problem}`, { details: { field: place } })
}

function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // of JSON, whatever realm made it
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return isObject(value) ? 'an object' : 'a class instance'
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value)
}
