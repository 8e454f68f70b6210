import type * as tf from '@tensorflow/tfjs-core'
import { seededRandom } from '#src/core/random.js'
import { buildDense } from '#src/encoders/images/models/dense-model.js'
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
const dense = { pixels: 36, hidden: [16, 8], dim: 4, variational: false }
const autoencoder = buildDense(dense, { denoise: false })

/** Models and optimisers; one more is one line more. */
export const TRAINER_CASES: readonly TrainerCase[] = [
  { name: 'dense autoencoder', build: autoencoder, shape: SHAPE },
  {
    name: 'dense autoencoder that denoises',
    build: buildDense(dense, { denoise: true }),
    shape: SHAPE,
    inputs: { denoise: 0.3 },
  },
  {
    name: 'dense VAE',
    build: buildDense({ ...dense, variational: true }, { denoise: false }),
    shape: SHAPE,
    inputs: { beta: 1 },
  },
  { name: 'convolutional autoencoder', build: convolutional, shape: [6, 6, 3] },
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

/** A convolution of stride 2, and back by a transposed one. */
function convolutional(tfjs: typeof tf, random: ReturnType<typeof seededRandom>) {
  const filter = () =>
    tfjs.variable(
      tfjs.tensor4d(
        Float32Array.from({ length: 3 * 3 * 3 * 4 }, () => 0.3 * random.normal()),
        [3, 3, 3, 4],
      ),
    ) as tf.Variable<tf.Rank.R4>
  const [down, up] = [filter(), filter()]
  const bias = tfjs.variable(tfjs.zeros([4]))
  return {
    weights: new Map<string, tf.Variable>([
      ['down', down],
      ['bias', bias],
      ['up', up],
    ]),
    loss: (images: tf.Tensor4D) => {
      const latent = tfjs.relu(tfjs.add(tfjs.conv2d(images, down, 2, 'same'), bias)) as tf.Tensor4D
      const picture = tfjs.sigmoid(tfjs.conv2dTranspose(latent, up, images.shape, 2, 'same'))
      return { loss: tfjs.mean(tfjs.squaredDifference(picture, images)) as tf.Scalar }
    },
  }
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
