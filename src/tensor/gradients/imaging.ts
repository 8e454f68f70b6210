import * as tf from '@tensorflow/tfjs-core'
import { type Gradient, type GradientTable, gradient } from './gradient.js'

/** The gradient that a kernel of its own computes from dy, the input and the attributes. */
function byKernel(kernelName: string, input: 'x' | 'images', as: string): Gradient {
  return gradient<'x' | 'images', Record<string, never>>([input], (dy, values, attrs) => ({
    [input]: () => tf.engine().runKernel(kernelName, { dy, [as]: values[input] }, attrs) as tf.Tensor,
  }))
}

/** Gradients of pooling and of resizing. */
export const IMAGING_GRADIENTS: GradientTable = {
  MaxPool: gradient<'x' | 'y', Record<string, never>>(['x', 'y'], (dy, { x, y }, attrs) => ({
    x: () => tf.engine().runKernel('MaxPoolGrad', { dy, input: x, output: y }, attrs) as tf.Tensor,
  })),
  AvgPool: byKernel('AvgPoolGrad', 'x', 'input'),
  ResizeNearestNeighbor: byKernel('ResizeNearestNeighborGrad', 'images', 'images'),
  ResizeBilinear: byKernel('ResizeBilinearGrad', 'images', 'images'),
}
