import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ItemWrite } from '../../core/backend.js'
import type { SpaceVectors } from './space-vectors.js'
import type { CollectionKeys, RemovedLabels, VectorChanges } from './write-messages.js'

/** Vectors applied before the event loop gets its turn. */
const SLICE = 1_000

/** A collection's vectors in memory, and which item each belongs to. Changed only after a commit. */
export class CollectionVectors {
  readonly spaces: readonly SpaceVectors[]
  /** Ids by slot; the slot of an item that is gone is used again, as its rows are dead. */
  readonly #ids: string[]
  readonly #slotOf = new Map<string, number>()
  readonly #freeSlots: number[] = []

  constructor(ids: string[], spaces: readonly SpaceVectors[]) {
    this.spaces = spaces
    this.#ids = ids
    for (const [slot, id] of ids.entries()) this.#slotOf.set(id, slot)
  }

  space(name: string): SpaceVectors | undefined {
    return this.spaces.find((space) => space.keys.name === name)
  }

  slotOf(id: string): number | undefined {
    return this.#slotOf.get(id)
  }

  idOf(slot: number): string {
    return this.#ids[slot] ?? ''
  }

  /** Takes over what a commit did. The labels are given in the order of items, spaces and passages. */
  async applyUpsert(
    collection: CollectionKeys,
    writes: readonly ItemWrite[],
    changes: VectorChanges,
  ): Promise<void> {
    this.#applyRemovals(changes.removed)
    let label = changes.firstLabel
    let sinceTurn = 0
    for (const write of writes) {
      const slot = this.#slotOf.get(write.id) ?? this.#takeSlot(write.id)
      for (const { name, encoderKey } of collection.spaces) {
        const given = write.vectors[name]
        if (given === undefined || given === 'keep') continue
        const space = this.#byEncoder(encoderKey)
        for (const [passage, { vector }] of given.passages.entries()) {
          space?.append(label++, slot, passage, vector)
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
    for (const id of ids) {
      const slot = this.#slotOf.get(id)
      if (slot === undefined) continue
      this.#slotOf.delete(id)
      this.#ids[slot] = ''
      this.#freeSlots.push(slot)
    }
    this.#advance(changes)
  }

  #applyRemovals(removed: readonly RemovedLabels[]): void {
    for (const { encoderKey, labels } of removed) {
      const space = this.#byEncoder(encoderKey)
      for (const label of labels) space?.remove(label)
    }
  }

  #advance(changes: VectorChanges): void {
    for (const encoderKey of changes.encoderKeys) {
      const space = this.#byEncoder(encoderKey)
      if (!space) continue
      space.seq = changes.seq
      space.stamp = changes.stamp
    }
  }

  #byEncoder(encoderKey: number): SpaceVectors | undefined {
    return this.spaces.find((space) => space.keys.encoderKey === encoderKey)
  }

  #takeSlot(id: string): number {
    const slot = this.#freeSlots.pop() ?? this.#ids.length
    this.#ids[slot] = id
    this.#slotOf.set(id, slot)
    return slot
  }
}
