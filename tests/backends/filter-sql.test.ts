import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filterSql } from '#src/backends/embedded/filter-sql.js'
import { type Connection, openDatabase } from '#src/backends/embedded/sqlite.js'
import type { Metadata } from '#src/core/types.js'
import { type FilterSubject, matcher } from '#src/query/matches.js'
import { parseWhere } from '#src/query/parse-where.js'
import { metadatas, nastyStrings, wheres } from '../support/filters.js'

const anomaly = { space: 's', detector: 'd' }
const judgements = [
  { score: 1.5, percentile: 20, flagged: false },
  { score: 7, percentile: 99.5, flagged: true },
]

/** A text as a name that metadata may have. */
const nameOf = (text: string): string => text.replaceAll(/[.$\0]/g, '')

describe('a filter in SQL', () => {
  let db: Connection

  beforeAll(() => {
    db = openDatabase(':memory:')
    db.exec(`CREATE TABLE items (key INTEGER PRIMARY KEY, id TEXT, metadata TEXT);
      CREATE TABLE anomalies (encoder, detector, item, score, percentile, flagged)`)
  })
  afterAll(() => db.close())

  function fill(metadata: readonly Metadata[], ids: readonly string[] = []): FilterSubject[] {
    db.exec('DELETE FROM items; DELETE FROM anomalies')
    return metadata.map((one, i) => {
      const id = ids[i] ?? `item-${i}`
      db.prepare('INSERT INTO items VALUES (?, ?, ?)').run(i, id, JSON.stringify(one))
      const judged = judgements[i]
      if (judged) {
        const { score, percentile, flagged } = judged
        db.prepare('INSERT INTO anomalies VALUES (9, ?, ?, ?, ?, ?)').run(
          'd',
          i,
          score,
          percentile,
          Number(flagged),
        )
      }
      return { id, metadata: one, anomaly: () => judged }
    })
  }

  function found(where: unknown): number[] {
    const { sql, parameters } = filterSql(parseWhere(where, { anomaly }), {
      encoderKeys: { [anomaly.space]: 9 },
      detectionKeys: {},
    })
    return db
      .prepare<[object], number>(`SELECT key FROM items WHERE ${sql} ORDER BY key`)
      .pluck()
      .all(parameters)
  }

  function expected(where: unknown, items: readonly FilterSubject[]): number[] {
    const holds = matcher(parseWhere(where, { anomaly }))
    return items.flatMap((item, i) => (holds(item) ? [i] : []))
  }

  it('finds what the plain evaluator finds, in any metadata', () => {
    fc.assert(
      fc.property(
        fc.array(metadatas, { minLength: 1, maxLength: 12 }),
        fc.array(wheres, { minLength: 1, maxLength: 12 }),
        (metadata, asked) => {
          const items = fill(metadata)
          for (const where of asked) expect([where, found(where)]).toEqual([where, expected(where, items)])
        },
      ),
      { numRuns: Number(process.env.FILTER_RUNS ?? 400) },
    )
  })

  it('takes every string for a value and a name, never for SQL', () => {
    const metadata = nastyStrings.map((text) => ({
      text,
      list: [text],
      [nameOf(text) || 'x']: 1,
    }))
    const items = fill(
      metadata,
      nastyStrings.map((text, i) => `${i}${text}`),
    )
    for (const text of nastyStrings) {
      for (const op of ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$contains']) {
        for (const name of ['text', 'list', '$id']) {
          const where = { [name]: { [op]: text } }
          expect([where, found(where)]).toEqual([where, expected(where, items)])
        }
      }
      const name = nameOf(text)
      const wheres = [
        { text: { $in: [text, 'zz'] } },
        { list: { $nin: [text] } },
        { text: { [name || 'x']: text } },
      ]
      if (name !== '' && !name.startsWith('$'))
        wheres.push({ [name]: { $exists: true } } as never, { [`text.${name}`]: 1 } as never)
      for (const where of wheres) expect([where, found(where)]).toEqual([where, expected(where, items)])
    }
    expect(db.prepare('SELECT count(*) FROM items').pluck().get()).toBe(nastyStrings.length)
  })

  it('looks at judgements', () => {
    const items = fill([{}, {}, {}])
    for (const value of [1.5, 7, true, false, null, '7', 20]) {
      for (const part of ['score', 'percentile', 'flagged']) {
        const name = `$anomaly.${part}`
        const asked: unknown[] = [
          { [name]: value },
          { [name]: { $in: [value] } },
          { [name]: { $exists: true } },
        ]
        if (value !== null) asked.push({ [name]: { $gt: value } }, { [name]: { $not: { $lte: value } } })
        for (const where of asked) expect([where, found(where)]).toEqual([where, expected(where, items)])
      }
    }
  })

  it('bears the largest filters', () => {
    const items = fill(Array.from({ length: 50 }, (_, i) => ({ a: i, b: `${i}` })))
    const terms = Array.from({ length: 999 }, (_, i) => ({ [`f${i}`]: { $exists: true } }))
    expect(found({ $or: [...terms, { a: 3 }] })).toEqual([3])
    const deep = Array.from({ length: 201 }, (_, i) => ({ [`f${i}.g.h`]: { $exists: true } }))
    expect(found({ $or: [...deep.slice(1), { a: 3 }] })).toEqual([3])
    expect(() => found({ $or: deep })).toThrowError(expect.objectContaining({ code: 'INVALID_FILTER' }))
    const many = {
      a: { $in: Array.from({ length: 50_000 }, (_, i) => i + 40) },
      b: { $nin: Array.from({ length: 50_000 }, (_, i) => `${i + 45}`) },
    }
    expect(found(many)).toEqual(expected(many, items))
    let nested: unknown = { $or: Array.from({ length: 500 }, (_, i) => ({ a: -i })) }
    for (let i = 0; i < 30; i++)
      nested = i % 2 ? { $not: nested } : { $and: [nested, { b: { $exists: true } }, {}] }
    expect(found(nested)).toEqual(expected(nested, items))
  })
})
