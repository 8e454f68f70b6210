import { describe, expect, it } from 'vitest'
import { answerText } from '#src/cli/commands/search.js'
import { boldMarks, oneLineMarked } from '#src/cli/marked-text.js'
import { displayWidth } from '#src/cli/text-table.js'

const BOLD = '\u001b[1m'
const PLAIN = '\u001b[22m'
const bare = (text: string): string => text.replaceAll(BOLD, '').replaceAll(PLAIN, '')
const words = (text: string): string[] =>
  text
    .split(BOLD)
    .slice(1)
    .map((part) => part.split(PLAIN)[0] ?? '')

describe('marks', () => {
  it('move with the text when it is brought to one line', () => {
    const text = '  green\n\n tea\u001b[31m and  water '
    const line = oneLineMarked({
      text,
      marks: [
        [2, 7],
        [10, 13],
        [24, 29],
      ],
    })
    expect(line.text).toBe('green tea[31m and water')
    expect(line.marks.map(([start, end]) => line.text.slice(start, end))).toEqual(['green', 'tea', 'water'])
  })

  it('end where the text was cut', () => {
    const text = {
      text: 'green tea and water',
      marks: [
        [0, 5],
        [6, 19],
      ] as const,
    }
    expect(words(boldMarks('green tea a…   ', text))).toEqual(['green', 'tea a'])
    expect(bare(boldMarks('green tea a…   ', text))).toBe('green tea a…   ')
  })
})

it('marked words of an answer are bold, and take no room', () => {
  const text = `A long text about 緑茶 and water, ${'and water '.repeat(20)}`
  const marks: [number, number][] = [
    [18, 20],
    [25, 30],
  ]
  const answer = {
    results: [
      {
        id: 'tea',
        score: 1,
        metadata: { title: 'Tea' },
        passage: text,
        highlights: [{ text, start: 0, marks }],
      },
    ],
    tookMs: 1,
    plan: { mode: 'hybrid', strategy: 'exact', scanned: 1 } as const,
  }
  const bold = answerText(answer, 60, { marks: true })
  expect(words(bold)).toEqual(['緑茶', 'water'])
  expect(bare(bold)).toBe(answerText(answer, 60))
  for (const line of bare(bold).split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(60)
})
