import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineError } from '#src/core/errors.js'
import { LIMITS } from '#src/core/limits.js'
import { parseWhere } from '#src/query/parse-where.js'
import { wheres } from '../support/filters.js'

const field = (...path: string[]) => ({ kind: 'metadata', path })

describe('parseWhere', () => {
  it('takes a bare value for $eq and conditions side by side for all of them', () => {
    expect(parseWhere({ year: 2000 })).toEqual({ op: 'eq', field: field('year'), value: 2000 })
    expect(parseWhere({ 'a.b': { $gte: 1, $lt: 5 }, tags: 'sea' })).toEqual({
      op: 'and',
      of: [
        {
          op: 'and',
          of: [
            { op: 'gte', field: field('a', 'b'), value: 1 },
            { op: 'lt', field: field('a', 'b'), value: 5 },
          ],
        },
        { op: 'eq', field: field('tags'), value: 'sea' },
      ],
    })
    expect(parseWhere({})).toEqual({ op: 'and', of: [] })
    expect(parseWhere({ a: { b: 1 } })).toEqual({ op: 'eq', field: field('a'), value: { b: 1 } })
  })

  it('turns what is negative into a not around what is positive', () => {
    const eq = { op: 'eq', field: field('a'), value: 1 }
    expect(parseWhere({ a: { $ne: 1 } })).toEqual({ op: 'not', of: eq })
    expect(parseWhere({ a: { $not: { $eq: 1 } } })).toEqual({ op: 'not', of: eq })
    expect(parseWhere({ $not: { a: 1 } })).toEqual({ op: 'not', of: eq })
    expect(parseWhere({ a: { $exists: false } })).toEqual({
      op: 'not',
      of: { op: 'exists', field: field('a') },
    })
    expect(parseWhere({ a: { $nin: [1, null] } })).toEqual({
      op: 'not',
      of: { op: 'in', field: field('a'), values: [1, null] },
    })
  })

  it('knows $id, and $anomaly where something judges', () => {
    expect(parseWhere({ $id: 'x' })).toEqual({ op: 'eq', field: { kind: 'id' }, value: 'x' })
    const anomaly = { space: 'vae', detector: 'reconstruction' }
    expect(parseWhere({ '$anomaly.flagged': true }, { anomaly })).toEqual({
      op: 'eq',
      field: { kind: 'anomaly', part: 'flagged', ...anomaly },
      value: true,
    })
    expect(() => parseWhere({ '$anomaly.score': 1 })).toThrow(/no encoder of this collection/)
  })

  it.each([
    ['a string', 'year > 3', 'where', /must be an object/],
    ['an array', [], 'where', /must be an object/],
    ['null', null, 'where', /must be an object/],
    ['an unknown operator', { year: { $near: 1 } }, 'where.year.$near', /known are \$eq/],
    ['an unknown join', { $nor: [] }, 'where.$nor', /joined by \$and, \$or, \$not/],
    ['an unknown reserved name', { '$anomaly.x': 1 }, 'where.$anomaly.x', /\$anomaly\.score/],
    ['an operator beside a name', { a: { $gt: 1, b: 2 } }, 'where.a.b', /not an operator/],
    ['an operator in a value', { a: { b: { $gt: 1 } } }, 'where.a.b.$gt', /stands within a value/],
    ['$and of nothing', { $and: [] }, 'where.$and', /at least one/],
    ['$or of no array', { $or: { a: 1 } }, 'where.$or', /must be an array/],
    ['$in of no array', { a: { $in: 'x' } }, 'where.a.$in', /must be an array/],
    ['$exists of a number', { a: { $exists: 1 } }, 'where.a.$exists', /true or false/],
    ['$gt of null', { a: { $gt: null } }, 'where.a.$gt', /number, a string/],
    ['$gt of an array', { a: { $gt: [1] } }, 'where.a.$gt', /got an array of 1/],
    ['$not of a value', { a: { $not: 3 } }, 'where.a.$not', /object of operators/],
    ['an empty name', { '': 1 }, 'where.', /empty step/],
    ['an empty step', { 'a..b': 1 }, 'where.a..b', /empty step/],
    ['NaN', { a: Number.NaN }, 'where.a', /JSON does not have/],
    ['a date', { a: { $gt: new Date(0) } }, 'where.a.$gt', /dates too/],
    ['undefined', { a: undefined }, 'where.a', /must be a JSON value/],
    ['half a surrogate pair', { a: '\ud800' }, 'where.a', /surrogate/],
    ['a nested place', { $and: [{}, { a: { $lt: [] } }] }, 'where.$and[1].a.$lt', /got an array of 0/],
  ])('refuses %s, naming the place', (_, where, place, message) => {
    const parse = () => parseWhere(where)
    expect(parse).toThrow(message)
    expect(parse).toThrow(expect.objectContaining({ code: 'INVALID_FILTER', details: { field: place } }))
  })

  it('refuses what is too deep, too long or too much, without overflowing', () => {
    const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
      let where: unknown = { a: 1 }
      for (let i = 0; i < depth; i++) where = wrap(where)
      return where
    }
    const code = expect.objectContaining({ code: 'INVALID_FILTER' })
    for (const depth of [LIMITS.filterDepth, 1_000, 100_000]) {
      expect(() => parseWhere(nested(depth, (inner) => ({ $not: inner })))).toThrow(code)
      expect(() => parseWhere(nested(depth, (inner) => ({ $and: [inner] })))).toThrow(code)
      expect(() => parseWhere({ a: nested(depth, (inner) => ({ $not: inner })) })).toThrow(code)
      expect(() => parseWhere({ a: nested(depth, (inner) => [inner]) })).toThrow(code)
    }
    parseWhere(nested(LIMITS.filterDepth - 1, (inner) => ({ $not: inner })))
    expect(() => parseWhere({ $or: Array.from({ length: 10_000 }, (_, i) => ({ a: i })) })).toThrow(
      /more than 1000 conditions; use \$in/,
    )
    parseWhere({ $or: Array.from({ length: LIMITS.filterTerms }, (_, i) => ({ a: i })) })
    expect(() => parseWhere({ a: { $in: new Array(LIMITS.filterValues + 1).fill(0) } })).toThrow(code)
    parseWhere({ a: { $in: Array.from({ length: LIMITS.filterValues }, (_, i) => i) } })
    expect(() => parseWhere({ ['a'.repeat(1_001)]: 1 })).toThrow(code)
    expect(() => parseWhere({ [new Array(40).fill('a').join('.')]: 1 })).toThrow(/40 steps/)
  })

  it('answers or refuses anything at all', () => {
    fc.assert(
      fc.property(fc.oneof(wheres, fc.anything()), (where) => {
        try {
          parseWhere(where)
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError)
          expect(error).toMatchObject({ code: 'INVALID_FILTER' })
        }
      }),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(wheres, (where) => void parseWhere(where)))
  })
})
