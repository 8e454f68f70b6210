import { describe, expect, it } from 'vitest'
import { directionCentre, strangestPassage } from '#src/anomaly/strangest-passage.js'

const east = Float32Array.of(2, 0)
const north = Float32Array.of(0, 0.5)
const nearlyEast = Float32Array.of(1, 0.1)

describe('the strangest passage', () => {
  it('is the one that is farthest from other items, whatever the centre says', () => {
    expect(strangestPassage([east, north, nearlyEast], { distances: [0.3, 0.1, 0.5] })).toEqual({
      index: 2,
      passages: 3,
      distance: 0.5,
      others: 0.2,
    })
  })

  it('is told by its direction where only the centre is known', () => {
    const values = Float32Array.of(1, 0, 5, 0.5, 3, -0.3, 0, 0)
    const centre = directionCentre({ values, count: 4, dim: 2 })
    const found = strangestPassage([east, north, nearlyEast], { centre })
    expect(found).toMatchObject({ index: 1, passages: 3 })
    expect(found?.distance).toBeCloseTo(1, 1)
    expect(found?.others).toBeLessThan(0.1)
  })

  it('is the first of equals, and none of a single one', () => {
    expect(strangestPassage([east, east], { distances: [0.2, 0.2] })?.index).toBe(0)
    expect(strangestPassage([east], { distances: [0.2] })).toBeUndefined()
    expect(strangestPassage([], { centre: east })).toBeUndefined()
    expect(() => strangestPassage([east, north], { distances: [0.2] })).toThrowError(
      expect.objectContaining({ code: 'DIMENSION_MISMATCH' }),
    )
  })
})
