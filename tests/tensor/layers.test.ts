import * as tf from '@tensorflow/tfjs-core'
import { layers } from '@tensorflow/tfjs-layers'
import { describe, expect, it } from 'vitest'
import { difference, eager, randomValues, recorded, type Values } from './recorded.js'

const ROOM = 1e-5

type Layer = InstanceType<typeof layers.Layer>

const image = { inputShape: [9, 7, 3] as [number, number, number] }

/** Layers of tfjs's own library, as it runs them while training. */
const LAYERS: { name: string; make: () => Layer; shape: number[] }[] = [
  ...(
    [
      'linear',
      'relu',
      'elu',
      'sigmoid',
      'tanh',
      'softplus',
      'selu',
      'gelu',
      'gelu_new',
      'swish',
      'mish',
    ] as const
  ).map((activation) => ({
    name: `dense with ${activation}`,
    make: () => layers.dense({ units: 5, activation, inputShape: [6] }),
    shape: [4, 6],
  })),
  {
    name: 'conv2d',
    make: () =>
      layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', ...image }),
    shape: [2, 9, 7, 3],
  },
  {
    name: 'conv2d without bias',
    make: () => layers.conv2d({ filters: 4, kernelSize: [2, 3], useBias: false, ...image }),
    shape: [1, 9, 7, 3],
  },
  {
    name: 'conv2dTranspose',
    make: () =>
      layers.conv2dTranspose({
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        activation: 'elu',
        ...image,
      }),
    shape: [2, 9, 7, 3],
  },
  // tfjs's own gradients of these are wrong for several images, or for images that are not square
  ...(['nearest', 'bilinear'] as const).map((interpolation) => ({
    name: `upSampling2d, ${interpolation}`,
    make: () => layers.upSampling2d({ size: [2, 3], interpolation, inputShape: [7, 7, 3] }),
    shape: [1, 7, 7, 3],
  })),
  {
    name: 'maxPooling2d',
    make: () => layers.maxPooling2d({ poolSize: 2, padding: 'same', ...image }),
    shape: [2, 9, 7, 3],
  },
  {
    name: 'averagePooling2d',
    make: () => layers.averagePooling2d({ poolSize: 3, strides: 1, ...image }),
    shape: [2, 9, 7, 3],
  },
  {
    name: 'globalAveragePooling2d',
    make: () => layers.globalAveragePooling2d(image),
    shape: [2, 9, 7, 3],
  },
  { name: 'batchNormalization', make: () => layers.batchNormalization(image), shape: [2, 9, 7, 3] },
  {
    name: 'batchNormalization of a matrix',
    make: () => layers.batchNormalization({ inputShape: [6] }),
    shape: [8, 6],
  },
  { name: 'layerNormalization', make: () => layers.layerNormalization(image), shape: [2, 9, 7, 3] },
  {
    name: 'layerNormalization of a matrix',
    make: () => layers.layerNormalization({ inputShape: [6] }),
    shape: [8, 6],
  },
  { name: 'leakyReLU', make: () => layers.leakyReLU({ alpha: 0.1, ...image }), shape: [2, 9, 7, 3] },
  { name: 'prelu', make: () => layers.prelu(image), shape: [2, 9, 7, 3] },
  {
    name: 'zeroPadding2d',
    make: () =>
      layers.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
        ...image,
      }),
    shape: [2, 9, 7, 3],
  },
]

