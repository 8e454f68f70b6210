import { valuesAt } from '../core/field-values.js'
import type { Json, Metadata } from '../core/types.js'

/** What items of a group have in common. */
export type GroupValue = string | number | boolean

interface Grouped {
  id: string
  metadata?: Metadata
}

export interface Group<T> {
  value: GroupValue
  /** The best first, at most as many as the size of a group. */
  members: T[]
}

/**
 * Results by the value of a metadata field, the groups in the order of their best.
 *
 * Items form no group where the field is missing, null, an object or a list, or where its name leads to several values.
 */
export class Groups<T extends Grouped> {
  readonly #path: readonly string[]
  readonly #size: number
  readonly #groups = new Map<string, Group<T>>()
  readonly #seen = new Set<string>()

  /** @param size members of a group, at most */
  constructor(field: string, size: number) {
    this.#path = field.split('.')
    this.#size = size
  }

  get count(): number {
    return this.#groups.size
  }

  /** Takes results, the best first and none better than those before; ids that it has already are passed over. @returns how many it took */
  add(results: readonly T[]): number {
    let took = 0
    for (const result of results) {
      const value = groupValue(result.metadata, this.#path)
      if (value === undefined || this.#seen.has(result.id)) continue
      const key = JSON.stringify(value)
      const group = this.#groups.get(key) ?? { value, members: [] }
      if (group.members.length >= this.#size) continue
      this.#groups.set(key, group)
      group.members.push(result)
      this.#seen.add(result.id)
      took++
    }
    return took
  }

  /** The first groups. */
  first(count: number): Group<T>[] {
    return [...this.#groups.values()].slice(0, count)
  }

  /** Values of those of the first groups that have all the members they may have, or of those that have not. */
  values(count: number, which: 'full' | 'partial'): GroupValue[] {
    return this.first(count)
      .filter(({ members }) => members.length >= this.#size === (which === 'full'))
      .map(({ value }) => value)
  }
}

/** The one plain value at a field, if it is that. */
export function groupValue(metadata: Metadata | undefined, path: readonly string[]): GroupValue | undefined {
  const { values } = valuesAt((metadata ?? {}) as Json, path)
  const [value] = values
  if (values.length !== 1 || value === null || typeof value === 'object') return undefined
  return value
}
