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
import { filterRows, type PixelGroups, pixelGroups } from './pixel-groups.js'
import { transpose } from './shaping.js'
import { shiftedSum } from './transposed-convolution.js'
import { addToPixels, gatherPixels, readersOf, windowRows } from './windows.js'

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
    ({ dy, filter }, attrs, recording) => {
      const shape = geometry('Conv2DBackpropInput', attrs.inputShape, filter.shape, attrs)
      return shape.strideHeight === 1 && shape.strideWidth === 1
        ? convolve(dy, turned(filter, recording), turnedShape(shape), recording)
        : shiftedSum(dy, filter, shape, recording)
    },
  ),
  Conv2DBackpropFilter: kernel<'x' | 'dy', Conv2DBackpropFilterAttrs>(
    ['x', 'dy'],
    ({ x, dy }, attrs, recording) => {
      const shape = geometry('Conv2DBackpropFilter', x.shape, attrs.filterShape, attrs)
      return filterGradient(x, dy, shape, recording)
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
  const groups = pixelGroups(shape)
  const pixels = pixelsUnderWindows(x, shape, groups, recording)
  const taps = groups ? groupedTaps(filter, shape, groups, recording) : filter
  const matrix = recording.reshape(taps, [pixels.shape[1] ?? 1, widthOf(shape, groups)])
  return recording.reshape(matMul(pixels, matrix, recording), shape.outShape)
}

/** The filter as often as its window lies within a group of pixels. */
function groupedTaps(
  filter: TensorInfo,
  shape: backend_util.Conv2DInfo,
  groups: PixelGroups,
  recording: Recording,
): TensorInfo {
  const taps = recording.reshape(filter, [1, tapsOf(shape), shape.outChannels])
  return gatherPixels(taps, filterRows(shape, groups), recording)
}

/** Numbers of the filter for each channel that comes out. */
function tapsOf({ filterHeight, filterWidth, inChannels }: backend_util.Conv2DInfo): number {
  return filterHeight * filterWidth * inChannels
}

/** Numbers that come out for each place of the window. */
function widthOf({ outChannels }: backend_util.Conv2DInfo, groups: PixelGroups | undefined): number {
  return (groups?.outputs ?? 1) * outChannels
}

/** Where the stride is 1, the gradient of a convolution's input is a convolution with the filter turned by 180 degrees. */
function turned(filter: TensorInfo, recording: Recording): TensorInfo {
  const [height = 1, width = 1, inChannels = 1, outChannels = 1] = filter.shape
  const count = height * width
  const taps = recording.reshape(filter, [1, count, inChannels * outChannels])
  const rows = Int32Array.from({ length: count }, (_, at) => count - 1 - at)
  const reversed = gatherPixels(taps, { key: `turned ${count}`, rows }, recording)
  const split = recording.reshape(reversed, [height, width, inChannels, outChannels])
  return transpose(split, [0, 1, 3, 2], recording)
}

function turnedShape(shape: backend_util.Conv2DInfo): backend_util.Conv2DInfo {
  const { filterHeight, filterWidth, inChannels, outChannels, padInfo } = shape
  return {
    ...shape,
    inHeight: shape.outHeight,
    inWidth: shape.outWidth,
    inChannels: outChannels,
    inShape: shape.outShape,
    outHeight: shape.inHeight,
    outWidth: shape.inWidth,
    outChannels: inChannels,
    outShape: shape.inShape,
    filterShape: [filterHeight, filterWidth, outChannels, inChannels],
    padInfo: { ...padInfo, top: filterHeight - 1 - padInfo.top, left: filterWidth - 1 - padInfo.left },
  }
}

function filterGradient(
  x: TensorInfo,
  dy: TensorInfo,
  shape: backend_util.Conv2DInfo,
  recording: Recording,
): TensorInfo {
  const groups = pixelGroups(shape)
  const pixels = pixelsUnderWindows(x, shape, groups, recording)
  const outputs = recording.reshape(dy, [pixels.shape[0] ?? 1, widthOf(shape, groups)])
  const product = matMul(pixels, outputs, recording, { transposeA: true })
  if (!groups) return recording.reshape(product, shape.filterShape)
  const rows = filterRows(shape, groups)
  const gradients = recording.reshape(product, [1, rows.rows.length, shape.outChannels])
  const readers = readersOf(rows, { pixels: tapsOf(shape), each: 1 })
  return recording.reshape(addToPixels(gradients, readers, recording), shape.filterShape)
}

/** Shape [batch * places of the window, numbers under the window]. */
function pixelsUnderWindows(
  x: TensorInfo,
  shape: backend_util.Conv2DInfo,
  groups: PixelGroups | undefined,
  recording: Recording,
): TensorInfo {
  const window = groups?.window ?? shape
  const channels = shape.inChannels * (groups?.pixels ?? 1)
  const grouped = recording.reshape(x, [shape.batchSize, window.inHeight * window.inWidth, channels])
  const pixels = gatherPixels(grouped, windowRows(window), recording)
  return recording.reshape(pixels, [
    shape.batchSize * window.outHeight * window.outWidth,
    window.filterHeight * window.filterWidth * channels,
  ])
}
