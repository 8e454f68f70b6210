import { conditionTest } from '../../core/condition-test.js'
import { type FieldValues, valuesAt } from '../../core/field-values.js'
import type { Condition } from '../../core/filter.js'
import type { Json, Metadata } from '../../core/types.js'
import { newBits, type SlotBits } from './slot-bits.js'

/** Codes of slots without an item, and of those that have one plain number, which lies in a column of its own. */
const NOTHING = 0
const NUMBER = 1

/**
 * What stands at one field of every item of a collection, in memory. What is the same in several items is kept, and
 * compared, once; single numbers lie side by side.
 */
export class FieldColumn {
  readonly path: readonly string[]
  /** By slot: which of `#found` stands there. */
  #codes = new Uint32Array(64)
  /** By slot, where the code is NUMBER. */
  #numbers = new Float64Array(64)
  readonly #found: FieldValues[] = [
    { values: [], missing: false },
    { values: [], missing: false },
  ]
  readonly #codeOf = new Map<string, number>()
  /** By the JSON of a plain value or an element: the codes whose values hold it. */
  readonly #holders = new Map<string, number[]>()

  constructor(path: readonly string[]) {
    this.path = path
  }

  /** Notes an item's metadata; undefined where the slot became free. */
  set(slot: number, metadata: Metadata | undefined): void {
    if (slot >= this.#codes.length) this.#grow(slot)
    if (metadata === undefined) {
      this.#codes[slot] = NOTHING
      return
    }
    const found = valuesAt(metadata, this.path)
    const [only] = found.values
    if (typeof only === 'number' && found.values.length === 1 && !found.missing) {
      this.#codes[slot] = NUMBER
      this.#numbers[slot] = only
    } else {
      this.#codes[slot] = this.#code(found)
    }
  }

  /** The slots of which the condition holds. */
  find(condition: Condition, slots: number): SlotBits {
    const holds = conditionTest(condition)
    const marks = this.#marks(condition, holds)
    const bits = newBits(slots)
    const test = numberTest(condition, holds)
    const end = Math.min(slots, this.#codes.length)
    for (let slot = 0; slot < end; slot++) {
      const code = this.#codes[slot] as number
      if (code === NUMBER ? test(this.#numbers[slot] as number) : marks[code] === 1) {
        bits[slot >>> 5] = (bits[slot >>> 5] as number) | (1 << (slot & 31))
      }
    }
    return bits
  }

  /** Whether so many values were replaced that it should be read anew. @param items in the collection */
  isWorn(items: number): boolean {
    return this.#found.length > 10_000 + 2 * items
  }

  /** Calls back with each plain value that stands there in an item, once an item. */
  eachValue(slots: Iterable<number>, visit: (value: Json) => void): void {
    for (const slot of slots) {
      const code = this.#codes[slot] ?? NOTHING
      if (code === NUMBER) visit(this.#numbers[slot] as number)
      else for (const value of plainValues((this.#found[code] as FieldValues).values)) visit(value)
    }
  }

  /** By code: 1 where the condition holds of it. */
  #marks(condition: Condition, holds: (found: FieldValues) => boolean): Uint8Array {
    const marks = new Uint8Array(this.#found.length)
    const wanted = wantedValues(condition)
    if (!wanted) {
      for (let code = NUMBER + 1; code < marks.length; code++) {
        if (holds(this.#found[code] as FieldValues)) marks[code] = 1
      }
      return marks
    }
    for (const value of wanted) {
      for (const code of this.#holders.get(JSON.stringify(value)) ?? []) {
        if (holds(this.#found[code] as FieldValues)) marks[code] = 1
      }
    }
    return marks
  }

  #code(found: FieldValues): number {
    const name = JSON.stringify(found)
    let code = this.#codeOf.get(name)
    if (code === undefined) {
      code = this.#found.push(found) - 1
      this.#codeOf.set(name, code)
      const held = new Set(
        found.values
          .flatMap((value) => [value, ...(Array.isArray(value) ? value : [])])
          .map((value) => JSON.stringify(value)),
      )
      if (found.missing) held.add('null')
      for (const value of held) {
        const holders = this.#holders.get(value)
        if (holders) holders.push(code)
        else this.#holders.set(value, [code])
      }
    }
    return code
  }

  #grow(slot: number): void {
    const length = Math.max(slot + 1, this.#codes.length * 2)
    const codes = new Uint32Array(length)
    codes.set(this.#codes)
    this.#codes = codes
    const numbers = new Float64Array(length)
    numbers.set(this.#numbers)
    this.#numbers = numbers
  }
}

/** Values of which one must be held by whatever the condition holds of; undefined where all must be asked. */
function wantedValues(condition: Condition): readonly Json[] | undefined {
  if (condition.op === 'eq') return [condition.value]
  if (condition.op === 'in') return condition.values
  return condition.op === 'contains' && typeof condition.value !== 'string' ? [condition.value] : undefined
}

/** The condition of a single number, without detours for those that are asked most. */
function numberTest(condition: Condition, holds: (found: FieldValues) => boolean): (x: number) => boolean {
  if ('value' in condition && typeof condition.value === 'number') {
    const { op, value } = condition
    switch (op) {
      case 'eq':
        return (x) => x === value
      case 'gt':
        return (x) => x > value
      case 'gte':
        return (x) => x >= value
      case 'lt':
        return (x) => x < value
      case 'lte':
        return (x) => x <= value
    }
  }
  if (condition.op === 'exists') return () => true
  if (condition.op === 'in') {
    const values = new Set<Json>(condition.values)
    return (x) => values.has(x)
  }
  const found = { values: [0 as Json], missing: false }
  return (x) => {
    found.values[0] = x
    return holds(found)
  }
}

/** Plain values among what stands at a field, elements of arrays too, each once. */
export function plainValues(values: readonly Json[]): Set<Json> {
  const plain = new Set<Json>()
  for (const value of values.flatMap((one) => (Array.isArray(one) ? one : [one]))) {
    if (typeof value !== 'object' || value === null) plain.add(value)
  }
  return plain
}
