import { ACTIVATIONS } from './activations.js'
import { ARITHMETIC } from './arithmetic.js'
import { CONVOLUTIONS } from './convolution.js'
import type { KernelTable } from './kernel.js'
import { PRODUCTS } from './matmul.js'
import { NORMALIZATION } from './normalization.js'
import { POOLING } from './pooling.js'
import { REDUCTIONS } from './reductions.js'
import { RESIZING } from './resizing.js'
import { SHAPING } from './shaping.js'

/** Every tfjs kernel that can be recorded as ONNX. */
export const KERNELS: KernelTable = {
  ...ARITHMETIC,
  ...ACTIVATIONS,
  ...PRODUCTS,
  ...CONVOLUTIONS,
  ...POOLING,
  ...RESIZING,
  ...NORMALIZATION,
  ...REDUCTIONS,
  ...SHAPING,
}
