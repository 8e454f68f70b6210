import type * as tf from '@tensorflow/tfjs-core'
import { buildDense, type DenseShape } from '#src/encoders/images/models/dense-model.js'
import type { BuildModel, TrainableModel } from '#src/tensor/trainable-model.js'

/** 784-512-128-32-128-512-784: what `kindred train` makes of MNIST, but for its second layer of 32. */
export const DENSE: DenseShape = { pixels: 784, hidden: [512, 128], dim: 32, variational: false }

/** The models that are timed, of 28 x 28 grey pictures. */
export const MODELS: Readonly<Record<string, BuildModel>> = {
  dense: buildDense(DENSE, { denoise: false }),
  convolutional,
}

const DIM = 32
/** Filters of the two layers of 3 x 3, stride 2; pictures are then 7 x 7. */
const FILTERS = [16, 32] as const
const FLAT = 7 * 7 * FILTERS[1]

/** Convolutions of 16 and 32 filters, a dense layer to 32, and the same mirrored. */
function convolutional(tfjs: typeof tf, random: Parameters<BuildModel>[1]): TrainableModel {
  const weights = new Map<string, tf.Variable>()
  const weight = <R extends tf.Rank>(name: string, shape: tf.ShapeMap[R], inputs: number): tf.Variable<R> => {
    // He and others 2015
    const bound = Math.sqrt(6 / inputs)
    const size = (shape as number[]).reduce((product, width) => product * width, 1)
    const values = Float32Array.from({ length: size }, () => bound * (2 * random.uniform() - 1))
    const made = tfjs.variable(tfjs.tensor<R>(values, shape)) as tf.Variable<R>
    weights.set(name, made)
    return made
  }
  const bias = (name: string, outputs: number): tf.Variable<tf.Rank.R1> => {
    const made = tfjs.variable(tfjs.zeros<tf.Rank.R1>([outputs])) as tf.Variable<tf.Rank.R1>
    weights.set(name, made)
    return made
  }
  const conv1 = weight<tf.Rank.R4>('conv1', [3, 3, 1, FILTERS[0]], 9)
  const bias1 = bias('bias1', FILTERS[0])
  const conv2 = weight<tf.Rank.R4>('conv2', [3, 3, FILTERS[0], FILTERS[1]], 9 * FILTERS[0])
  const bias2 = bias('bias2', FILTERS[1])
  const down = weight<tf.Rank.R2>('down', [FLAT, DIM], FLAT)
  const downBias = bias('downBias', DIM)
  const up = weight<tf.Rank.R2>('up', [DIM, FLAT], DIM)
  const upBias = bias('upBias', FLAT)
  const conv3 = weight<tf.Rank.R4>('conv3', [3, 3, FILTERS[0], FILTERS[1]], 9 * FILTERS[1])
  const bias3 = bias('bias3', FILTERS[0])
  const conv4 = weight<tf.Rank.R4>('conv4', [3, 3, 1, FILTERS[0]], 9 * FILTERS[0])
  const bias4 = bias('bias4', 1)
  const loss: TrainableModel['loss'] = (images) => {
    const batch = images.shape[0]
    const a = tfjs.relu(tfjs.add(tfjs.conv2d(images, conv1, 2, 'same'), bias1)) as tf.Tensor4D
    const b = tfjs.relu(tfjs.add(tfjs.conv2d(a, conv2, 2, 'same'), bias2))
    const latent = tfjs.add(tfjs.matMul(tfjs.reshape(b, [batch, FLAT]), down), downBias) as tf.Tensor2D
    const c = tfjs.relu(tfjs.add(tfjs.matMul(latent, up), upBias))
    const d = tfjs.reshape(c, [batch, 7, 7, FILTERS[1]]) as tf.Tensor4D
    const wide = tfjs.conv2dTranspose(d, conv3, [batch, 14, 14, FILTERS[0]], 2, 'same')
    const e = tfjs.relu(tfjs.add(wide, bias3)) as tf.Tensor4D
    const picture = tfjs.sigmoid(
      tfjs.add(tfjs.conv2dTranspose(e, conv4, [batch, 28, 28, 1], 2, 'same'), bias4),
    )
    return { loss: tfjs.mean(tfjs.squaredDifference(picture, images)) as tf.Scalar }
  }
  return { weights, loss }
}