/** The layer's output, what it carries on to the next step, and the gradients of a loss by its input and weights. */
const trained = (make: () => Layer, shape: number[]) => (given: tf.Tensor) => {
  const layer = make()
  layer.build([null, ...shape.slice(1)])
  layer.setWeights(
    layer.getWeights().map((weight, at) => {
      const { data } = randomValues(weight.shape, 20 + at, [0.5, 1])
      return tf.tensor(data, weight.shape)
    }),
  )
  const x = tf.variable(given)
  let y: tf.Tensor | undefined
  const { grads } = tf.variableGrads(() => {
    y = tf.keep(layer.apply(x, { training: true }) as tf.Tensor)
    const { data } = randomValues(y.shape, 9)
    return tf.sum(tf.mul(y, tf.tensor(data, y.shape)))
  })
  const weights = layer.trainableWeights.map(({ name }) => grads[name] as tf.Tensor)
  const carried = layer.nonTrainableWeights.map((weight) => tf.clone(weight.read()))
  const results = [y as tf.Tensor, grads[x.name] as tf.Tensor, ...weights, ...carried]
  for (const name of Object.keys(tf.engine().registeredVariables)) {
    tf.engine().registeredVariables[name]?.dispose()
  }
  return results
}

type Compute = (x: tf.Tensor, target: tf.Tensor) => tf.Tensor

const EPSILON = 1e-7
const clipped = (p: tf.Tensor) => tf.clipByValue(p, EPSILON, 1 - EPSILON)

/** Losses and regularisers as models write them. */
const LOSSES: Record<string, Compute> = {
  'mean squared error': (x, target) => tf.losses.meanSquaredError(target, x),
  'mean absolute error': (x, target) => tf.losses.absoluteDifference(target, x),
  'huber loss': (x, target) => tf.losses.huberLoss(target, x, undefined, 0.3),
  'binary cross-entropy of logits': (x, target) => tf.losses.sigmoidCrossEntropy(target, x),
  'binary cross-entropy of logits by softplus': (x, target) =>
    tf.mean(tf.sub(tf.softplus(x), tf.mul(target, x))),
  'binary cross-entropy of probabilities': (x, target) => {
    const p = clipped(tf.sigmoid(x))
    const right = tf.mul(target, tf.log(p))
    return tf.neg(tf.mean(tf.add(right, tf.mul(tf.sub(1, target), tf.log(tf.sub(1, p))))))
  },
  'cosine distance': (x, target) => tf.losses.cosineDistance(target, x, 1),
  // KL(N(mu, exp(logVar)) || N(0, 1)), x for mu and the target for logVar
  'divergence of a normal distribution': (x, target) =>
    tf.mul(0.5, tf.mean(tf.sum(tf.sub(tf.add(tf.square(x), tf.exp(target)), tf.add(target, 1)), 1))),
  'divergence of two distributions': (x, target) => {
    const [p, q] = [tf.softmax(target), tf.softmax(x)]
    return tf.mean(tf.sum(tf.mul(p, tf.log(tf.div(p, clipped(q)))), 1))
  },
  // inverted dropout of a half, the noise of the step given
  dropout: (x, noise) => tf.mul(x, tf.div(tf.floor(tf.add(noise, 0.5)), 0.5)),
}

async function compare(inputs: Values[], compute: (...given: tf.Tensor[]) => tf.Tensor[]): Promise<void> {
  const expected = await eager(inputs, compute)
  const found = await recorded(inputs, compute)
  expect(found).toHaveLength(expected.length)
  found.forEach((values, at) => {
    expect(difference(values, expected[at] ?? [])).toBeLessThan(ROOM)
  })
}

describe('recorded layers', () => {
  it.each(LAYERS)("$name trains as in tfjs's own library", async ({ make, shape }) => {
    await compare([randomValues(shape, 4)], (x) => trained(make, shape)(x as tf.Tensor))
  })

  it.each(Object.entries(LOSSES))('%s and its gradient', async (_name, compute) => {
    const inputs = [randomValues([4, 6], 1), randomValues([4, 6], 2, [0, 1])]
    await compare(inputs, (x, target) => {
      const { value, grad } = tf.valueAndGrad((given) => compute(given, target as tf.Tensor))(
        x as tf.Tensor,
        tf.onesLike(compute(x as tf.Tensor, target as tf.Tensor)),
      )
      return [value, grad]
    })
  })
})
