import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { type Links, localOrder } from '#src/indexes/local-order.js'

function linksOf(lists: readonly (readonly number[])[]): Links {
  const starts = new Uint32Array(lists.length + 1)
  for (const [element, list] of lists.entries())
    starts[element + 1] = (starts[element] as number) + list.length
  return { starts, to: Uint32Array.from(lists.flat()) }
}

describe('localOrder', () => {
  it('holds every element once and begins with the first, whatever the links are', () => {
    const graphs = fc
      .integer({ min: 1, max: 200 })
      .chain((count) =>
        fc.tuple(
          fc.array(fc.array(fc.nat(count - 1), { maxLength: 9 }), { minLength: count, maxLength: count }),
          fc.nat(count - 1),
        ),
      )
    fc.assert(
      fc.property(graphs, ([lists, first]) => {
        const order = localOrder(linksOf(lists), first)
        expect(order[0]).toBe(first)
        expect([...order].sort((a, b) => a - b)).toEqual(lists.map((_, element) => element))
        expect(localOrder(linksOf(lists), first)).toEqual(order)
      }),
      { seed: 5 },
    )
  })

  it('orders nothing where there is nothing', () => {
    expect(localOrder(linksOf([]), 0)).toEqual(new Uint32Array(0))
  })

  it('puts groups that are linked among themselves together', () => {
    // 50 groups of 40, their members scattered; one link in ten leads to another group
    const random = seededRandom(6)
    const groups = 50
    const lists = Array.from({ length: 2000 }, (_, element) =>
      Array.from({ length: 10 }, (_, i) =>
        i === 0 ? random.int(2000) : groups * random.int(40) + (element % groups),
      ),
    )
    const places = new Uint32Array(2000)
    for (const [place, element] of localOrder(linksOf(lists), 0).entries()) places[element] = place
    const near = lists
      .flatMap((list, element) =>
        list.map((to) => Math.abs((places[to] as number) - (places[element] as number))),
      )
      .filter((gap) => gap <= 40)
    // .04 of them in the order there was
    expect(near.length / 20_000).toBeGreaterThan(0.7)
  })
})
