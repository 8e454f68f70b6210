import type { Json } from './types.js'

/** What a condition looks at. */
export type FilterField =
  /** Metadata, by the steps of a dotted name. */
  | { kind: 'metadata'; path: readonly string[] }
  /** The item's id. */
  | { kind: 'id' }
  /** A detector's judgement of the item in a space's current encoder version, `verdict` that of its detection; missing where there is none. */
  | { kind: 'anomaly'; part: AnomalyPart; space: string; detector: string }

export type AnomalyPart = 'score' | 'percentile' | 'pValue' | 'flagged'

export const ANOMALY_PARTS: readonly AnomalyPart[] = ['score', 'percentile', 'pValue', 'flagged']

/** How values are put in order. */
export type Ordering = 'gt' | 'gte' | 'lt' | 'lte'

/** What can be put in order, each among its own kind only. */
export type Ordered = number | string | boolean

/**
 * Which items are meant. `src/query/matches.ts` says what each means; every backend answers the same.
 *
 * There is no "not equal" and no "not in": those are `not` around `eq` and `in`.
 */
export type Filter = { op: 'and' | 'or'; of: readonly Filter[] } | { op: 'not'; of: Filter } | Condition

/** A filter that looks at one field. */
export type Condition =
  | { op: 'eq' | 'contains'; field: FilterField; value: Json }
  | { op: Ordering; field: FilterField; value: Ordered }
  | { op: 'in'; field: FilterField; values: readonly Json[] }
  | { op: 'exists'; field: FilterField }

/** All conditions of a filter, from left to right. */
export function conditionsOf(filter: Filter): Condition[] {
  if (filter.op === 'not') return conditionsOf(filter.of)
  return 'of' in filter ? filter.of.flatMap(conditionsOf) : [filter]
}

/** The field as a user writes it: `author.name`, `$id`, `$anomaly.score`. */
export function fieldName(field: FilterField): string {
  if (field.kind === 'metadata') return field.path.join('.')
  return field.kind === 'id' ? '$id' : `$anomaly.${field.part}`
}
