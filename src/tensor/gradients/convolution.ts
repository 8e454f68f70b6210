import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../../core/errors.js'
import { type GradientTable, gradient } from './gradient.js'

type FourSizes = [number, number, number, number]

/** Gradients of convolutions: convolutions again. As in tfjs, a dilated one has none. */
export const CONVOLUTION_GRADIENTS: GradientTable = {
  Conv2D: gradient<'x' | 'filter', tf.Conv2DAttrs>(['x', 'filter'], (dy, { x, filter }, attrs) => {
    if (!tf.backend_util.tupleValuesAreOne(attrs.dilations)) {
      throw new EngineError(
        'KERNEL_MISSING',
        `the gradient of the tfjs kernel Conv2D with dilations ${attrs.dilations} cannot be recorded as ONNX yet`,
        { details: { kernel: 'Conv2D', gradient: true } },
      )
    }
    return {
      x: () => towardsInput(dy, filter, x.shape as FourSizes, attrs),
      filter: () => towardsFilter(x, dy, filter.shape as FourSizes, attrs),
    }
  }),
  Conv2DBackpropInput: gradient<'dy' | 'filter', tf.Conv2DBackpropInputAttrs>(
    ['dy', 'filter'],
    (ddx, { dy, filter }, attrs) => ({
      dy: () => {
        const { strides, pad, dataFormat, dimRoundingMode } = attrs
        return tf.conv2d(
          ddx as tf.Tensor4D,
          filter as tf.Tensor4D,
          strides,
          pad,
          dataFormat,
          1,
          dimRoundingMode,
        )
      },
      filter: () => towardsFilter(ddx, dy, filter.shape as FourSizes, attrs),
    }),
  ),
}

type Attrs = Omit<tf.Conv2DBackpropInputAttrs, 'inputShape'>

function towardsInput(dy: tf.Tensor, filter: tf.Tensor, inputShape: FourSizes, attrs: Attrs): tf.Tensor {
  return run('Conv2DBackpropInput', { dy, filter }, { ...shared(attrs), inputShape })
}

function towardsFilter(x: tf.Tensor, dy: tf.Tensor, filterShape: FourSizes, attrs: Attrs): tf.Tensor {
  return run('Conv2DBackpropFilter', { x, dy }, { ...shared(attrs), filterShape })
}

function shared({ strides, pad, dataFormat, dimRoundingMode }: Attrs): Attrs {
  return { strides, pad, dataFormat, dimRoundingMode }
}

function run(kernelName: string, inputs: tf.NamedTensorMap, attrs: object): tf.Tensor {
  // tfjs's own kernels widen their attributes like this too
  return tf.engine().runKernel(kernelName, inputs, attrs as tf.NamedAttrMap) as tf.Tensor
}
