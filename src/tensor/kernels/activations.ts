import type { LeakyReluAttrs, StepAttrs, TensorInfo } from '@tensorflow/tfjs-core'
import { EngineError } from '../../core/errors.js'
import type { Attributes, Recording } from '../recording.js'
import { type KernelTable, kernel, type RecordedKernel } from './kernel.js'

function activation(opType: string, attributes: Attributes = {}): RecordedKernel {
  return kernel(['x'], ({ x }, _attrs, recording) =>
    recording.elementwise(opType, [recording.cast(x, 'float32')], 'float32', attributes),
  )
}

/** SELU's constants (Klambauer et al. 2017, "Self-Normalizing Neural Networks"). */
const SELU = { alpha: { float: 1.6732632423543772 }, gamma: { float: 1.0507009873554805 } }

/** max(0, min(1, alpha x)): 0 or 1, for every x but those below float32's least normal number. One node instead of two. */
const STEEP = { alpha: { float: 3.4028234663852886e38 }, beta: { float: 0 } }

/** Functions that layers apply to what they computed. */
export const ACTIVATIONS: KernelTable = {
  Relu: activation('Relu'),
  Sigmoid: activation('Sigmoid'),
  Tanh: activation('Tanh'),
  Softplus: activation('Softplus'),
  Elu: activation('Elu'),
  Erf: activation('Erf'),
  Selu: activation('Selu', SELU),
  Relu6: kernel(['x'], ({ x }, _attrs, recording) =>
    recording.elementwise('Clip', [x, recording.number(0), recording.number(6)], 'float32'),
  ),
  LeakyRelu: kernel<'x', LeakyReluAttrs>(['x'], ({ x }, { alpha }, recording) =>
    recording.elementwise('LeakyRelu', [x], 'float32', { alpha: { float: alpha } }),
  ),
  Prelu: kernel(['x', 'alpha'], ({ x, alpha }, _attrs, recording) =>
    recording.elementwise('PRelu', [x, alpha], 'float32'),
  ),
  // alpha is the slope left of 0 in tfjs: 0 but for leaky functions
  Step: kernel<'x', StepAttrs>(['x'], ({ x }, { alpha }, recording) => {
    if (alpha === 0) return recording.elementwise('HardSigmoid', [x], 'float32', STEEP)
    const positive = recording.elementwise('Greater', [x, recording.number(0)], 'bool')
    return recording.elementwise('Where', [positive, recording.number(1), recording.number(alpha)], 'float32')
  }),
  // d elu(x) / dx is 1 right of 0 and elu(x) + 1 left of it
  EluGrad: kernel(['dy', 'y'], ({ dy, y }, _attrs, recording) => {
    const negative = recording.elementwise('Min', [y, recording.number(0)], 'float32')
    const slope = recording.elementwise('Add', [negative, recording.number(1)], 'float32')
    return recording.elementwise('Mul', [dy, slope], 'float32')
  }),
}

/** Applies the activation that a fused kernel names. @throws EngineError KERNEL_MISSING where it is not known */
export function activate(
  x: TensorInfo,
  name: string,
  recording: Recording,
  options: { leakyreluAlpha?: number; weights?: TensorInfo | undefined } = {},
): TensorInfo {
  const kernels: Record<string, string> = {
    relu: 'Relu',
    relu6: 'Relu6',
    sigmoid: 'Sigmoid',
    elu: 'Elu',
    leakyrelu: 'LeakyRelu',
    prelu: 'Prelu',
  }
  if (name === 'linear') return x
  const kernelName = kernels[name] ?? ''
  const found = ACTIVATIONS[kernelName]
  if (!found) {
    throw new EngineError('KERNEL_MISSING', `the fused activation ${name} cannot be recorded as ONNX yet`, {
      details: { kernel: name },
    })
  }
  const result = found({ x, alpha: options.weights }, { alpha: options.leakyreluAlpha ?? 0.2 }, recording)
  return Array.isArray(result) ? x : result
}
