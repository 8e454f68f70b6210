import { describe, expect, it } from 'vitest'
import { chooseWeights } from '#src/anomaly/choose-weights.js'
import { spaceKind } from '#src/anomaly/space-kind.js'
import { drawn, plainRows } from '../support/detection-rows.js'

const embedding = plainRows(300, 256)

describe('spaceKind', () => {
  it.each([
    ['an index gives distances', { ...plainRows(20, 4), nearest: drawn(200, 1) }, 'encoder'],
    ['many columns hold numbers that do not recur', embedding, 'embedding'],
    [
      'many of these are 0',
      { ...embedding, values: embedding.values.map((x) => Math.max(0, x)) },
      'embedding',
    ],
    [
      'many columns hold counts',
      { ...embedding, values: embedding.values.map((x) => Math.round(9 * x)) },
      'table',
    ],
    ['there are few columns', plainRows(300, 30), 'table'],
    ['all is 0', plainRows(30, 256, () => 0), 'table'],
    ['there are no rows', plainRows(0, 256), 'table'],
  ] as const)('takes the kind from what can be seen: %s', (_, rows, kind) => {
    expect(spaceKind(rows)).toBe(kind)
  })
})

describe('chooseWeights', () => {
  it("gives the detectors of the kind the same part, an encoder's error by as much as there are rows, and a bound none", () => {
    const rows = {
      ...plainRows(1_000, 4),
      columns: {
        reconstruction: Float64Array.from(drawn(1_000, 1)),
        nelbo: Float64Array.from(drawn(1_000, 1)),
      },
    }
    const weights = chooseWeights(rows, 'clean')
    expect(Object.keys(weights).sort()).toEqual(['forest', 'mahalanobis', 'reconstruction'])
    expect(weights.reconstruction).toBeCloseTo(0.2)
    expect(weights.forest).toBeCloseTo(0.4)
    // among strangers half of it
    expect(chooseWeights(rows, 'mixed').reconstruction).toBeCloseTo(1 / 9)
    // in the encoder's own space nothing else sees what it leaves out
    expect(chooseWeights({ ...rows, ownError: true }, 'clean').reconstruction).toBeCloseTo(1 / 3)
    expect(chooseWeights({ ...rows, ownError: true }, 'mixed').reconstruction).toBeCloseTo(1 / 5)
    rows.columns.reconstruction.fill(Number.NaN)
    expect(Object.keys(chooseWeights(rows, 'clean')).sort()).toEqual(['forest', 'mahalanobis'])
  })
})

it('trusts a covariance beside an index by as much as there are rows for its columns', () => {
  const part = (count: number): number => {
    const weights = chooseWeights({ ...plainRows(count, 50), nearest: drawn(10 * count, 1) }, 'mixed')
    return (weights.mahalanobis ?? 0) / (weights.neighbours ?? 1)
  }
  expect(part(10)).toBeLessThan(0.2)
  expect(part(50)).toBeCloseTo(0.5)
  expect(part(1_000)).toBeGreaterThan(0.9)
})
