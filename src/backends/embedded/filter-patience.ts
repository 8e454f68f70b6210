import { EngineError } from '../../core/errors.js'

/** After how long a filter, or the counting of values, is given up. */
const PATIENCE_MS = 20_000

const REFUSALS = {
  where: {
    code: 'INVALID_FILTER',
    what: 'where takes',
    remedy: 'use fewer conditions, or index their fields',
  },
  fields: {
    code: 'INVALID_REQUEST',
    what: 'counting the values of fields takes',
    remedy: 'ask fewer fields, add a where, or index the fields',
  },
} as const

/**
 * How long an answer is tried for.
 *
 * @param tried whether a filter holds, or what values fields have
 * @returns to be called between steps; throws EngineError INVALID_FILTER (`where`) or INVALID_REQUEST (`fields`) when it is
 * called too late
 */
export function filterPatience(tried: keyof typeof REFUSALS, ms = PATIENCE_MS): () => void {
  const began = performance.now()
  return () => {
    if (performance.now() - began < ms) return
    const { code, what, remedy } = REFUSALS[tried]
    const message = `${what} more than ${ms / 1000} s over this collection; ${remedy}`
    throw new EngineError(code, message, { details: { field: tried } })
  }
}
