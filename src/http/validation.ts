import type { z } from '@hono/zod-openapi'
import { EngineError } from '../core/errors.js'

/**
 * Checks a value against a schema.
 *
 * @param source what the message calls it: `the body`, `the query`, `the item`
 * @throws EngineError INVALID_REQUEST, naming the field, what came and what was expected
 */
export function check<S extends z.ZodType>(schema: S, value: unknown, source: string): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = deepest(result.error.issues[0])
  if (!issue) throw new EngineError('INVALID_REQUEST', `${source} is not valid`)
  const field = fieldName(
    issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path,
  )
  const message =
    issue.code === 'unrecognized_keys'
      ? `unknown field "${field}" in ${source}${knownFields(schema, issue.path)}`
      : `${field === '' ? source : `"${field}" in ${source}`} ${reason(issue, valueAt(value, issue.path))}`
  throw new EngineError('INVALID_REQUEST', message, field === '' ? {} : { details: { field } })
}

/** `spaces[1].metrics`, as a program would write it. */
function fieldName(path: readonly PropertyKey[]): string {
  let name = ''
  for (const key of path) {
    if (typeof key === 'number') name += `[${key}]`
    else name += name === '' ? String(key) : `.${String(key)}`
  }
  return name
}

/** A value for a message: as JSON, cut where it is long. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return String(value)
}

type Issue = z.core.$ZodIssue

/** Of a union's issues that of the branch which came furthest says most. */
function deepest(issue: Issue | undefined): Issue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  const inner = issue.errors.flat().reduce<Issue | undefined>((best, next) => {
    return best === undefined || next.path.length > best.path.length ? next : best
  }, undefined)
  return inner && inner.path.length > 0 ? { ...inner, path: [...issue.path, ...inner.path] } : issue
}

const TYPES: Record<string, string> = {
  int: 'an integer',
  object: 'an object',
  record: 'an object',
  array: 'an array',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
}

function reason(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code !== 'custom') return 'is missing'
  const got = `, got ${show(value)}`
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}${got}`
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(show).join(', ')}${got}`
    case 'too_small':
      return `must ${bound(issue.origin, 'at least', Number(issue.minimum))}${got}`
    case 'too_big':
      return `must ${bound(issue.origin, 'at most', Number(issue.maximum))}${got}`
    default:
      return `${issue.message}${got}`
  }
}

function bound(origin: string, which: string, limit: number): string {
  if (origin === 'string') return `have ${which} ${limit} characters`
  if (origin === 'array') return `have ${which} ${limit} elements`
  return `be ${which} ${limit}`
}

function knownFields(schema: z.ZodType, path: readonly PropertyKey[]): string {
  const shape: unknown = 'shape' in schema ? schema.shape : undefined
  if (path.length > 0 || typeof shape !== 'object' || shape === null) return ''
  return `; known: ${Object.keys(shape).join(', ') || 'none'}`
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return at
}
