import { EngineError } from '../core/errors.js'

/** A value as an error message shows it: JSON, at most 60 characters. */
export function show(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol')
    return `a ${typeof value}`
  if (typeof value === 'number') return String(value)
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** A refusal that names the field. */
export function invalid(field: string, message: string): EngineError {
  return new EngineError('INVALID_REQUEST', message, { details: { field } })
}

/** Whether it is an object that JSON could have made. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || isForeignObjectPrototype(prototype)
}

/** Objects of another realm (a vm context, a test runner) have their own Object.prototype. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return (
    typeof prototype === 'object' &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype as object, 'hasOwnProperty')
  )
}

/**
 * Takes a value for an object of known fields.
 *
 * @param what how the message calls it: `search request`
 * @throws EngineError INVALID_REQUEST if it is none, or naming a field that is not known
 */
export function checkFields(
  value: unknown,
  known: ReadonlySet<string>,
  what: string,
): Record<string, unknown> {
  if (!isPlainObject(value)) throw invalid(what, `${what} must be an object, got ${show(value)}`)
  for (const key in value) {
    if (!known.has(key)) {
      throw invalid(key, `unknown field ${show(key)} in ${what}; known are ${[...known].join(', ')}`)
    }
  }
  return value
}

/** @throws EngineError INVALID_REQUEST naming the field, unless it is a whole number within the bounds */
export function checkInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(field, `${field} must be a whole number from ${min} to ${max}, got ${show(value)}`)
  }
  return value
}
