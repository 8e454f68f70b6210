import { holdsOrder, sameJson } from '../core/compare-values.js'
import { valuesAt } from '../core/field-values.js'
import type { Condition, Filter, FilterField } from '../core/filter.js'
import type { Json, Metadata } from '../core/types.js'

/** What filters look at in an item. */
export interface FilterSubject {
  id: string
  metadata: Metadata
  /** By space and detector: how the item was judged. */
  anomaly?: (
    space: string,
    detector: string,
  ) => { score: number; percentile: number; flagged: boolean } | undefined
}

/**
 * What a filter means: this is the specification, every backend must find the same items.
 *
 * As in MongoDB: `null` equals a missing field; `not` takes the items that lack the field; of an array a comparison holds
 * if it holds of any element, or for equality of the whole; numbers, strings and booleans are only compared among
 * themselves. `contains` is ours: an array has an equal element, or a string has it within.
 *
 * @returns a test that may be asked of many items
 */
export function matcher(filter: Filter): (item: FilterSubject) => boolean {
  switch (filter.op) {
    case 'and': {
      const all = filter.of.map(matcher)
      return (item) => all.every((holds) => holds(item))
    }
    case 'or': {
      const any = filter.of.map(matcher)
      return (item) => any.some((holds) => holds(item))
    }
    case 'not': {
      const holds = matcher(filter.of)
      return (item) => !holds(item)
    }
    default:
      return condition(filter)
  }
}

/** As {@link matcher}, of one item. */
export function matches(filter: Filter, item: FilterSubject): boolean {
  return matcher(filter)(item)
}

function condition(asked: Condition): (item: FilterSubject) => boolean {
  const { field } = asked
  switch (asked.op) {
    case 'exists':
      return (item) => look(item, field).values.length > 0
    case 'eq': {
      const { value } = asked
      return anyOf(field, (found) => sameJson(found, value), { missing: value === null })
    }
    case 'in': {
      const isOneOf = memberOf(asked.values)
      return anyOf(field, isOneOf, { missing: isOneOf(null) })
    }
    case 'contains': {
      const { value } = asked
      return (item) => look(item, field).values.some((found) => holdsWithin(found, value))
    }
    default: {
      const { op, value } = asked
      return anyOf(field, (found) => holdsOrder(op, found, value), { missing: false })
    }
  }
}

/** Whether it holds of what stands there, or of an element where that is an array. */
function anyOf(
  field: FilterField,
  holds: (value: Json) => boolean,
  options: { missing: boolean },
): (item: FilterSubject) => boolean {
  return (item) => {
    const { values, missing } = look(item, field)
    if (missing && options.missing) return true
    return values.some((value) => holds(value) || (Array.isArray(value) && value.some(holds)))
  }
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

function look(item: FilterSubject, field: FilterField): { values: Json[]; missing: boolean } {
  if (field.kind === 'metadata') return valuesAt(item.metadata, field.path)
  if (field.kind === 'id') return { values: [item.id], missing: false }
  const judged = item.anomaly?.(field.space, field.detector)
  return judged ? { values: [judged[field.part]], missing: false } : { values: [], missing: true }
}
