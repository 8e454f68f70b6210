import { describe, expect, it } from 'vitest'
import type { Metadata } from '#src/core/types.js'
import { matches } from '#src/query/matches.js'
import { parseWhere } from '#src/query/parse-where.js'

function holds(where: unknown, metadata: Metadata, id = 'id'): boolean {
  const anomaly = { space: 's', detector: 'd' }
  const judged = { score: 2, percentile: 99, flagged: true }
  return matches(parseWhere(where, { anomaly }), {
    id,
    metadata,
    anomaly: (space, detector) =>
      space === 's' && detector === 'd' && id !== 'unjudged' ? judged : undefined,
  })
}

/** `where`, what it holds of, and what it does not hold of. */
const CASES: [string, unknown, Metadata[], Metadata[]][] = [
  [
    'equal scalars of one kind',
    { a: 1 },
    [{ a: 1 }, { a: [0, 1] }],
    [{ a: '1' }, { a: true }, { a: [[1]] }, {}],
  ],
  ['0 and -0 alike', { a: 0 }, [{ a: 0 }, { a: -0 }], [{ a: false }, { a: null }, { a: '' }]],
  [
    'null and what is missing',
    { a: null },
    [{}, { a: null }, { a: [1, null] }],
    [{ a: 0 }, { a: [] }, { a: '' }],
  ],
  ['booleans, not 1 and 0', { a: true }, [{ a: true }], [{ a: 1 }, { a: 'true' }]],
  [
    'whole arrays or an element that is one',
    { a: [1, 2] },
    [{ a: [1, 2] }, { a: [[1, 2], 3] }],
    [{ a: [2, 1] }, { a: [1] }],
  ],
  [
    'objects with members in order',
    { a: { x: 1, y: 2 } },
    [{ a: { x: 1, y: 2 } }, { a: [{ x: 1, y: 2 }] }],
    [{ a: { y: 2, x: 1 } }, { a: { x: 1 } }],
  ],
  [
    'not equal, which missing fields are',
    { a: { $ne: 1 } },
    [{}, { a: 2 }, { a: null }],
    [{ a: 1 }, { a: [1, 2] }],
  ],
  ['not equal to null', { a: { $ne: null } }, [{ a: 0 }, { a: [] }], [{}, { a: null }, { a: [null] }]],
  [
    'greater among numbers',
    { a: { $gt: 1 } },
    [{ a: 2 }, { a: [0, 2] }],
    [{ a: 1 }, { a: '2' }, { a: true }, { a: null }, {}],
  ],
  [
    'dates as strings',
    { a: { $gte: '2024-05-01' } },
    [{ a: '2024-05-01' }, { a: '2024-05-01T10:00Z' }],
    [{ a: '2024-04-30T23:59Z' }, { a: 2025 }],
  ],
  ['strings by code point', { a: { $gt: '\uffff' } }, [{ a: '𝒳' }], [{ a: '\ufffe' }, { a: 'z' }]],
  ['order of booleans', { a: { $gt: false } }, [{ a: true }], [{ a: false }, { a: 1 }]],
  [
    'a range that different elements satisfy',
    { a: { $gt: 5, $lt: 3 } },
    [{ a: [1, 9] }],
    [{ a: 4 }, { a: [4] }],
  ],
  ['a range that nothing satisfies', { $and: [{ a: { $gt: 5 } }, { a: { $lt: 3 } }] }, [], [{ a: 4 }, {}]],
  [
    'one of',
    { a: { $in: [1, 'x', null, [3]] } },
    [{ a: 1 }, { a: 'x' }, {}, { a: [3] }, { a: [[3], 4] }],
    [{ a: 3 }, { a: '1' }],
  ],
  ['one of none', { a: { $in: [] } }, [], [{}, { a: 1 }, { a: [] }]],
  ['none of', { a: { $nin: [1, 2] } }, [{}, { a: 3 }, { a: [3] }], [{ a: 1 }, { a: [3, 2] }]],
  ['what exists, null too', { a: { $exists: true } }, [{ a: null }, { a: 0 }, { a: [] }], [{}, { b: 1 }]],
  [
    'what does not exist',
    { 'a.b': { $exists: false } },
    [{}, { a: 1 }, { a: {} }, { a: [] }],
    [{ a: { b: null } }, { a: [{ b: 1 }, {}] }],
  ],
  [
    'an element',
    { a: { $contains: 'x' } },
    [{ a: ['x'] }, { a: ['y', 'x'] }],
    [{ a: ['xy'] }, { a: [['x']] }, { a: { x: 1 } }, {}],
  ],
  ['a part of a string', { a: { $contains: 'b%' } }, [{ a: 'ab%c' }], [{ a: 'abc' }, { a: 5 }]],
  ['an array in an array', { a: { $contains: [1] } }, [{ a: [[1], 2] }], [{ a: [1] }, { a: '[1]' }]],
  [
    'names into objects',
    { 'a.b': 1 },
    [{ a: { b: 1 } }, { a: [{ b: 1 }, { c: 1 }] }, { a: { b: [1] } }],
    [{ a: 1 }, { a: [[{ b: 1 }]] }, {}],
  ],
  [
    'positions in arrays',
    { 'a.1': 2 },
    [{ a: [1, 2] }, { a: { 1: 2 } }, { a: [{ 1: 2 }] }, { a: [0, [2]] }],
    [{ a: [2] }, { a: [2, 1] }],
  ],
  [
    'missing in some element',
    { 'a.b': null },
    [{ a: [{ b: 1 }, {}] }, { a: {} }, { a: 4 }, {}],
    [{ a: [] }, { a: [1] }, { a: [{ b: 1 }] }, { a: [[]] }],
  ],
  ['any of several', { $or: [{ a: 1 }, { b: 2 }] }, [{ a: 1 }, { b: 2 }], [{ a: 2 }, {}]],
  ['the opposite', { $not: { a: 1, b: 2 } }, [{ a: 1 }, {}], [{ a: 1, b: 2 }]],
  ['everything', {}, [{}, { a: 1 }], []],
]

describe('a filter', () => {
  it.each(CASES)('finds %s', (_, where, those, others) => {
    for (const metadata of those) expect([metadata, holds(where, metadata)]).toEqual([metadata, true])
    for (const metadata of others) expect([metadata, holds(where, metadata)]).toEqual([metadata, false])
  })

  it('looks at ids and judgements', () => {
    expect(holds({ $id: { $in: ['id', 'x'] } }, {})).toBe(true)
    expect(holds({ $id: { $contains: 'd' } }, {})).toBe(true)
    expect(holds({ $id: 'i' }, {})).toBe(false)
    expect(holds({ '$anomaly.flagged': true, '$anomaly.percentile': { $gt: 90 } }, {})).toBe(true)
    expect(holds({ '$anomaly.flagged': true }, {}, 'unjudged')).toBe(false)
    expect(holds({ '$anomaly.score': null }, {}, 'unjudged')).toBe(true)
  })
})
