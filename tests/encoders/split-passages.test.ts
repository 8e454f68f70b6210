import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ModelFolder, readModelFolder } from '#src/encoders/model-folder.js'
import { splitPassages } from '#src/encoders/split-passages.js'
import { TextTokenizer } from '#src/encoders/text-tokenizer.js'
import { leastTime } from '../support/least-time.js'
import { bundled } from './folders.js'

let minilm: ModelFolder
let english: TextTokenizer
let multilingual: TextTokenizer
beforeAll(async () => {
  minilm = await readModelFolder(bundled('all-MiniLM-L6-v2'))
  english = TextTokenizer.load(minilm)
  multilingual = TextTokenizer.load(await readModelFolder(bundled('multilingual-e5-small')))
})

function split(text: string, tokenizer: TextTokenizer, budget: number) {
  const count = (part: string): number => tokenizer.count(part)
  return [...splitPassages(text, { count, budget })]
}

/** Checks what must hold of every split. */
function checkSplit(text: string, tokenizer: TextTokenizer, budget: number): void {
  const spans = split(text, tokenizer, budget)
  let covered = 0
  let before = -1
  for (const { start, end } of spans) {
    expect(start).toBeGreaterThan(before)
    expect(start).toBeLessThanOrEqual(covered)
    expect(end).toBeGreaterThan(covered)
    for (const at of [start, end])
      expect(/^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, at - 1), at + 1))).toBe(false)
    expect(tokenizer.count(text.slice(start, end))).toBeLessThanOrEqual(budget)
    before = start
    covered = end
  }
  expect(covered).toBe(text.length)
}

const words = fc.constantFrom(
  'the',
  'latent',
  'space',
  'of',
  'Kindred',
  'don’t',
  '3.14',
  'e.g.',
  'antidisestablish',
)
const sentence = fc
  .tuple(fc.array(words, { minLength: 1, maxLength: 40 }), fc.constantFrom('. ', '! ', '?\n', '.\n\n', ' '))
  .map(([list, end]) => list.join(' ') + end)
const japanese = fc
  .tuple(
    fc.array(
      fc.constantFrom('今日は', '天気が', '良いので', '散歩に', '行きました', 'カタカナ', '東京都', '猫'),
      {
        minLength: 1,
        maxLength: 25,
      },
    ),
    fc.constantFrom('。', '！', '？」', '\n', '、'),
  )
  .map(([list, end]) => list.join('') + end)
const emoji = fc.constantFrom('🎉', '👩‍👩‍👧‍👦', '🇯🇵', '👍🏽', '❤️', 'e\u0301', ' ', 'a')
const texts = fc.oneof(
  fc.array(sentence, { maxLength: 30 }).map((list) => list.join('')),
  fc.array(japanese, { maxLength: 30 }).map((list) => list.join('')),
  fc.array(emoji, { maxLength: 400 }).map((list) => list.join('')),
  fc.string({ unit: fc.constantFrom('a', 'b', '0', '-', '語'), maxLength: 1500 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
)

describe('splitPassages', () => {
  it('covers any text, in order, within the limit (WordPiece)', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 8, max: 120 }), (text, budget) =>
        checkSplit(text, english, budget),
      ),
      { seed: 1, numRuns: 150 },
    )
  })

  it('covers any text, in order, within the limit (Unigram)', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 12, max: 120 }), (text, budget) =>
        checkSplit(text, multilingual, budget),
      ),
      { seed: 2, numRuns: 100 },
    )
  })

  it('cuts at sentences and says about one again', () => {
    const list = Array.from({ length: 40 }, (_, i) => `Here is sentence ${i} of the story. `)
    const text = list.join('')
    const spans = split(text, english, 100)
    const borders = new Set([0])
    for (const part of list) borders.add(Math.max(...borders) + part.length)
    let repeated = 0
    for (const [i, { start, end }] of spans.entries()) {
      expect(borders.has(start)).toBe(true)
      expect(borders.has(end)).toBe(true)
      const before = spans[i - 1]
      if (before && start < before.end) repeated++
      if (before) expect(before.end - start).toBeLessThanOrEqual(0.2 * (before.end - before.start))
    }
    expect(repeated).toBe(spans.length - 1)
  })

  it('cuts Japanese and Chinese at their full stops', () => {
    const text =
      '吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。今天天气很好。我们去公园吧！'.repeat(
        20,
      )
    for (const { end } of split(text, multilingual, 100)) expect('。！').toContain(text[end - 1])
  })

  it('cuts a sentence that is too long between words', () => {
    const text = 'word and another '.repeat(400)
    const spans = split(text, english, 50)
    expect(spans.length).toBeGreaterThan(20)
    for (const { start } of spans) expect(/^(word|and|another| )/.test(text.slice(start))).toBe(true)
  })

  it('cuts between graphemes where there are no words', () => {
    const family = '👩‍👩‍👧‍👦'
    const text = family.repeat(500)
    for (const { start, end } of split(text, multilingual, 40)) {
      expect(start % family.length).toBe(0)
      expect(end % family.length).toBe(0)
    }
  })

  it('survives one grapheme of any length', () => {
    checkSplit(`a${'\u0301'.repeat(5000)}`, english, 20)
    checkSplit(`a${'\u0301'.repeat(5000)}`, multilingual, 20)
  })

  it('tokenizes in time linear in the text', () => {
    const make = (n: number): string =>
      Array.from(
        { length: n },
        (_, i) => `Sentence ${i} has some words in it, ${i % 7 ? 'short' : 'x'.repeat(99)}. `,
      ).join('')
    for (const text of [make(600), 'nospaces'.repeat(3000), '日本語'.repeat(5000)]) {
      let characters = 0
      const count = (part: string): number => {
        characters += part.length
        return english.count(part)
      }
      const spans = [...splitPassages(text, { count, budget: 254 })]
      expect(spans.length).toBeGreaterThan(10)
      expect(characters).toBeLessThan(text.length * 5)
    }
  })

  it('gives nothing for nothing', () => {
    expect(split('', english, 50)).toEqual([])
  })
})

describe('TextTokenizer', () => {
  it('neither pads to 128 nor cuts at 128, as tokenizer.json of all-MiniLM-L6-v2 says', () => {
    expect(english.tokenize('hello world', 'query').ids).toEqual([101, 7592, 2088, 102])
    const { ids, cut } = english.tokenize('hello '.repeat(1000), 'query')
    expect(ids).toHaveLength(256)
    expect(ids.at(-1)).toBe(102)
    expect(cut).toBe(true)
  })

  it('puts the prompt of the role in front', () => {
    const query = multilingual.tokenize('猫', 'query').ids
    const passage = multilingual.tokenize('猫', 'passage').ids
    expect(query).not.toEqual(passage)
    expect(query.at(-2)).toBe(passage.at(-2))
  })

  it('reads a long text no further than it must', async () => {
    const text = 'lorem ipsum dolor sit amet '.repeat(40_000)
    const tokenize = (some: string) => english.tokenize(some, 'passage').ids
    expect(tokenize(text)).toEqual(tokenize(text.slice(0, 5000)))
    const short = await leastTime(() => tokenize(text.slice(0, 5000)))
    // 216 if all of it were read
    expect((await leastTime(() => tokenize(text))) / short).toBeLessThan(40)
  })

  it('refuses a limit that leaves no room for the text', () => {
    const settings = {
      ...minilm.settings,
      prompts: { query: 'a long prompt here ', passage: '' },
      maxTokens: 8,
    }
    expect(() => TextTokenizer.load({ ...minilm, settings })).toThrow(/leaves 2 tokens/)
  })
})
