import { describe, expect, it } from 'vitest'
import type { KeywordQuery } from '#src/core/keyword-query.js'
import { matchText } from '#src/query/match-text.js'
import { parseKeywords } from '#src/query/parse-keywords.js'

const asked = (text: string): KeywordQuery => parseKeywords(text).query ?? { all: [], any: [], none: [] }
const match = (query: string, text: string, part?: { start: number; end: number }) =>
  matchText(asked(query), { text, metadata: {}, paths: [] }, part)
const marked = (query: string, text: string): string[] =>
  match(query, text).marks.map(([start, end]) => text.slice(start, end))

describe('marks', () => {
  it.each<[string, string, string[]]>([
    ['run', 'Runners were running a run', ['running', 'run']],
    ['runn*', 'Runners were running', ['Runners']],
    ['"green tea" water', 'Green tea, tea green, water', ['Green tea', 'water']],
    ['女性', '東京の女性たち', ['女性']],
    ['タワ', '東京タワー', ['タワ']],
    ['顔', '笑顔と顔', ['顔', '顔']],
    ['東京タワー', '東京タワーへ', ['東京タワー']],
    ['naive', 'so naïve', ['naïve']],
    ['nothing', 'there is none', []],
  ])('of %s in %s', (query, text, expected) => {
    expect(marked(query, text)).toEqual(expected)
  })

  it('count from the beginning of the whole text', () => {
    const text = 'tea first, then more tea at the end'
    expect(match('tea', text, { start: 11, end: text.length }).marks).toEqual([[21, 24]])
  })
})

describe('the passage', () => {
  const filler = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => `Sentence ${from + i} is of the weather.`).join(' ')

  it('is where most of the query stands', () => {
    const needle = 'Penguins huddle together in winter.'
    const text = `${filler(0, 30)} A penguin. ${filler(30, 60)} ${needle} ${filler(60, 90)} Winter winter winter.`
    const { start, end, marks } = match('penguins winter', text)
    expect(text.slice(start, end)).toContain(needle)
    expect(end - start).toBeLessThan(700)
    expect(marks.map(([from, to]) => text.slice(from, to))).toEqual(['Penguins', 'winter'])
  })

  it('is the whole of a short text, and the beginning of one that has no word of it', () => {
    expect(match('tea', 'a cup of tea')).toMatchObject({ start: 0, end: 12 })
    expect(match('tea', filler(0, 100))).toMatchObject({ start: 0, end: 600, marks: [] })
  })

  it('of a text without spaces never begins or ends within a character', () => {
    const text = `${'𠮷'.repeat(700)}東京${'𠮷'.repeat(700)}`
    const { start, end } = match('東京', text)
    expect(text.slice(start, end).isWellFormed()).toBe(true)
    expect(text.slice(start, end)).toContain('東京')
  })
})

it('admits what holds all that must be there and nothing that must not', () => {
  expect(match('"green tea" -water', 'green tea with milk').admitted).toBe(true)
  expect(match('"green tea" -water', 'green tea with water').admitted).toBe(false)
  expect(match('"green tea" -water', 'tea').admitted).toBe(false)
  expect(match('words', 'none of it').admitted).toBe(true)
})
