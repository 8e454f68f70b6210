import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FieldColumn } from '#src/backends/embedded/field-column.js'
import { ItemSlots } from '#src/backends/embedded/item-slots.js'
import { copyBits, countBits, hasBit, newBits, setBit, slotsOf } from '#src/backends/embedded/slot-bits.js'
import { conditionsOf } from '#src/core/filter.js'
import { matches } from '#src/query/matches.js'
import { parseWhere } from '#src/query/parse-where.js'
import { metadatas, wheres } from '../support/filters.js'

describe('a field in memory', () => {
  it('finds what the plain evaluator finds, after changes too', () => {
    fc.assert(
      fc.property(
        fc.array(metadatas, { minLength: 1, maxLength: 40 }),
        fc.array(metadatas, { maxLength: 10 }),
        wheres,
        (first, second, where) => {
          for (const condition of conditionsOf(parseWhere(where))) {
            if (condition.field.kind !== 'metadata') continue
            const column = new FieldColumn(condition.field.path)
            const items = [...first]
            for (const [slot, metadata] of first.entries()) column.set(slot, metadata)
            for (const [i, metadata] of second.entries()) {
              items[(i * 7) % items.length] = metadata
              column.set((i * 7) % items.length, metadata)
            }
            column.set(items.length, { a: 1, b: 2 })
            column.set(items.length, undefined)
            const expected = items.flatMap((metadata, slot) => {
              return matches(condition, { id: '', metadata }) ? [slot] : []
            })
            const found = slotsOf(column.find(condition, items.length + 1))
            expect([condition, [...found]]).toEqual([condition, expected])
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is read anew when most of its values were replaced', () => {
    const column = new FieldColumn(['at'])
    for (let i = 0; i < 10_000; i++) column.set(i % 4, { at: `${i}` })
    expect(column.isWorn(4)).toBe(false)
    for (let i = 0; i < 20; i++) column.set(i % 4, { at: `later ${i}` })
    expect(column.isWorn(4)).toBe(true)
  })
})

it('sets of slots count, copy and list what is in them', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 199 })), (slots) => {
      const bits = newBits(200)
      for (const slot of slots) setBit(bits, slot, true)
      const sorted = [...slots].sort((a, b) => a - b)
      expect([...slotsOf(bits)]).toEqual(sorted)
      expect(countBits(bits)).toBe(slots.length)
      const wider = copyBits(bits, 500)
      if (slots[0] !== undefined) setBit(wider, slots[0], false)
      expect(countBits(wider)).toBe(Math.max(0, slots.length - 1))
      expect([0, 199, 200, 9_999].map((slot) => hasBit(bits, slot))).toEqual(
        [0, 199, 200, 9_999].map((slot) => slots.includes(slot)),
      )
    }),
  )
})

describe('the slots of items', () => {
  it('are used again, and tell what was touched', () => {
    const slots = new ItemSlots()
    expect([slots.put('a', 1), slots.put('b', 2)]).toEqual([0, 1])
    const { version } = slots
    expect(slots.touchedSince(version)).toEqual(new Set())
    slots.put('a', 1)
    slots.remove('b')
    slots.remove('nobody')
    expect(slots.touchedSince(version)).toEqual(new Set([0, 1]))
    expect([slots.keyOf(1), slots.idOf(1), slots.slotOf('b'), slots.count]).toEqual([0, '', undefined, 1])
    expect(slots.put('c', 3)).toBe(1)
    expect([...slots.keys()]).toEqual([1, 3])
  })

  it('forget what was touched long ago, and say so', () => {
    const slots = new ItemSlots()
    slots.put('a', 1)
    const { version } = slots
    for (let i = 0; i < 250_000; i++) slots.put('b', 2)
    expect(slots.touchedSince(version)).toBeUndefined()
    expect(slots.touchedSince(slots.version - 5)).toEqual(new Set([1]))
  })
})
