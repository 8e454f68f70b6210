import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Condition, conditionsOf, type Filter, fieldName } from '../../core/filter.js'
import type { Metadata } from '../../core/types.js'
import { FieldColumn } from './field-column.js'
import type { FilterQuestion, ItemKeys, Resolved, SlotChanges } from './filter-messages.js'
import { ItemScan, type Pause } from './item-scan.js'
import { copyBits, countBits, newBits, type SlotBits, setBit, slotsOf } from './slot-bits.js'
import type { Connection } from './sqlite.js'

/** Where fields in memory answer a part of a conjunction and leave no more than this part of the items, only those are read. */
const FEW = 0.5

/** What an earlier answer found, and the slots that were touched since. */
type Base = { bits: SharedArrayBuffer; touched: Uint32Array }

/** Finds the items of one collection that filters mean, as slots. Lives in the filter thread. */
export class FilterIndex {
  readonly #scan: ItemScan
  readonly #metadataOf: ReturnType<typeof prepareMetadata>
  #indexed: readonly string[] = []
  #size = 0
  /** By slot; 0 for none. */
  #keys: Float64Array = new Float64Array(0)
  readonly #slotOf = new Map<number, number>()
  /** By field; those that are still being read too. */
  readonly #columns = new Map<string, FieldColumn>()
  readonly #complete = new WeakSet<FieldColumn>()
  #reading: Promise<void> | undefined

  constructor(db: Connection, collection: number) {
    this.#scan = new ItemScan(db, collection)
    this.#metadataOf = prepareMetadata(db)
  }

  /** Items there are. */
  get items(): number {
    return this.#slotOf.size
  }

