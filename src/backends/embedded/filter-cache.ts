import { createHash } from 'node:crypto'
import type { FilteredPlan } from '../../core/backend.js'
import { conditionsOf, type Filter, fieldName } from '../../core/filter.js'
import type { FilterQuestion, ItemKeys, MatchingKeys, Resolved, SlotChanges } from './filter-messages.js'
import type { FilterThread } from './filter-thread.js'
import type { ItemSlots } from './item-slots.js'
import { MatchingItems } from './matching-items.js'
import { Nearby } from './nearby.js'

/** Bytes of answers that are kept for a collection. */
const MAX_BYTES = 32 << 20
/** Slots touched since an answer, from which it is looked up anew. */
const MANY = 5_000

/** Metadata read for longer than this, and that often, is worth a hint. */
const SLOW_MS = 20
const OFTEN = 3

/** What a filter means, and how that was found out. */
export interface FoundItems {
  matching: MatchingItems
  resolved: FilteredPlan['resolved']
  hint: string | undefined
}

interface Asked {
  version: number
  found: Promise<MatchingItems>
}

/**
 * What the filters of one collection mean, as slots. Answers are kept: asked again, a filter costs nothing until
 * something is written, and then what was written.
 */
export class FilterCache {
  readonly #collection: number
  readonly #slots: ItemSlots
  readonly #thread: FilterThread
  /** The least recently used first. */
  readonly #kept = new Map<string, MatchingItems>()
  #bytes = 0
  readonly #asked = new Map<string, Asked>()
  readonly #keysOf = new WeakMap<MatchingItems, Promise<ItemKeys>>()
  /** Fields that are not indexed: how often filters over them were slow, and how slow in all. */
  readonly #slow = new Map<string, { times: number; total: number }>()
  #indexed: readonly string[]
  /** What the thread knows of the slots, and which thread that was. */
  #told: { version: number; generation: number } | undefined

  constructor(options: {
    collection: number
    slots: ItemSlots
    thread: FilterThread
    indexed: readonly string[]
  }) {
    this.#collection = options.collection
    this.#slots = options.slots
    this.#thread = options.thread
    this.#indexed = options.indexed
  }

  set indexed(names: readonly string[]) {
    this.#indexed = names
  }

