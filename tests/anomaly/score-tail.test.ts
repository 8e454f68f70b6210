import { describe, expect, it } from 'vitest'
import { ScoreTail } from '#src/anomaly/score-tail.js'
import { seededRandom } from '#src/core/random.js'

function exponentials(count: number, seed = 1): Float64Array {
  const random = seededRandom(seed)
  return Float64Array.from({ length: count }, () => -Math.log(1 - random.uniform()))
}

describe('ScoreTail', () => {
  it('tells how rare scores are within those that were seen', () => {
    const tail = ScoreTail.of(exponentials(20_000))
    // of an exponential, P(X >= x) = exp(-x)
    for (const score of [0.1, 0.5, 1, 2, 4]) expect(tail.surprise(score)).toBeCloseTo(score, 1)
  })

  it('goes on beyond them at about the rate of the tail', () => {
    const tail = ScoreTail.of(exponentials(2_000))
    expect(tail.surprise(12)).toBeGreaterThan(8)
    expect(tail.surprise(12)).toBeLessThan(16)
    expect(tail.surprise(20)).toBeGreaterThan(tail.surprise(12))
  })

  it('never falls as scores rise, nor jumps where the continuation begins', () => {
    const tail = ScoreTail.of(exponentials(500))
    let before = 0
    for (let score = 0; score < 15; score += 0.01) {
      const surprise = tail.surprise(score)
      expect(surprise).toBeGreaterThanOrEqual(before)
      expect(surprise - before).toBeLessThan(0.5)
      before = surprise
    }
  })

  it.each([
    ['no scores', []],
    ['one score', [3]],
    ['equal scores', new Array<number>(100).fill(2)],
    ['scores that are equal but for one', [...new Array<number>(99).fill(2), 5]],
    ['scores that are not all numbers', [1, Number.NaN, 2, Number.NaN]],
  ])('stays finite with %s', (_, scores) => {
    const tail = ScoreTail.of(Float64Array.from(scores))
    for (const score of [-1e9, 0, 2, 5, 1e9]) {
      expect(tail.surprise(score)).toBeGreaterThanOrEqual(0)
      expect(tail.surprise(score)).toBeLessThan(Number.POSITIVE_INFINITY)
    }
    expect(tail.surprise(Number.NaN)).toBeNaN()
    expect(tail.count).toBe(scores.filter(Number.isFinite).length)
  })

  it('is the same when it is loaded', () => {
    const tail = ScoreTail.of(exponentials(5_000))
    const loaded = ScoreTail.load(tail.files('tail'), 'tail', tail.count)
    for (const score of [0, 0.3, 2, 7, 40]) expect(loaded.surprise(score)).toBe(tail.surprise(score))
  })
})