  /** Takes over what became of the slots; at once. */
  apply({ indexed, size, keys, touched }: SlotChanges): void {
    this.#indexed = indexed
    this.#size = size
    if (keys) {
      this.#keys = keys
      this.#columns.clear()
      this.#slotOf.clear()
      for (const [slot, key] of keys.entries()) if (key !== 0) this.#slotOf.set(key, slot)
    }
    if (touched) this.#touch(touched)
    for (const [name, column] of this.#columns) {
      if (!indexed.includes(name) || column.isWorn(this.#slotOf.size)) this.#columns.delete(name)
    }
  }

  /** The slots of the items that match; of all items without a question. */
  async resolve(
    question: FilterQuestion | undefined,
    base: Base | undefined,
    pause: Pause,
  ): Promise<Resolved> {
    if (!question) return toAnswer(this.#occupied(), 'memory')
    const { filter } = question
    if (conditionsOf(filter).some((condition) => this.#isIndexed(condition))) await this.ready()
    const inMemory = this.#find(filter)
    if (inMemory) return toAnswer(inMemory, 'memory')
    if (base) return toAnswer(await this.#refresh(question, base, pause), 'metadata')
    const candidates = this.#candidates(filter)
    if (candidates && countBits(candidates) <= this.#slotOf.size * FEW) {
      const keys = this.keysOf(slotsOf(candidates))
      return toAnswer(this.#toBits(await this.#matchingOf(question, keys, pause)), 'metadata')
    }
    const keys: number[] = []
    await this.#scan.each<[number]>({ columns: 'key', question, pause }, (rows) => {
      for (const [key] of rows) keys.push(key)
    })
    return toAnswer(this.#toBits(keys), 'metadata')
  }

  /** Resolves when every indexed field is in memory. */
  async ready(): Promise<void> {
    while (this.#indexed.some((name) => !this.column(name))) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined
      })
      await this.#reading
    }
  }

  /** A field that is in memory. */
  column(name: string): FieldColumn | undefined {
    const column = this.#columns.get(name)
    return column && this.#complete.has(column) ? column : undefined
  }

  keysOf(slots: Uint32Array): Float64Array {
    return Float64Array.from(slots, (slot) => this.#keys[slot] ?? 0)
  }

  /** The keys of the items of slots. */
  sharedKeys(bits: SlotBits): ItemKeys {
    const slots = slotsOf(bits)
    const keys = new Float64Array(new SharedArrayBuffer(8 * slots.length))
    for (const [i, slot] of slots.entries()) keys[i] = this.#keys[slot] ?? 0
    return keys.sort()
  }

  async #read(): Promise<void> {
    const columns: FieldColumn[] = []
    for (const name of this.#indexed) {
      if (this.column(name)) continue
      const column = new FieldColumn(name.split('.'))
      this.#columns.set(name, column)
      columns.push(column)
    }
    const pause = () => nextTurn()
    await this.#scan.each<[number, string]>({ columns: 'key, metadata', pause }, (rows) => {
      for (const [key, json] of rows) {
        const slot = this.#slotOf.get(key)
        if (slot === undefined) continue
        const metadata = JSON.parse(json) as Metadata
        for (const column of columns) column.set(slot, metadata)
      }
    })
    for (const column of columns) this.#complete.add(column)
  }

  #touch({ slots, keys }: { slots: Uint32Array; keys: Float64Array }): void {
    if (this.#keys.length < this.#size) {
      const grown = new Float64Array(Math.max(this.#size, this.#keys.length * 2))
      grown.set(this.#keys)
      this.#keys = grown
    }
    for (const [i, slot] of slots.entries()) {
      const before = this.#keys[slot] as number
      if (this.#slotOf.get(before) === slot) this.#slotOf.delete(before)
      const key = keys[i] as number
      this.#keys[slot] = key
      if (key !== 0) this.#slotOf.set(key, slot)
      for (const column of this.#columns.values()) column.set(slot, undefined)
    }
    if (this.#columns.size === 0) return
    for (const [key, json] of this.#metadataOf.all(JSON.stringify(Array.from(keys)))) {
      const slot = this.#slotOf.get(key)
      if (slot === undefined) continue
      const metadata = JSON.parse(json) as Metadata
      for (const column of this.#columns.values()) column.set(slot, metadata)
    }
  }

  /** What fields in memory find; undefined where they do not know all of it. */
  #find(filter: Filter): SlotBits | undefined {
    switch (filter.op) {
      case 'and':
      case 'or': {
        const parts: SlotBits[] = []
        for (const part of filter.of) {
          const bits = this.#find(part)
          if (!bits) return undefined
          parts.push(bits)
        }
        if (filter.op === 'and') return parts.length === 0 ? this.#occupied() : parts.reduce(intersect)
        return parts.length === 0 ? newBits(this.#size) : parts.reduce(unite)
      }
      case 'not': {
        const bits = this.#find(filter.of)
        return bits && subtract(this.#occupied(), bits)
      }
      default:
        return filter.field.kind === 'metadata'
          ? this.column(fieldName(filter.field))?.find(filter, this.#size)
          : undefined
    }
  }

  /** Slots beyond which a conjunction finds nothing, as far as fields in memory know. */
  #candidates(filter: Filter): SlotBits | undefined {
    if (filter.op !== 'and') return undefined
    const known = filter.of.flatMap((part) => this.#find(part) ?? this.#candidates(part) ?? [])
    return known.length > 0 ? known.reduce(intersect) : undefined
  }

  async #refresh(question: FilterQuestion, { bits, touched }: Base, pause: Pause): Promise<SlotBits> {
    const fresh = copyBits(new Uint32Array(bits), this.#size)
    const found = new Set(await this.#matchingOf(question, this.keysOf(touched), pause))
    for (const slot of touched) setBit(fresh, slot, found.has(this.#keys[slot] ?? 0))
    return fresh
  }

  async #matchingOf(question: FilterQuestion, keys: Float64Array, pause: Pause): Promise<number[]> {
    const found: number[] = []
    await this.#scan.those<[number]>({ columns: 'items.key', question, keys, pause }, (rows) => {
      for (const [key] of rows) found.push(key)
    })
    return found
  }

  #toBits(keys: readonly number[]): SlotBits {
    const bits = newBits(this.#size)
    for (const key of keys) {
      const slot = this.#slotOf.get(key)
      // an item that the collection in memory does not have yet
      if (slot !== undefined) setBit(bits, slot, true)
    }
    return bits
  }

  #occupied(): SlotBits {
    const bits = newBits(this.#size)
    for (let slot = 0; slot < this.#size; slot++) if (this.#keys[slot] !== 0) setBit(bits, slot, true)
    return bits
  }

  #isIndexed({ field }: Condition): boolean {
    return field.kind === 'metadata' && this.#indexed.includes(fieldName(field))
  }
}

// what one finds in memory is its own, so it may be changed

function intersect(a: SlotBits, b: SlotBits): SlotBits {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) & (b[i] as number)
  return a
}

function unite(a: SlotBits, b: SlotBits): SlotBits {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) | (b[i] as number)
  return a
}

function subtract(a: SlotBits, b: SlotBits): SlotBits {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] as number) & ~(b[i] as number)
  return a
}

function toAnswer(bits: SlotBits, how: Resolved['how']): Resolved {
  return { bits: bits.buffer, count: countBits(bits), how }
}

function prepareMetadata(db: Connection) {
  return db
    .prepare<[string], [key: number, metadata: string]>(
      'SELECT items.key, metadata FROM json_each(?) asked CROSS JOIN items ON items.key = asked.value',
    )
    .raw()
}
