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
  it("gives the detectors of the kind and an encoder's error the same part, among strangers half of it, and a bound none", () => {
    const reconstruction = new Float64Array(20).fill(1)
    const nelbo = new Float64Array(20).fill(1)
    const rows = { ...plainRows(20, 4), columns: { reconstruction, nelbo } }
    const weights = chooseWeights(rows, 'clean')
    expect(Object.keys(weights).sort()).toEqual(['forest', 'mahalanobis', 'reconstruction'])
    for (const weight of Object.values(weights)) expect(weight).toBeCloseTo(1 / 3)
    const among = chooseWeights(rows, 'mixed')
    expect(among.reconstruction).toBeCloseTo(0.2)
    expect(among.forest).toBeCloseTo(0.4)
    reconstruction.fill(Number.NaN)
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
