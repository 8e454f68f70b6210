import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Link, LinkTable, makeStars } from '#src/duplicates/groups.js'

const near = (score: number): Link => ({ relation: 'near', score })

function linked(...links: [a: number, b: number, score: number][]): LinkTable {
  const table = new LinkTable()
  for (const [a, b, score] of links) table.add(a, b, near(score))
  return table
}

describe('groups', () => {
  it('keep the first in order, with all that are linked to it, the surest first', () => {
    const table = linked([0, 1, 0.8], [0, 2, 0.9], [1, 2, 1])
    expect(makeStars([0, 1, 2, 3], (member) => table.of(member))).toEqual([
      {
        keep: 0,
        others: [
          { member: 2, ...near(0.9) },
          { member: 1, ...near(0.8) },
        ],
      },
    ])
    expect(makeStars([2, 1, 0], (member) => table.of(member))[0]?.keep).toBe(2)
  })

  it('do not take in what is linked only to a member', () => {
    const table = linked([0, 1, 1], [1, 2, 1], [2, 3, 1])
    const stars = makeStars([0, 1, 2, 3], (member) => table.of(member))
    expect(stars.map(({ keep, others }) => [keep, others.map(({ member }) => member)])).toEqual([
      [0, [1]],
      [2, [3]],
    ])
  })

  it('know the surest of several links', () => {
    const table = linked([0, 1, 0.7])
    table.add(1, 0, { relation: 'similar', score: 0.99 })
    table.add(0, 1, near(0.8))
    table.add(0, 1, near(0.75))
    table.add(2, 2, near(1))
    expect([...table.of(0)]).toEqual([[1, near(0.8)]])
    expect(table.of(2).size).toBe(0)
  })

  it('hold everything once, and only what is linked to the one that is kept', () => {
    const links = fc.array(fc.tuple(fc.nat(15), fc.nat(15), fc.double({ min: 0, max: 1, noNaN: true })))
    fc.assert(
      fc.property(links, fc.shuffledSubarray([...Array(16).keys()], { minLength: 16 }), (drawn, order) => {
        const table = linked(...drawn)
        const stars = makeStars(order, (member) => table.of(member))
        const all = stars.flatMap(({ keep, others }) => [keep, ...others.map(({ member }) => member)])
        expect(new Set(all).size).toBe(all.length)
        for (const { keep, others } of stars) {
          for (const { member, score } of others) {
            expect(table.of(keep).get(member)?.score).toBe(score)
            expect(order.indexOf(keep)).toBeLessThan(order.indexOf(member))
          }
        }
      }),
      { seed: 5, numRuns: 200 },
    )
  })
})
