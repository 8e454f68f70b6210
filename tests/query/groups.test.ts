import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json } from '#src/core/types.js'
import { Groups, groupValue } from '#src/query/groups.js'

const item = (id: string, metadata: Record<string, Json>) => ({ id, metadata })

describe('groups', () => {
  it('hold the first of each value, in the order in which they came', () => {
    const kinds = fc.array(fc.constantFrom<Json>('a', 'b', 1, '1', true, null, ['a'], {}), { maxLength: 30 })
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: 3 }), (values, size) => {
        const items = values.map((kind, i) => item(`${i}`, { kind }))
        const groups = new Groups('kind', size)
        groups.add(items.slice(0, 10))
        groups.add(items) // the first ones again
        const plain = items.filter(({ metadata: { kind } }) => kind !== null && typeof kind !== 'object')
        const order = [...new Set(plain.map(({ metadata }) => metadata.kind))]
        expect(groups.first(99)).toEqual(
          order.map((value) => ({
            value,
            members: plain.filter(({ metadata }) => metadata.kind === value).slice(0, size),
          })),
        )
        expect(groups.count).toBe(order.length)
        expect([...groups.values(99, 'full'), ...groups.values(99, 'partial')]).toHaveLength(order.length)
      }),
    )
  })

  it.each<[string, Json, unknown]>([
    ['a string', 'x', 'x'],
    ['false', false, false],
    ['0', 0, 0],
    ['null', null, undefined],
    ['a list', ['x'], undefined],
    ['an object', { b: 1 }, undefined],
  ])('take %s for what it is', (_what, value, expected) => {
    expect(groupValue({ a: { b: value } }, ['a', 'b'])).toBe(expected)
    expect(groupValue({}, ['a', 'b'])).toBeUndefined()
  })

  it('take one value in a list of objects, and none where there are several', () => {
    expect(groupValue({ lines: [{ sku: 'x' }] }, ['lines', 'sku'])).toBe('x')
    expect(groupValue({ lines: [{ sku: 'x' }, { sku: 'y' }] }, ['lines', 'sku'])).toBeUndefined()
  })
})
