import { describe, expect, it } from 'vitest'
import { BATCH, loadNetwork } from '#src/anomaly/dense-network.js'
import { trainAutoencoder } from '#src/anomaly/train-autoencoder.js'
import { seededRandom } from '#src/core/random.js'
import { drawn } from '../support/detection-rows.js'

const DIM = 10
const WIDTHS = [DIM, 16, 2, 16, DIM]

/** Rows that two numbers tell, and a little noise. */
function plane(count: number, seed: number): Float32Array {
  const [ways, places, noise] = [drawn(2 * DIM, 1), drawn(2 * count, seed), drawn(count * DIM, seed + 1)]
  return noise.map((small, at) => {
    const [row, column] = [Math.floor(at / DIM), at % DIM]
    const [x = 0, y = 0] = places.subarray(2 * row, 2 * row + 2)
    return 0.05 * small + x * (ways[column] ?? 0) + y * (ways[DIM + column] ?? 0)
  })
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value / values.length, 0)

describe('trainAutoencoder', () => {
  const learned = { values: plane(400, 2), count: 400, dim: DIM }
  const train = (steps: number, seed = 1) =>
    trainAutoencoder(learned, { widths: WIDTHS, steps, rate: 0.01, random: seededRandom(seed) })
  const fresh = { values: plane(BATCH, 7), count: BATCH, dim: DIM }
  const far = { values: drawn(BATCH * DIM, 9), count: BATCH, dim: DIM }

  it('gives new rows of the same kind back, and others badly', () => {
    const network = train(300)
    const lengths = Float64Array.from({ length: BATCH }, (_, i) =>
      fresh.values.subarray(i * DIM, (i + 1) * DIM).reduce((sum, value) => sum + value * value, 0),
    )
    expect(mean(network.errors(fresh))).toBeLessThan(0.1 * mean(lengths))
    expect(mean(network.errors(far))).toBeGreaterThan(4 * mean(network.errors(fresh)))
  })

  it('errs less the longer it is trained, and repeats with a seed', () => {
    expect(mean(train(200).errors(fresh))).toBeLessThan(mean(train(20).errors(fresh)))
    expect(train(30, 5).parameters()).toEqual(train(30, 5).parameters())
    expect(train(30, 5).parameters()).not.toEqual(train(30, 6).parameters())
  })

  it('is made again of its parameters', () => {
    const network = train(30)
    const loaded = loadNetwork(WIDTHS, (length) => {
      const parameters = network.parameters()
      expect(parameters).toHaveLength(length)
      return parameters
    })
    expect(loaded.errors(fresh)).toEqual(network.errors(fresh))
  })
})