  /** Has the indexed fields read before anybody asks. */
  prepare(): void {
    if (this.#indexed.length === 0) return
    const request = { op: 'prepare', collection: this.#collection, changes: this.changes() } as const
    this.#thread.ask(request).catch(() => this.misunderstood())
  }

  /**
   * The items that match, as they were at some time after the call; at once where nothing was written since the filter
   * was asked before.
   *
   * @throws EngineError as {@link FilterThread.ask}
   */
  find(question: FilterQuestion, signal?: AbortSignal): FoundItems | Promise<FoundItems> {
    const name = nameOf(question)
    const current = this.#current(name)
    const found = (matching: MatchingItems, resolved: FoundItems['resolved']): FoundItems => {
      return { matching, resolved, hint: this.#slow.size === 0 ? undefined : this.#hint(question.filter) }
    }
    if (current) return found(current, 'kept')
    return this.#lookUp(question, name, signal).then((matching) => found(matching, matching.how))
  }

  /** The items that match, as they were at some time after the call, by their keys. @throws EngineError as {@link find} */
  async keys(question: FilterQuestion): Promise<MatchingKeys> {
    const name = nameOf(question)
    const matching = this.#current(name) ?? (await this.#lookUp(question, name, undefined))
    let asked = this.#keysOf.get(matching)
    if (!asked) {
      asked = this.#askKeys(matching)
      this.#keysOf.set(matching, asked)
      asked.catch(() => this.#keysOf.delete(matching))
    }
    return { keys: await asked, seq: matching.seq }
  }

  /** Whether {@link keys} would not have to read all items' metadata. */
  knows(question: FilterQuestion): boolean {
    const kept = this.#kept.get(nameOf(question))
    if (kept && this.#touchedSince(kept)) return true
    return conditionsOf(question.filter).every(
      ({ field }) => field.kind === 'metadata' && this.#indexed.includes(fieldName(field)),
    )
  }

  /** What is kept of a question and still true. */
  #current(name: string): MatchingItems | undefined {
    const kept = this.#kept.get(name)
    if (kept?.version !== this.#slots.version) return undefined
    this.#kept.delete(name)
    this.#kept.set(name, kept)
    return kept
  }

  async #lookUp(
    question: FilterQuestion,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<MatchingItems> {
    const { version } = this.#slots
    const asked = this.#asked.get(name)
    if (asked?.version === version && !signal) return asked.found
    const found = this.#ask(question, this.#kept.get(name), signal).then((matching) => {
      this.#keep(name, matching)
      return matching
    })
    if (signal) return found
    this.#asked.set(name, { version, found })
    try {
      return await found
    } finally {
      if (this.#asked.get(name)?.found === found) this.#asked.delete(name)
    }
  }

  /** Lets the thread forget the collection. */
  close(): void {
    this.#thread.tell({ op: 'forget', collection: this.#collection })
  }

  /** What the thread does not know yet of the slots. To be sent at once: it counts as told. */
  changes(): SlotChanges {
    const { version, size } = this.#slots
    const { generation } = this.#thread
    const touched =
      this.#told?.generation === generation ? this.#slots.touchedSince(this.#told.version) : undefined
    this.#told = { version, generation }
    const known = { indexed: this.#indexed, size }
    if (!touched) return { ...known, keys: this.#slots.keys() }
    if (touched.size === 0) return known
    const slots = Uint32Array.from(touched)
    return { ...known, touched: { slots, keys: Float64Array.from(slots, (slot) => this.#slots.keyOf(slot)) } }
  }

  /** To be called where the question that took {@link changes} failed. */
  misunderstood(): void {
    this.#told = undefined
  }

  async #ask(
    question: FilterQuestion,
    kept: MatchingItems | undefined,
    signal: AbortSignal | undefined,
  ): Promise<MatchingItems> {
    const { version, seq, count: items } = this.#slots
    const touched = kept && this.#touchedSince(kept)
    const base = touched ? { bits: kept.bits.buffer, touched: Uint32Array.from(touched) } : undefined
    const request = { op: 'resolve', collection: this.#collection, ...question } as const
    const changes = this.changes()
    const asking = this.#thread.ask({ ...request, changes, ...(base ? { base } : {}) }, signal)
    const began = performance.now()
    // whether the thread was told what became of the slots is not sure then
    asking.catch(() => this.misunderstood())
    const { bits, count, how } = (await asking) as Resolved
    const ms = performance.now() - began
    if (how === 'metadata' && ms > SLOW_MS && !base) this.#noteSlow(question.filter, ms)
    const nearby = kept?.nearby ?? new Nearby()
    return new MatchingItems({ bits: new Uint32Array(bits), count, items, version, seq, how, nearby })
  }

  /** Slots touched since an answer; undefined where it is to be looked up anew. */
  #touchedSince({ version }: MatchingItems): Set<number> | undefined {
    const touched = this.#slots.touchedSince(version)
    return touched && touched.size <= MANY ? touched : undefined
  }

  /** A slot may be of another item by now, which then is of a later write. */
  #askKeys({ bits }: MatchingItems): Promise<ItemKeys> {
    const changes = this.changes()
    const request = { op: 'keysOf', collection: this.#collection, bits: bits.buffer, changes } as const
    const asking = this.#thread.ask(request)
    asking.catch(() => this.misunderstood())
    return asking as Promise<ItemKeys>
  }

  #noteSlow(filter: Filter, ms: number): void {
    for (const name of metadataFields(filter)) {
      const { times = 0, total = 0 } = this.#slow.get(name) ?? {}
      if (!this.#indexed.includes(name)) this.#slow.set(name, { times: times + 1, total: total + ms })
    }
  }

  #hint(filter: Filter): string | undefined {
    for (const name of metadataFields(filter)) {
      const slow = this.#slow.get(name)
      if (!slow || slow.times < OFTEN || this.#indexed.includes(name)) continue
      const mean = Math.round(slow.total / slow.times)
      return `the filter reads "${name}", which is not indexed: ${slow.times} times it took ${mean} ms on average; add it to the collection's indexed fields`
    }
    return undefined
  }

  #keep(name: string, matching: MatchingItems): void {
    const before = this.#kept.get(name)
    if (before && before.version > matching.version) return
    if (before) this.#bytes -= before.bytes
    this.#kept.delete(name)
    this.#kept.set(name, matching)
    this.#bytes += matching.bytes
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= MAX_BYTES || oldest === name) break
      this.#kept.delete(oldest)
      this.#bytes -= bytes
    }
  }
}

function metadataFields(filter: Filter): Set<string> {
  const fields = conditionsOf(filter).map(({ field }) => field)
  return new Set(fields.filter(({ kind }) => kind === 'metadata').map(fieldName))
}

/** Equal questions have equal names, whether or not different ones mean the same. */
function nameOf({ filter, encoderKeys, detectionKeys }: FilterQuestion): string {
  const name = JSON.stringify([filter, encoderKeys, detectionKeys])
  return name.length <= 1_000 ? name : createHash('sha256').update(name).digest('base64')
}
