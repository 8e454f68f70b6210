import type * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { type LearnOptions, learn } from '#src/encoders/images/models/learn.js'
import { createTrainer } from '#src/tensor/create-trainer.js'
import type { BuildModel } from '#src/tensor/trainable-model.js'
import { trainerImages } from '../../support/trainer-models.js'

const SHAPE = [4, 4, 1] as const
const IMAGES = 100
const STEPS = 10

/** Learns the mean picture; after `steps` steps its loss is the root of a negative number. */
function breaksAfter(steps: number): BuildModel {
  return (tfjs) => {
    const picture = tfjs.variable(tfjs.zeros([4, 4, 1]))
    const count = tfjs.variable(tfjs.scalar(0), false)
    return {
      weights: new Map([
        ['picture', picture],
        ['count', count],
      ]),
      loss: (images, { training }) => {
        const left = tfjs.sqrt(tfjs.sub(steps - 0.5, count))
        const loss = tfjs.mul(tfjs.mean(tfjs.squaredDifference(images, picture)), left)
        if (training) count.assign(tfjs.add(count, 1))
        return { loss: loss as tf.Scalar }
      },
    }
  }
}

async function learned(build: BuildModel) {
  const trainer = await createTrainer({
    build,
    shape: SHAPE,
    batch: 8,
    optimizer: { kind: 'adam' },
    images: trainerImages(IMAGES, SHAPE),
    seed: 1,
  })
  const options: LearnOptions = {
    fit: Int32Array.from({ length: 80 }, (_, i) => i),
    held: Int32Array.from({ length: 20 }, (_, i) => 80 + i),
    batch: 8,
    length: { epochs: 12, stepsPerEpoch: STEPS },
    seed: 1,
    run: { onProgress: () => {}, check: () => {}, signal: new AbortController().signal },
  }
  try {
    return await learn(trainer, options)
  } finally {
    await trainer.dispose()
  }
}

describe('a loss that is no number any more', () => {
  it('ends training, which says so and keeps the last good weights', async () => {
    const { diverged, best, losses, weights } = await learned(breaksAfter(3 * STEPS + 5))
    expect({ diverged, best, epochs: losses.length }).toEqual({ diverged: true, best: 3, epochs: 3 })
    expect(losses.every(Number.isFinite)).toBe(true)
    expect(weights.picture?.every(Number.isFinite)).toBe(true)
    expect(weights.picture?.some((value) => value !== 0)).toBe(true)
  })

  it('is refused where nothing was learned before', async () => {
    await expect(learned(breaksAfter(3))).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      message: expect.stringContaining('epoch 1'),
    })
  })
})
