import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { likelihoodOf, matchOf, NONE_BELOW, WEAK_BELOW } from '#src/query/judge-match.js'
import { nonsenseQueries } from '#src/query/nonsense.js'
import { contentTerms, WordRarity } from '#src/query/word-rarity.js'

const deviations = fc.double({ min: -1e3, max: 1e3, noNaN: true })
const share = fc.double({ min: 0, max: 1, noNaN: true })

describe('a likelihood', () => {
  it('is from 0 to 1, and more evidence never makes it less', () => {
    fc.assert(
      fc.property(deviations, deviations, share, share, (a, b, c, d) => {
        const less = likelihoodOf({ deviations: Math.min(a, b), words: Math.min(c, d) })
        const more = likelihoodOf({ deviations: Math.max(a, b), words: Math.max(c, d) })
        expect(less).toBeGreaterThanOrEqual(0)
        expect(more).toBeLessThanOrEqual(1)
        expect(less).toBeLessThanOrEqual(more)
        expect(likelihoodOf({ deviations: Math.min(a, b) })).toBeLessThanOrEqual(
          likelihoodOf({ deviations: Math.max(a, b) }),
        )
      }),
    )
  })

  it('is low for what random words reach and high for what stands out', () => {
    expect(matchOf(likelihoodOf({ deviations: 0, words: 0.1 }))).toBe('none')
    expect(matchOf(likelihoodOf({ deviations: 4, words: 0.6 }))).toBe('good')
    expect(matchOf(likelihoodOf({ deviations: 4 }))).toBe('good')
    expect(matchOf(likelihoodOf({ deviations: -1 }))).toBe('none')
  })

  it('has its verdicts in order', () => {
    expect([0, NONE_BELOW, WEAK_BELOW].map(matchOf)).toEqual(['none', 'weak', 'good'])
  })
})

describe('the share of words', () => {
  const rarity = new WordRarity()
  for (const text of ['the red boat', 'a red car', 'red roses', 'the green boat'])
    rarity.add(contentTerms(text))

  it('counts rare words more, and words never seen most', () => {
    expect(rarity.rarity('red')).toBeLessThan(rarity.rarity('green'))
    expect(rarity.rarity('green')).toBeLessThan(rarity.rarity('zyzzyva'))
    const query = contentTerms('red roses')
    expect(rarity.share(query, contentTerms('red'))).toBeLessThan(0.5)
    expect(rarity.share(query, contentTerms('a rose'))).toBeGreaterThan(0.5)
    expect(rarity.share(query, contentTerms('Roses are red'))).toBe(1)
  })

  it('is unknown where the query has no word that carries meaning', () => {
    expect(rarity.share(contentTerms('who are you?'), contentTerms('red'))).toBeUndefined()
  })

  it('is from 0 to 1 and grows with the text, for any query', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (query, text, more) => {
        const asked = contentTerms(query)
        const few = rarity.share(asked, contentTerms(text)) ?? 0
        const many = rarity.share(asked, new Set([...contentTerms(text), ...contentTerms(more)])) ?? 0
        expect(few).toBeGreaterThanOrEqual(0)
        expect(many).toBeLessThanOrEqual(1 + 1e-12)
        expect(few).toBeLessThanOrEqual(many + 1e-12)
      }),
    )
  })

  it('is the same after its counts were written and read', () => {
    const again = new WordRarity(JSON.parse(JSON.stringify([...rarity.counts()])), rarity.texts)
    expect(again.rarity('red')).toBe(rarity.rarity('red'))
    expect(again.rarity('zyzzyva')).toBe(rarity.rarity('zyzzyva'))
  })
})

it('nonsense is two to ten words, the same for the same seed', () => {
  const made = nonsenseQueries(['a', 'b', 'c'], 200, seededRandom(4))
  expect(new Set(made.map((text) => text.split(' ').length))).toEqual(new Set([2, 3, 4, 5, 6, 7, 8, 9, 10]))
  expect(made).toEqual(nonsenseQueries(['a', 'b', 'c'], 200, seededRandom(4)))
})
