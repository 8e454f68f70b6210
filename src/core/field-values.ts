import type { Json } from './types.js'

/** What a dotted name means in one item's metadata. */
export interface FieldValues {
  /** What stands there; several where the name leads through arrays. An array that it ends at is given whole. */
  values: Json[]
  /** Whether it is missing: in an object on the way, or because a plain value is in the way. */
  missing: boolean
}

/**
 * Follows a dotted name as MongoDB does: through an array both to the element at a numeric step and into each element
 * that is an object, but not into arrays within arrays.
 */
export function valuesAt(metadata: Json, path: readonly string[]): FieldValues {
  const found: FieldValues = { values: [], missing: false }
  walk(metadata, path, 0, found)
  return found
}

function walk(node: Json, path: readonly string[], depth: number, found: FieldValues): void {
  const step = path[depth]
  if (step === undefined) {
    found.values.push(node)
  } else if (Array.isArray(node)) {
    const index = arrayIndex(step)
    if (index !== undefined && index < node.length) walk(node[index] as Json, path, depth + 1, found)
    for (const element of node) if (isObject(element)) walk(element, path, depth, found)
  } else if (isObject(node) && Object.hasOwn(node, step)) {
    walk(node[step] as Json, path, depth + 1, found)
  } else {
    found.missing = true
  }
}

/** The position in an array that a step of a name may mean. */
export function arrayIndex(step: string): number | undefined {
  return /^(0|[1-9]\d{0,8})$/.test(step) ? Number(step) : undefined
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
