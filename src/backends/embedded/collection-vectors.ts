import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ItemWrite } from '../../core/backend.js'
import type { VectorTable } from '../../indexes/vector-table.js'
import type { CollectionKeys } from './collection-keys.js'
import { encodedRows } from './encoded-rows.js'
import { ItemSlots } from './item-slots.js'
import type { LoadedCollection } from './load-messages.js'
import { type PackedIds, unpackIds } from './packed-ids.js'
import type { SpaceVectors } from './space-vectors.js'
import type { RemovedLabels, UpsertAnswer, VectorChanges } from './write-messages.js'

/** Vectors applied before the event loop gets its turn: a few milliseconds. */
const SLICE = 250
/** Rows of a table whose items are named anew before the event loop gets its turn. */
const ROWS_SLICE = 50_000

/**
 * A collection's vectors in memory, those of each space's current encoder version, and which item each belongs to.
 * Changed only after a commit.
 */
export class CollectionVectors {
  #spaces: readonly SpaceVectors[] = []
  /** Spaces that were swapped out while searches ran over them, with the number of those. */
  readonly #searches = new Map<SpaceVectors, number>()
  /** The slot of an item that is gone is used again, as its rows are dead. */
  readonly slots = new ItemSlots()

  private constructor() {}

  /** @param items that are there: ids and keys by slot */
  static async create(
    { ids, keys, seq }: Pick<LoadedCollection, 'ids' | 'keys' | 'seq'>,
    spaces: readonly SpaceVectors[],
  ): Promise<CollectionVectors> {
    const vectors = new CollectionVectors()
    vectors.#spaces = spaces
    vectors.slots.seq = seq
    let next = 0
    for await (const some of unpackIds(ids)) {
      for (const id of some) vectors.slots.put(id, keys[next++] ?? 0)
    }
    return vectors
  }

  get spaces(): readonly SpaceVectors[] {
    return this.#spaces
  }

  space(name: string): SpaceVectors | undefined {
    return this.#spaces.find((space) => space.keys.space === name)
  }

  /** Keeps up with removals for a search over a space until `release` is called, even if it is swapped out. */
  hold(space: SpaceVectors): { release(): void } {
    this.#searches.set(space, (this.#searches.get(space) ?? 0) + 1)
    return {
      release: () => {
        const left = (this.#searches.get(space) ?? 1) - 1
        if (left > 0) this.#searches.set(space, left)
        else this.#searches.delete(space)
      },
    }
  }

  /** Makes a table name items by slot that named them by their place in `ids`. No write may be applied meanwhile. */
  async adopt(table: VectorTable, ids: PackedIds): Promise<void> {
    const slots = new Uint32Array(ids.count)
    let next = 0
    for await (const some of unpackIds(ids)) for (const id of some) slots[next++] = this.slots.slotOf(id) ?? 0
    for (let row = 0; row < table.rows; row++) {
      if (row > 0 && row % ROWS_SLICE === 0) await nextTurn()
      const { items } = table.chunkOf(row)
      const at = row % table.chunkRows
      items[at] = slots[items[at] as number] as number
    }
  }

  /** Puts a space in the place of the one of that name, which is given back. */
  swap(space: SpaceVectors): SpaceVectors | undefined {
    const before = this.space(space.keys.space)
    this.#spaces = [...this.#spaces.filter((other) => other !== before), space]
    return before
  }

  /** Takes over what a commit did. The labels are given in the order of items, spaces, versions and passages. */
  async applyUpsert(
    collection: CollectionKeys,
    writes: readonly ItemWrite[],
    changes: UpsertAnswer,
  ): Promise<void> {
    this.#applyRemovals(changes.removed)
    let label = changes.firstLabel
    let sinceTurn = 0
    for (const [i, write] of writes.entries()) {
      const slot = this.slots.put(write.id, changes.itemKeys[i] ?? 0)
      for (const { version, encoded } of encodedRows(collection, write)) {
        const space = this.#byEncoder(version.encoderKey)
        for (const [passage, { vector }] of encoded.passages.entries()) {
          space?.append(label, slot, passage, vector)
          label++
          sinceTurn++
        }
      }
      if (sinceTurn >= SLICE) {
        sinceTurn = 0
        await nextTurn()
      }
    }
    this.#advance(changes)
  }

  applyRemove(ids: readonly string[], changes: VectorChanges): void {
    this.#applyRemovals(changes.removed)
    for (const id of ids) this.slots.remove(id)
    this.#advance(changes)
  }

  #applyRemovals(removed: readonly RemovedLabels[]): void {
    for (const { encoderKey, labels } of removed) {
      const spaces = new Set([...this.#spaces, ...this.#searches.keys()])
      for (const space of spaces) {
        if (space.keys.encoderKey === encoderKey) for (const label of labels) space.remove(label)
      }
    }
  }

  #advance(changes: VectorChanges): void {
    this.slots.seq = changes.seq
    for (const encoderKey of changes.encoderKeys) {
      const space = this.#byEncoder(encoderKey)
      if (!space) continue
      space.seq = changes.seq
      space.stamp = changes.stamp
    }
  }

  #byEncoder(encoderKey: number): SpaceVectors | undefined {
    return this.#spaces.find((space) => space.keys.encoderKey === encoderKey)
  }
}
