import { ACTIVATIONS } from './activations.js'
import { ARITHMETIC } from './arithmetic.js'
import type { KernelTable } from './kernel.js'
import { PRODUCTS } from './matmul.js'
import { REDUCTIONS } from './reductions.js'
import { SHAPING } from './shaping.js'

/** Every tfjs kernel that can be recorded as ONNX. */
export const KERNELS: KernelTable = {
  ...ARITHMETIC,
  ...ACTIVATIONS,
  ...PRODUCTS,
  ...REDUCTIONS,
  ...SHAPING,
}
