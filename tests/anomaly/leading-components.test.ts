import { expect, it } from 'vitest'
import { leadingComponents } from '#src/anomaly/leading-components.js'
import { seededRandom } from '#src/core/random.js'
import { dot } from '#src/core/vectors.js'
import { drawn } from '../support/detection-rows.js'

it('finds the directions in which rows vary most, at right angles', () => {
  const dim = 40
  // columns 3 and 11 vary ten times as much as the others
  const rows = drawn(500 * dim, 1).map((value, i) => (i % dim === 3 || i % dim === 11 ? 10 * value : value))
  const basis = leadingComponents(rows, { dim, count: 4, random: seededRandom(1) })
  const directions = [0, 1, 2, 3].map((i) => basis.subarray(i * dim, (i + 1) * dim))
  for (const [i, a] of directions.entries()) {
    for (const [j, b] of directions.entries()) expect(dot(a, b)).toBeCloseTo(i === j ? 1 : 0, 4)
  }
  for (const column of [3, 11]) {
    const within = directions.reduce((sum, direction) => sum + (direction[column] ?? 0) ** 2, 0)
    expect(within).toBeGreaterThan(0.98)
  }
})

it('gives rows of length 1 or 0 where rows do not vary', () => {
  const basis = leadingComponents(new Float32Array(30 * 8), { dim: 8, count: 2, random: seededRandom(1) })
  expect(basis.every(Number.isFinite)).toBe(true)
})
