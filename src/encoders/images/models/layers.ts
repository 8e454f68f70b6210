import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/random.js'

/** Side of every filter, and how far it moves. */
const SIDE = 3
const STRIDE = 2

/**
 * Makes layers one by one and keeps their weights by name: `NAME/kernel` and `NAME/bias`. A layer that is `silent` begins
 * with zeros: what it is added to begins unchanged.
 */
export class Layers {
  readonly weights = new Map<string, tf.Variable>()
  readonly #tfjs: typeof tf
  readonly #random: Random

  constructor(tfjs: typeof tf, random: Random) {
    this.#tfjs = tfjs
    this.#random = random
  }

  /** Sums of all inputs: [batch, inputs] to [batch, outputs]. */
  dense(
    name: string,
    inputs: number,
    { outputs, silent }: { outputs: number; silent?: boolean },
  ): (values: tf.Tensor2D) => tf.Tensor2D {
    const { kernel, bias } = this.#weights(name, { shape: [inputs, outputs], inputs, outputs, silent })
    return (values) => this.#tfjs.add(this.#tfjs.matMul(values, kernel as tf.Tensor2D), bias)
  }

  /** Filters of 3 x 3 that halve the sides, rounded up: [batch, h, w, inputs] to [batch, h / 2, w / 2, outputs]. */
  halving(name: string, inputs: number, outputs: number): (values: tf.Tensor4D) => tf.Tensor4D {
    const { kernel, bias } = this.#weights(name, {
      shape: [SIDE, SIDE, inputs, outputs],
      inputs: SIDE * SIDE * inputs,
      outputs,
    })
    return (values) => this.#tfjs.add(this.#tfjs.conv2d(values, kernel as tf.Tensor4D, STRIDE, 'same'), bias)
  }

  /** The transpose of {@link halving}: to sides that are given, which halving would bring back to those of the input. */
  doubling(
    name: string,
    inputs: number,
    { outputs, size, silent }: { outputs: number; size: number; silent?: boolean },
  ): (values: tf.Tensor4D) => tf.Tensor4D {
    const { kernel, bias } = this.#weights(name, {
      shape: [SIDE, SIDE, outputs, inputs],
      // each output is a sum over the taps that meet it, a quarter of them
      inputs: (SIDE * SIDE * inputs) / (STRIDE * STRIDE),
      outputs,
      silent,
    })
    return (values) => {
      const shape: [number, number, number, number] = [values.shape[0], size, size, outputs]
      const sums = this.#tfjs.conv2dTranspose(values, kernel as tf.Tensor4D, shape, STRIDE, 'same')
      return this.#tfjs.add(sums, bias)
    }
  }

  /** Uniform in +-sqrt(6 / inputs), for layers that ReLU follows (He and others 2015); biases 0. */
  #weights(
    name: string,
    {
      shape,
      inputs,
      outputs,
      silent,
    }: { shape: number[]; inputs: number; outputs: number; silent?: boolean | undefined },
  ): { kernel: tf.Variable; bias: tf.Variable } {
    const bound = silent ? 0 : Math.sqrt(6 / inputs)
    const size = shape.reduce((product, length) => product * length, 1)
    const values = Float32Array.from({ length: size }, () => bound * (2 * this.#random.uniform() - 1))
    const kernel = this.#tfjs.variable(this.#tfjs.tensor(values, shape))
    const bias = this.#tfjs.variable(this.#tfjs.zeros([outputs]))
    this.weights.set(`${name}/kernel`, kernel)
    this.weights.set(`${name}/bias`, bias)
    return { kernel, bias }
  }
}
