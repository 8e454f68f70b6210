import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countBelow, countUpTo, quantileOf } from '#src/core/ascending.js'

const lists = fc.array(fc.integer({ min: -5, max: 5 })).map((list) => Float64Array.from(list).sort())

describe('ascending numbers', () => {
  it('are counted below and up to a value', () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: -6, max: 6 }), (list, value) => {
        expect(countBelow(list, value)).toBe(list.filter((there) => there < value).length)
        expect(countUpTo(list, value)).toBe(list.filter((there) => there <= value).length)
      }),
    )
  })

  it('have quantiles, linear between neighbours', () => {
    const list = [0, 10, 20, 40]
    expect([0, 1 / 3, 0.5, 1].map((share) => quantileOf(list, share))).toEqual([0, 10, 15, 40])
    expect([-1, 2].map((share) => quantileOf(list, share))).toEqual([0, 40])
  })
})
