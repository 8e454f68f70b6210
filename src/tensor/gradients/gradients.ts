import { ACTIVATION_GRADIENTS } from './activations.js'
import { CONVOLUTION_GRADIENTS } from './convolution.js'
import { ELEMENTWISE_GRADIENTS } from './elementwise.js'
import type { GradientTable } from './gradient.js'
import { IMAGING_GRADIENTS } from './imaging.js'
import { NORMALIZATION_GRADIENTS } from './normalization.js'
import { SHAPING_GRADIENTS } from './shaping.js'

/**
 * The gradients that tfjs's automatic differentiation uses while we record. tfjs's own are not in the build of
 * tfjs-core that Node loads, and these need fewer passes over memory.
 */
export const GRADIENTS: GradientTable = {
  ...ELEMENTWISE_GRADIENTS,
  ...ACTIVATION_GRADIENTS,
  ...CONVOLUTION_GRADIENTS,
  ...IMAGING_GRADIENTS,
  ...NORMALIZATION_GRADIENTS,
  ...SHAPING_GRADIENTS,
}
