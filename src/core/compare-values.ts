import type { Ordered, Ordering } from './filter.js'
import type { Json } from './types.js'

/**
 * Whether two JSON values are the same. Objects are as in MongoDB: the same members in the same order, which is the order
 * in which they were written.
 */
export function sameJson(a: Json, b: Json): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Whether `value` is of the kind of `bound` and stands to it as `op` says. */
export function holdsOrder(op: Ordering, value: Json, bound: Ordered): boolean {
  if (typeof value !== typeof bound) return false
  const order =
    typeof value === 'string'
      ? compareText(value, bound as string)
      : compareNumbers(Number(value), Number(bound))
  switch (op) {
    case 'gt':
      return order > 0
    case 'gte':
      return order >= 0
    case 'lt':
      return order < 0
    case 'lte':
      return order <= 0
  }
}

/** Not their difference, which may overflow. */
function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** Orders strings by code points, as UTF-8 bytes are ordered; `<` of JavaScript goes by UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return placeOf(x) - placeOf(y)
  }
  return a.length - b.length
}

/** Puts surrogates, which stand for what comes after all other units, behind those. */
function placeOf(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit
}
