import { describe, expect, it } from 'vitest'
import type { SpaceRecord } from '#src/core/backend.js'
import { toRows } from '#src/engine/detection-source.js'

const space = { name: 'pictures', dim: 2 } as SpaceRecord
const subjects = ['a', 'b', 'c'].map((id, i) => ({ id, vector: Float32Array.of(i, -i) }))

describe('toRows', () => {
  it('tells how far neighbours are, and which of them are subjects themselves', () => {
    const nearest = [
      [
        { id: 'c', distance: 1 },
        { id: 'elsewhere', distance: 2 },
      ],
      [],
      [{ id: 'a', distance: 3 }],
    ]
    const rows = toRows(space, subjects, {}, nearest)
    expect([...rows.values]).toEqual([0, -0, 1, -1, 2, -2])
    expect([...(rows.nearest?.subarray(0, 3) ?? [])]).toEqual([1, 2, Number.POSITIVE_INFINITY])
    expect([...(rows.nearestRows?.subarray(0, 3) ?? [])]).toEqual([2, -1, -1])
    expect([rows.nearest?.[10], rows.nearest?.[20], rows.nearestRows?.[20]]).toEqual([
      Number.POSITIVE_INFINITY,
      3,
      0,
    ])
  })

  it('holds as many as the one with the most has', () => {
    const many = Array.from({ length: 30 }, (_, i) => ({ id: `other ${i}`, distance: i }))
    expect(toRows(space, subjects, {}, [many, [], []]).nearest).toHaveLength(90)
  })

  it("tells whether the space's own encoder reconstructs", () => {
    const settings = { held: { scores: [1, 2, 3], count: 3 } }
    expect(toRows({ ...space, settings }, subjects, {}, undefined).ownError).toBe(true)
    expect(toRows(space, subjects, {}, undefined).ownError).toBe(false)
  })

  it('has no distances where no index was asked', () => {
    expect(toRows(space, subjects, {}, undefined).nearest).toBeUndefined()
  })
})
