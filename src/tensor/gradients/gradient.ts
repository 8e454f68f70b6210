import * as tf from '@tensorflow/tfjs-core'

/** How the gradient of a kernel's output becomes those of its inputs; tfjs's registry takes it with the kernel's name. */
export type Gradient = Omit<tf.GradConfig, 'kernelName'>

/** Gradients by the names of the kernels. */
export type GradientTable = Readonly<Record<string, Gradient>>

/**
 * The gradient of a kernel of one output.
 *
 * @param saved which inputs the formula reads; `y` stands for the output
 */
export function gradient<const Name extends string, Attrs = object>(
  saved: readonly Name[],
  compute: (dy: tf.Tensor, values: Record<Name, tf.Tensor>, attrs: Attrs) => Record<string, () => tf.Tensor>,
): Gradient {
  const inputs = saved.filter((name) => name !== 'y')
  return {
    inputsToSave: inputs,
    outputsToSave: [inputs.length < saved.length],
    gradFunc: (dy, tensors, attrs) => {
      const names = inputs.length < saved.length ? [...inputs, 'y'] : inputs
      const values = Object.fromEntries(names.map((name, at) => [name, tensors[at]]))
      // tfjs declares the attributes of all kernels as one loose map
      return compute(dy as tf.Tensor, values as Record<Name, tf.Tensor>, attrs as unknown as Attrs)
    },
  }
}

/** Sums a gradient over the axes along which an input was broadcast. */
export function unbroadcast(dy: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, dy.shape)
  return tf.reshape(axes.length > 0 ? tf.sum(dy, axes) : dy, shape)
}

/** A tensor repeated to a larger shape that it broadcasts to. */
export function broadcastTo(x: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.mul(x, tf.fill(shape, 1))
}
