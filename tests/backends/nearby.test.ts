import { expect, it } from 'vitest'
import { Nearby } from '#src/backends/embedded/nearby.js'

it('learns how often lists do, and doubts it now and then', () => {
  const nearby = new Nearby()
  expect(nearby.chances()).toEqual({ short: undefined, long: undefined })
  nearby.note('short', true)
  expect(nearby.chances()).toEqual({ short: 1, long: undefined })
  for (let i = 0; i < 100; i++) nearby.note('short', false)
  const told = Array.from({ length: 32 }, () => nearby.chances().short)
  expect(told.filter((chance) => chance === undefined)).toHaveLength(2)
  for (const chance of told) expect(chance ?? 0).toBeLessThan(0.01)
})
