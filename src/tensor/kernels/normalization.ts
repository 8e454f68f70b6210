import type { FusedBatchNormAttrs } from '@tensorflow/tfjs-core'
import { type KernelTable, kernel } from './kernel.js'

/** Normalisation with a mean and a variance that are there already. */
export const NORMALIZATION: KernelTable = {
  // (x - mean) scale / sqrt(variance + epsilon) + offset, in two passes over x
  FusedBatchNorm: kernel<'x' | 'mean' | 'variance' | 'scale?' | 'offset?', FusedBatchNormAttrs>(
    ['x', 'mean', 'variance', 'scale?', 'offset?'],
    ({ x, mean, variance, scale, offset }, { varianceEpsilon }, recording) => {
      const run = recording.formula
      const deviation = run('Sqrt', run('Add', variance, varianceEpsilon))
      const factor = run('Div', scale ?? 1, deviation)
      const shift = run('Sub', offset ?? 0, run('Mul', mean, factor))
      return run('Add', run('Mul', x, factor), shift)
    },
  ),
}
