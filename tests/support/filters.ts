import fc from 'fast-check'
import type { Json, Metadata } from '#src/core/types.js'

const KEYS = ['a', 'b', 'c', '0', '1', 'é"', "x' OR 1=1 --", '\\', 'tab\t', '𝒳', '']

/** Strings in which SQL, JSON and JSON paths are written, and what lies beyond the BMP. */
export const nastyStrings: readonly string[] = [
  '',
  'a',
  'b',
  'ab',
  'A',
  "'",
  '"',
  "'; DROP TABLE items; --",
  '") OR 1=1 --',
  '$.a',
  '$',
  '%',
  '_',
  '*',
  '\\',
  '\\u0000',
  '\u0000',
  'a\u0000b',
  '\n',
  '\u001f',
  '\ufffd',
  '\uffff',
  '𝒳',
  'é',
  'e\u0301',
  '日本',
  '1',
  'true',
  'null',
  '2024-05-01',
  '2024-05-01T00:00:00Z',
]

const numbers = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    2,
    -1,
    0.1,
    0.5,
    1e308,
    -1e308,
    5e-324,
    1e21,
    2 ** 53,
    2 ** 53 + 2,
    2 ** 63,
    2 ** 64,
  ),
  fc.constantFrom(1234567890123456800, 0.1 + 0.2, 1 / 3, 123456.789),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
)
const strings = fc.oneof(fc.constantFrom(...nastyStrings), fc.string({ unit: 'grapheme', maxLength: 3 }))
const scalars: fc.Arbitrary<Json> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Json>(0, 1, 2, 'a', 'b', 'ab', true, false, null) },
  { weight: 1, arbitrary: numbers },
  { weight: 1, arbitrary: strings },
)

/** Any JSON as metadata may hold it, small, of few keys and values, so that filters often hit. */
export const jsonValues: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: scalars },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 3 }) as fc.Arbitrary<Json> },
    {
      weight: 1,
      arbitrary: fc
        .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), tie('value')), {
          maxLength: 3,
          selector: ([key]) => key,
        })
        .map((entries) => Object.fromEntries(entries)) as fc.Arbitrary<Json>,
    },
  ),
})).value

export const metadatas: fc.Arbitrary<Metadata> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), jsonValues), { maxLength: 4, selector: ([key]) => key })
  .map((entries) => Object.fromEntries(entries))

const names = fc
  .array(fc.constantFrom(...KEYS.filter((key) => key !== '')), { minLength: 1, maxLength: 3 })
  .map((steps) => steps.join('.'))

const ordered = scalars.filter((value) => value !== null)

const operators: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({ $eq: jsonValues }),
  fc.record({ $ne: jsonValues }),
  fc.record({ $gt: ordered }),
  fc.record({ $gte: ordered, $lt: ordered }),
  fc.record({ $lte: ordered }),
  fc.record({ $in: fc.array(jsonValues, { maxLength: 4 }) }),
  fc.record({ $nin: fc.array(jsonValues, { maxLength: 4 }) }),
  fc.record({ $exists: fc.boolean() }),
  fc.record({ $contains: jsonValues }),
  fc.record({ $not: fc.record({ $gt: ordered }) }),
)

/** Filters as users write them, over the names that {@link metadatas} has and `$id`. */
export const wheres: fc.Arbitrary<Record<string, unknown>> = fc.letrec<{ where: Record<string, unknown> }>(
  (tie) => ({
    where: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.tuple(names, operators).map(([name, condition]) => ({ [name]: condition })),
      fc.tuple(names, scalars).map(([name, value]) => ({ [name]: value })),
      fc.tuple(fc.constant('$id'), operators).map(([name, condition]) => ({ [name]: condition })),
      fc.record({ $and: fc.array(tie('where'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ $or: fc.array(tie('where'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ $not: tie('where') }),
    ),
  }),
).where
