/** A set of item slots: bit `slot % 32` of word `slot / 32`. In shared memory, so that every thread can read it. */
export type SlotBits = Uint32Array<SharedArrayBuffer>

/** An empty set with room for `slots`. */
export function newBits(slots: number): SlotBits {
  return new Uint32Array(new SharedArrayBuffer(Math.ceil(slots / 32) * 4))
}

/** A copy with room for `slots`. */
export function copyBits(bits: SlotBits, slots: number): SlotBits {
  const copy = newBits(slots)
  copy.set(bits.length > copy.length ? bits.subarray(0, copy.length) : bits)
  return copy
}

/** Slots beyond the set's room are not in it. */
export function hasBit(bits: SlotBits, slot: number): boolean {
  return (((bits[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1
}

export function setBit(bits: SlotBits, slot: number, value: boolean): void {
  const word = slot >>> 5
  const mask = 1 << (slot & 31)
  if (value) bits[word] = (bits[word] as number) | mask
  else bits[word] = (bits[word] as number) & ~mask
}

/** How many slots are in the set. */
export function countBits(bits: SlotBits): number {
  let count = 0
  for (let i = 0; i < bits.length; i++) {
    // Warren, Hacker's Delight, figure 5-2
    let word = bits[i] as number
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
  }
  return count
}

/** The slots of the set, ascending. */
export function slotsOf(bits: SlotBits): Uint32Array {
  const slots = new Uint32Array(countBits(bits))
  let at = 0
  for (let i = 0; i < bits.length; i++) {
    for (let word = bits[i] as number; word !== 0; word &= word - 1) {
      slots[at++] = i * 32 + 31 - Math.clz32(word & -word)
    }
  }
  return slots
}
