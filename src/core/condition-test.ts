import { holdsOrder, sameJson } from './compare-values.js'
import type { FieldValues } from './field-values.js'
import type { Condition } from './filter.js'
import type { Json } from './types.js'

/**
 * What a condition means of what stands at its field.
 *
 * As in MongoDB: `null` equals what is missing; of an array a comparison holds if it holds of any element, or for
 * equality of the whole; numbers, strings and booleans are only compared among themselves. `contains` is ours: an array
 * has an equal element, or a string has it within.
 *
 * @returns a test that may be asked of many items
 */
export function conditionTest(asked: Condition): (found: FieldValues) => boolean {
  switch (asked.op) {
    case 'exists':
      return ({ values }) => values.length > 0
    case 'eq': {
      const { value } = asked
      return anyOf((found) => sameJson(found, value), value === null)
    }
    case 'in': {
      const isOneOf = memberOf(asked.values)
      return anyOf(isOneOf, isOneOf(null))
    }
    case 'contains': {
      const { value } = asked
      return ({ values }) => values.some((found) => holdsWithin(found, value))
    }
    default: {
      const { op, value } = asked
      return anyOf((found) => holdsOrder(op, found, value), false)
    }
  }
}

/** Whether it holds of what stands there, or of an element where that is an array. */
function anyOf(holds: (value: Json) => boolean, ofMissing: boolean): (found: FieldValues) => boolean {
  return ({ values, missing }) =>
    (missing && ofMissing) ||
    values.some((value) => holds(value) || (Array.isArray(value) && value.some(holds)))
}

function holdsWithin(found: Json, value: Json): boolean {
  if (Array.isArray(found)) return found.some((element) => sameJson(element, value))
  return typeof found === 'string' && typeof value === 'string' && found.includes(value)
}

function memberOf(values: readonly Json[]): (value: Json) => boolean {
  const plain = new Set<Json>()
  const deep = new Set<string>()
  for (const value of values) {
    if (typeof value === 'object' && value !== null) deep.add(JSON.stringify(value))
    else plain.add(value)
  }
  return (value) =>
    typeof value === 'object' && value !== null
      ? deep.size > 0 && deep.has(JSON.stringify(value))
      : plain.has(value)
}
