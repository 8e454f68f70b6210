import type * as tf from '@tensorflow/tfjs-core'
import { seededRandom } from '#src/core/random.js'
import { type Architecture, partsOf } from '#src/encoders/images/models/choose-architecture.js'
import { buildImageModel } from '#src/encoders/images/models/image-model.js'
import type { BuildModel } from '#src/tensor/trainable-model.js'
import type { TrainerOptions } from '#src/tensor/trainer.js'

/** A model that every training engine must train alike. */
export interface TrainerCase {
  name: string
  build: BuildModel
  /** [height, width, channels] */
  shape: readonly [number, number, number]
  optimizer?: TrainerOptions['optimizer']
  learningRate?: number
  /** The numbers that its loss reads beside the learning rate. */
  inputs?: Readonly<Record<string, number>>
}

const SHAPE = [6, 6, 1] as const
const DIM = 4
const DENSE: Architecture = { kind: 'dense', hidden: [16, 8] }
const autoencoder = imageModel(DENSE, { variational: false, denoise: false })

/** Models and optimisers; one more is one line more. */
export const TRAINER_CASES: readonly TrainerCase[] = [
  { name: 'dense autoencoder', build: autoencoder, shape: SHAPE },
  {
    name: 'dense autoencoder that denoises',
    build: imageModel(DENSE, { variational: false, denoise: true }),
    shape: SHAPE,
    inputs: { denoise: 0.3 },
  },
  {
    name: 'dense VAE',
    build: imageModel(DENSE, { variational: true, denoise: false }),
    shape: SHAPE,
    inputs: { beta: 1 },
  },
  {
    name: 'convolutional autoencoder',
    build: imageModel({ kind: 'conv', filters: [4, 6] }, { variational: false, denoise: false }, 3),
    shape: [6, 6, 3],
  },
  {
    name: 'convolutional VAE',
    build: imageModel({ kind: 'conv', filters: [4, 6] }, { variational: true, denoise: false }, 3),
    shape: [6, 6, 3],
    inputs: { beta: 0.5 },
  },
  { name: 'moving average', build: withMovingAverage, shape: SHAPE },
  {
    name: 'RMSProp with momentum',
    build: autoencoder,
    shape: SHAPE,
    optimizer: { kind: 'rmsprop', momentum: 0.5 },
    learningRate: 1e-3,
  },
  { name: 'gradient descent', build: autoencoder, shape: SHAPE, optimizer: { kind: 'sgd' }, learningRate: 1 },
  {
    name: 'gradient descent with momentum',
    build: autoencoder,
    shape: SHAPE,
    optimizer: { kind: 'sgd', momentum: 0.9 },
    learningRate: 0.3,
  },
]

/** An autoencoder or VAE of 6 x 6 pictures as the encoders make them. */
function imageModel(
  architecture: Architecture,
  options: { variational: boolean; denoise: boolean },
  channels: 1 | 3 = 1,
): BuildModel {
  const outputs = options.variational ? 2 * DIM : DIM
  const parts = partsOf(architecture, { size: 6, channels }, { dim: DIM, outputs, silent: false })
  return buildImageModel(parts, { dim: DIM, ...options })
}

/** Carries the mean of what it saw from step to step, as batch normalisation does. */
function withMovingAverage(tfjs: typeof tf, random: ReturnType<typeof seededRandom>) {
  const model = autoencoder(tfjs, random)
  const mean = tfjs.variable(tfjs.zeros([36]), false)
  return {
    weights: new Map([...model.weights, ['mean', mean]]),
    loss: (images: tf.Tensor4D, context: Parameters<typeof model.loss>[1]) => {
      const seen = tfjs.mean(tfjs.reshape(images, [images.shape[0], 36]), 0)
      const far = tfjs.mean(tfjs.squaredDifference(seen, mean)) as tf.Scalar
      if (context.training) mean.assign(tfjs.add(tfjs.mul(mean, 0.9), tfjs.mul(seen, 0.1)))
      const { loss } = model.loss(images, context)
      return { loss: tfjs.add(loss, far) as tf.Scalar, far }
    },
  }
}

/** Pictures of seeded noise around one gradient, so that there is something to learn. */
export function trainerImages(count: number, [height, width, channels]: readonly number[]): Uint8Array {
  const random = seededRandom(3)
  const pixels = (height ?? 1) * (width ?? 1) * (channels ?? 1)
  return Uint8Array.from({ length: count * pixels }, (_, i) => {
    const bright = (i % pixels) / pixels
    return Math.floor(256 * Math.min(0.999, bright * random.uniform() + 0.3 * random.uniform()))
  })
}
