import { describe, expect, it } from 'vitest'
import { displayWidth, oneLine, shorten, textTable } from '#src/cli/text-table.js'

describe('textTable', () => {
  const columns = [
    { title: '#', align: 'right' as const },
    { title: 'id' },
    { title: 'text', flexible: true },
  ]

  it('aligns columns and shortens the flexible one to the width', () => {
    const table = textTable(
      columns,
      [
        ['1', 'a.md', 'short'],
        ['10', 'longer.md', 'a text that goes on for much longer than the line has room'],
      ],
      40,
    )
    expect(table.split('\n')).toEqual([
      ' #  id         text',
      ' 1  a.md       short',
      '10  longer.md  a text that goes on for…',
    ])
  })

  it('counts Japanese and emoji as two places', () => {
    expect(displayWidth('雨が降る')).toBe(8)
    expect(displayWidth('👩‍🚀')).toBe(2)
    const table = textTable(
      columns,
      [
        ['1', '日本', 'x'.repeat(60)],
        ['2', 'abcd', '雨'.repeat(40)],
      ],
      40,
    )
    for (const line of table.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(40)
  })

  it('takes line breaks and control characters out of cells', () => {
    expect(oneLine('a\n\tb\u001b[31m c ')).toBe('a b[31m c')
  })
})

describe('shorten', () => {
  it('leaves alone what fits and never cuts a character in two', () => {
    expect(shorten('abc', 3)).toBe('abc')
    expect(shorten('abcd', 3)).toBe('ab…')
    expect(shorten('👩‍🚀👩‍🚀👩‍🚀', 5)).toBe('👩‍🚀👩‍🚀…')
  })
})
