import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeywordClause } from '#src/core/keyword-query.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { leastTime } from '../support/least-time.js'

/** `word`, `"a phrase"`, `begin*`; what is found by characters in brackets. */
const show = (clauses: readonly KeywordClause[] = []): string[] =>
  clauses.map(({ phrases }) =>
    phrases
      .map(({ within, terms, prefix }) => {
        const text = terms.join(' ') + (prefix ? '*' : '')
        return within === 'grams' ? `[${text}]` : terms.length > 1 ? `"${text}"` : text
      })
      .join(' '),
  )

const parts = (text: string) => {
  const { query, plain } = parseKeywords(text)
  return { all: show(query?.all), any: show(query?.any), none: show(query?.none), plain }
}

describe('a query', () => {
  it.each<[string, Partial<ReturnType<typeof parts>>]>([
    ['undo a commit', { any: ['undo', 'commit'], plain: 'undo a commit' }],
    ['the of and', { any: ['the', 'of', 'and'] }],
    ['"undo a commit" git', { all: ['"undo a commit"'], any: ['git'], plain: 'undo a commit git' }],
    ['git -svn -"old style"', { any: ['git'], none: ['svn', '"old style"'], plain: 'git' }],
    ['tea -naïv* -state-of*', { any: ['tea'], none: ['naiv*', '"state of*"'] }],
    ['work* naïv*', { any: ['work*', 'naiv*'], plain: 'work naïv' }],
    ['well-known state-of-the-art', { any: ['well', 'known', 'state', 'art'] }],
    ['node.js -foo-bar', { any: ['node', 'js'], none: ['"foo bar"'] }],
    ['at -5 degrees', { any: ['5', 'degre'], plain: 'at -5 degrees' }],
    ['- a list', { any: ['list'], plain: '- a list' }],
    ['a 15" and a 17" screen', { any: ['15', '17', 'screen'], all: [] }],
    ['"unclosed phrase', { any: ['unclos', 'phrase'], all: [] }],
    ['say "hello".', { all: ['hello'], any: ['sai'] }],
    [
      'NEAR(a b, 2) AND text:x OR NOT y ^z {c d}',
      { any: ['near', 'b', '2', 'text', 'x', 'not', 'y', 'z', 'c', 'd'] },
    ],
    ['東京の桜', { any: ['東京 [東京]', 'の', '桜 [桜*]', '[東京 京の の桜]'] }],
    ['顔', { any: ['顔 [顔*]'] }],
    ['"笑顔の女性"', { all: ['"笑顔 の 女性" [笑顔 顔の の女 女性]'] }],
    ['git git Git', { any: ['git'] }],
    ['😀', { any: ['😀'] }],
  ])('%s', (text, expected) => {
    expect(parts(text)).toMatchObject(expected)
  })

  it.each(['', '   ', '!?…', '"" * -', '-"', '""'])('%j asks for nothing', (text) => {
    expect(parseKeywords(text)).toMatchObject({ query: undefined, onlyExcluded: false })
  })

  it('of nothing but excluded words says so', () => {
    expect(parseKeywords('-git -"old style"')).toMatchObject({ query: undefined, onlyExcluded: true })
  })

  it('of ten thousand words is read as far as its bound, its plain text whole', () => {
    const text = Array.from({ length: 10_000 }, (_, i) => `word${i}`).join(' ')
    const { query, plain } = parseKeywords(text)
    expect(query?.any.length).toBeLessThan(2_000)
    expect(plain).toBe(text)
    const excluding = parseKeywords(`-first ${text}`)
    expect(excluding.plain).toBe(text)
  })

  it.each<[string, string]>([
    ['one quotation mark and spaces', `"${' '.repeat(1 << 20)}`],
    ['quotation marks', '" '.repeat(1 << 19)],
    ['signs', '-"*'.repeat(1 << 18)],
    ['one endless word', 'a'.repeat(1 << 20)],
    ['Japanese', '東京'.repeat(1 << 18)],
  ])('of a megabyte of %s takes no more than its length makes it', async (_what, text) => {
    const part = await leastTime(() => parseKeywords(text.slice(0, text.length / 16)))
    // 16 if it grows with the length, 256 with its square
    expect((await leastTime(() => parseKeywords(text))) / part).toBeLessThan(80)
  })

  it('may be any text: every term is letters, digits or not ASCII, and every clause has a phrase', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), SIGNS), (text) => {
        const { query, onlyExcluded } = parseKeywords(text)
        if (!query) return
        expect(onlyExcluded).toBe(false)
        expect(query.all.length + query.any.length).toBeGreaterThan(0)
        for (const { phrases } of [...query.all, ...query.any, ...query.none]) {
          expect(phrases.length).toBeGreaterThan(0)
          for (const { terms } of phrases) {
            expect(terms.length).toBeGreaterThan(0)
            for (const term of terms) expect(term).toMatch(/^[a-z0-9\u0080-\u{10ffff}]+$/u)
          }
        }
      }),
    )
  })
})

/** Texts of the signs of our grammar and of SQLite's. */
const SIGNS = fc
  .array(
    fc.constantFrom(
      '"',
      '-',
      '*',
      ' ',
      'a',
      'bc',
      '東京',
      ':',
      '(',
      ')',
      'AND',
      'NOT',
      'NEAR',
      '^',
      '+',
      "'",
      ';',
      '\0',
    ),
  )
  .map((signs) => signs.join(''))
