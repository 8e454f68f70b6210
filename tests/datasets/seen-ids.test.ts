import { expect, it } from 'vitest'
import { SeenIds } from '#src/datasets/seen-ids.js'

it('remembers at least the last ids it was made for, and not more than twice as many', () => {
  const seen = new SeenIds(10)
  for (let i = 0; i < 100; i++) {
    expect(seen.claim(`id ${i}`, `line ${i}`)).toBeUndefined()
    for (let j = Math.max(0, i - 9); j <= i; j++) expect(seen.claim(`id ${j}`, 'later')).toBe(`line ${j}`)
  }
  expect(seen.claim('id 79', 'again')).toBeUndefined()
})
