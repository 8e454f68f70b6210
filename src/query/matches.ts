import { conditionTest } from '../core/condition-test.js'
import { type FieldValues, valuesAt } from '../core/field-values.js'
import type { Filter, FilterField } from '../core/filter.js'
import type { Metadata } from '../core/types.js'

/** What filters look at in an item. */
export interface FilterSubject {
  id: string
  metadata: Metadata
  /** How the item was judged. */
  anomaly?: (
    space: string,
    detector: string,
  ) => { score: number; percentile: number; pValue?: number; flagged: boolean } | undefined
}

/**
 * What a filter means: this is the specification, every backend must find the same items. What one condition means says
 * `core/condition-test.ts`; `not` takes whatever its filter does not, items that lack the field among them.
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
    default: {
      const { field } = filter
      const holds = conditionTest(filter)
      return (item) => holds(look(item, field))
    }
  }
}

/** As {@link matcher}, of one item. */
export function matches(filter: Filter, item: FilterSubject): boolean {
  return matcher(filter)(item)
}

function look(item: FilterSubject, field: FilterField): FieldValues {
  if (field.kind === 'metadata') return valuesAt(item.metadata, field.path)
  if (field.kind === 'id') return { values: [item.id], missing: false }
  const judged = item.anomaly?.(field.space, field.detector)
  if (!judged) return { values: [], missing: true }
  const value = field.part === 'pValue' ? (judged.pValue ?? 1 - judged.percentile / 100) : judged[field.part]
  return { values: [value], missing: false }
}
