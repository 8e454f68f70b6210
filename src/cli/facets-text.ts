import type { Facet } from '../core/types.js'

/** For people: each field with its most frequent values. Empty without fields. */
export function facetsText(facets: Record<string, Facet>): string {
  const parts = Object.entries(facets).map(([field, values]) => {
    const rows = values.map(({ value, count }) => {
      return `  ${String(count).padStart(8)}  ${typeof value === 'string' ? value : JSON.stringify(value)}`
    })
    return [`${field}:`, ...(rows.length > 0 ? rows : ['  no values'])].join('\n')
  })
  return parts.join('\n')
}
