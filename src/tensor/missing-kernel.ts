import { EngineError } from '../core/errors.js'

/**
 * The error of a tfjs that lacks a kernel or a gradient, which it says in words only; undefined where that is not what
 * the error says.
 *
 * @param where the rest of the message, such as "is not in tfjs-node"
 */
export function missingKernel(error: unknown, where: string): EngineError | undefined {
  const message = error instanceof Error ? error.message : ''
  const kernel = /[Kk]ernel '(\w+)' not registered for backend/.exec(message)?.[1]
  if (kernel) {
    return new EngineError('KERNEL_MISSING', `the tfjs kernel ${kernel} ${where}`, {
      cause: error,
      details: { kernel },
    })
  }
  const gradient = /gradient function not found for (\w+)/.exec(message)?.[1]
  if (!gradient) return undefined
  return new EngineError('KERNEL_MISSING', `the gradient of the tfjs kernel ${gradient} ${where}`, {
    cause: error,
    details: { kernel: gradient, gradient: true },
  })
}
