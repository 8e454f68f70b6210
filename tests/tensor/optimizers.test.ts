import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '#src/core/random.js'
import { createTrainer } from '#src/tensor/create-trainer.js'
import type { OptimizerOptions } from '#src/tensor/optimizers.js'
import { difference, useOwnTfjs } from './recorded.js'

const [STEPS, BATCH, SIDE, COUNT] = [12, 8, 6, 32]
const SEED = 5
const RATE = 0.02
const RANDOM = seededRandom(3)
const IMAGES = Uint8Array.from({ length: COUNT * SIDE * SIDE }, () => RANDOM.int(256))
const ROWS = Int32Array.from({ length: STEPS * BATCH }, (_, i) => (i * 7) % COUNT)

/** A convolution down, one up, and a scale that few numbers have: every kind of weight. */
function build(tfjs: typeof tf, random: Random) {
  const weight = (shape: number[]) =>
    tfjs.variable(
      tfjs.tensor(
        Float32Array.from(
          { length: shape.reduce((product, size) => product * size, 1) },
          () => 0.4 * random.normal(),
        ),
        shape,
      ),
    )
  const [down, bias, up] = [weight([3, 3, 1, 4]), weight([4]), weight([3, 3, 1, 4])]
  return {
    weights: new Map([
      ['down', down],
      ['bias', bias],
      ['up', up],
    ]),
    loss(images: tf.Tensor4D) {
      const small = tfjs.tanh(
        tfjs.add(tfjs.conv2d(images, down as tf.Tensor4D, 2, 'same'), bias),
      ) as tf.Tensor4D
      const picture = tfjs.conv2dTranspose(
        small,
        up as tf.Tensor4D,
        images.shape as [number, number, number, number],
        2,
        'same',
      )
      return { loss: tfjs.mean(tfjs.squaredDifference(tfjs.sigmoid(picture), images)) as tf.Scalar }
    },
  }
}

const OPTIMIZERS: { name: string; options: OptimizerOptions; own: () => tf.Optimizer }[] = [
  { name: 'sgd', options: { kind: 'sgd' }, own: () => tf.train.sgd(RATE) },
  {
    name: 'sgd with momentum',
    options: { kind: 'sgd', momentum: 0.8 },
    own: () => tf.train.momentum(RATE, 0.8),
  },
  { name: 'rmsprop', options: { kind: 'rmsprop' }, own: () => tf.train.rmsprop(RATE) },
  {
    name: 'rmsprop with momentum',
    options: { kind: 'rmsprop', decay: 0.7, momentum: 0.5, epsilon: 1e-4 },
    own: () => tf.train.rmsprop(RATE, 0.7, 0.5, 1e-4),
  },
  { name: 'adam', options: { kind: 'adam' }, own: () => tf.train.adam(RATE) },
  {
    name: 'adam with numbers of its own',
    options: { kind: 'adam', beta1: 0.7, beta2: 0.95, epsilon: 1e-3 },
    own: () => tf.train.adam(RATE, 0.7, 0.95, 1e-3),
  },
]

async function ownRun(
  optimizer: tf.Optimizer,
): Promise<{ losses: number[]; weights: Record<string, Float32Array> }> {
  await useOwnTfjs()
  const model = build(tf, seededRandom(SEED))
  const losses = Array.from({ length: STEPS }, (_, step) =>
    tf.tidy(() => {
      const pixels = Array.from(ROWS.subarray(step * BATCH, (step + 1) * BATCH), (row) =>
        Array.from(IMAGES.subarray(row * SIDE * SIDE, (row + 1) * SIDE * SIDE), (value) => value / 255),
      ).flat()
      const batch = tf.tensor4d(pixels, [BATCH, SIDE, SIDE, 1])
      return optimizer.minimize(() => model.loss(batch).loss, true)?.dataSync()[0] ?? 0
    }),
  )
  const weights = Object.fromEntries(
    [...model.weights].map(([name, variable]) => [name, variable.dataSync() as Float32Array]),
  )
  optimizer.dispose()
  for (const variable of model.weights.values()) variable.dispose()
  return { losses, weights }
}

describe('recorded optimisers', () => {
  it.each(OPTIMIZERS)("$name follows tfjs's own, step by step", async ({ options, own }) => {
    const expected = await ownRun(own())
    const trainer = await createTrainer({
      build,
      shape: [SIDE, SIDE, 1],
      batch: BATCH,
      optimizer: options,
      images: IMAGES,
      seed: SEED,
      threads: 1,
    })
    try {
      // in two runs: what an optimiser remembers is carried from one to the other
      const half = (STEPS / 2) * BATCH
      const learningRate = new Float32Array(STEPS / 2).fill(RATE)
      const first = await trainer.train(ROWS.subarray(0, half), { learningRate })
      const second = await trainer.train(ROWS.subarray(half), { learningRate })
      expect(difference([...(first.loss ?? []), ...(second.loss ?? [])], expected.losses)).toBeLessThan(1e-5)
      for (const [name, values] of Object.entries(trainer.weights())) {
        expect(difference(values, expected.weights[name] ?? [])).toBeLessThan(1e-4)
      }
    } finally {
      await trainer.dispose()
    }
  })
})
