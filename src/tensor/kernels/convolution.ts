import {
  backend_util,
  type Conv2DAttrs,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core'
import { EngineError } from '../../core/errors.js'
import type { Recording } from '../recording.js'
import { activate } from './activations.js'
import { type KernelTable, kernel } from './kernel.js'
import { matMul } from './matmul.js'
import { shiftedSum } from './transposed-convolution.js'
import { gatherPixels, type WindowShape, windowRows } from './windows.js'

/** What tfjs tells all kernels of convolution. */
type ConvolutionAttrs = Pick<Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> & {
  dilations?: Conv2DAttrs['dilations']
}

/**
 * Convolutions. In tfjs's order of axes, [batch, height, width, channels], the pixels under all windows are one `Gather`
 * with row numbers that are known beforehand, and a convolution is their product with the filter. The gradient of the
 * filter reads the very same pixels.
 */
export const CONVOLUTIONS: KernelTable = {
  Conv2D: kernel<'x' | 'filter', Conv2DAttrs>(['x', 'filter'], ({ x, filter }, attrs, recording) =>
    convolve(x, filter, geometry('Conv2D', x.shape, filter.shape, attrs), recording),
  ),
  FusedConv2D: kernel<'x' | 'filter' | 'bias?' | 'preluActivationWeights?', FusedConv2DAttrs>(
    ['x', 'filter', 'bias?', 'preluActivationWeights?'],
    ({ x, filter, bias, preluActivationWeights }, attrs, recording) => {
      let result = convolve(x, filter, geometry('FusedConv2D', x.shape, filter.shape, attrs), recording)
      if (bias) result = recording.elementwise('Add', [result, bias], 'float32')
      return activate(result, attrs.activation, recording, {
        leakyreluAlpha: attrs.leakyreluAlpha,
        weights: preluActivationWeights,
      })
    },
  ),
  Conv2DBackpropInput: kernel<'dy' | 'filter', Conv2DBackpropInputAttrs>(
    ['dy', 'filter'],
    ({ dy, filter }, attrs, recording) =>
      shiftedSum(
        dy,
        filter,
        geometry('Conv2DBackpropInput', attrs.inputShape, filter.shape, attrs),
        recording,
      ),
  ),
  Conv2DBackpropFilter: kernel<'x' | 'dy', Conv2DBackpropFilterAttrs>(
    ['x', 'dy'],
    ({ x, dy }, attrs, recording) => {
      const shape = geometry('Conv2DBackpropFilter', x.shape, attrs.filterShape, attrs)
      const pixels = pixelsUnderWindows(x, shape, recording)
      const outputs = recording.reshape(dy, [pixels.shape[0] ?? 1, dy.shape[3] ?? 1])
      const gradient = matMul(pixels, outputs, recording, { transposeA: true })
      return recording.reshape(gradient, attrs.filterShape)
    },
  ),
}

function geometry(
  name: string,
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dataFormat, dimRoundingMode, dilations = 1 }: ConvolutionAttrs,
): backend_util.Conv2DInfo {
  if (dataFormat !== 'NHWC') {
    throw new EngineError(
      'KERNEL_MISSING',
      `the tfjs kernel ${name} in format ${dataFormat} cannot be recorded as ONNX yet; use NHWC (channelsLast)`,
      { details: { kernel: name } },
    )
  }
  const input = [...inputShape] as [number, number, number, number]
  const filter = [...filterShape] as [number, number, number, number]
  return backend_util.computeConv2DInfo(input, filter, strides, dilations, pad, dimRoundingMode)
}

function convolve(
  x: TensorInfo,
  filter: TensorInfo,
  shape: backend_util.Conv2DInfo,
  recording: Recording,
): TensorInfo {
  const pixels = pixelsUnderWindows(x, shape, recording)
  const flat = recording.reshape(filter, [pixels.shape[1] ?? 1, shape.outChannels])
  return recording.reshape(matMul(pixels, flat, recording), shape.outShape)
}

/** Shape [batch * outHeight * outWidth, filterHeight * filterWidth * channels]. */
function pixelsUnderWindows(x: TensorInfo, shape: WindowShape, recording: Recording): TensorInfo {
  const [batch = 1, channels = 1] = [x.shape[0], x.shape[3]]
  const { outHeight, outWidth, filterHeight, filterWidth } = shape
  const pixels = gatherPixels(x, windowRows(shape), recording)
  return recording.reshape(pixels, [batch * outHeight * outWidth, filterHeight * filterWidth * channels])
}
