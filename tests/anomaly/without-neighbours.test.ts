import { describe, expect, it } from 'vitest'
import { withoutNeighbours } from '#src/anomaly/without-neighbours.js'
import type { DetectionRows } from '#src/core/detection.js'
import { plainRows } from '../support/detection-rows.js'

const far = Number.POSITIVE_INFINITY

function told(nearest: number[], nearestRows?: number[]): DetectionRows {
  return {
    ...plainRows(2, 3),
    nearest: Float32Array.from(nearest),
    ...(nearestRows && { nearestRows: Int32Array.from(nearestRows) }),
  }
}

describe('withoutNeighbours', () => {
  it('moves up what is left, and takes the rest to be as far as the farthest that was told', () => {
    const rows = told([1, 2, 3, 1, 5, 6], [1, -1, 1, -1, 0, -1])
    const left = withoutNeighbours(rows, Uint8Array.of(0, 1))
    expect([...(left.nearest ?? [])]).toEqual([2, 3, 3, 1, 5, 6])
    expect([...(left.nearestRows ?? [])]).toEqual([-1, -1, -1, -1, 0, -1])
    expect([...(rows.nearest ?? [])]).toEqual([1, 2, 3, 1, 5, 6])
  })

  it('leaves nobody beyond where all others were told', () => {
    const left = withoutNeighbours(
      told([1, far, far, 1, 2, far], [1, -1, -1, 0, -1, -1]),
      Uint8Array.of(1, 1),
    )
    expect([...(left.nearest ?? [])]).toEqual([far, far, far, 2, far, far])
  })

  it('gives the rows back where it is not told who the neighbours are, or nobody is left out', () => {
    const unknown = told([1, 2, 3, 1, 5, 6])
    expect(withoutNeighbours(unknown, Uint8Array.of(1, 0))).toBe(unknown)
    const known = told([1, 2, 1, 5], [1, -1, 0, -1])
    expect(withoutNeighbours(known, new Uint8Array(2))).toBe(known)
  })
})
