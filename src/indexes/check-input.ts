import { EngineError } from '../core/errors.js'
import type { Metric } from '../core/metrics.js'
import { norm } from '../core/vectors.js'

/** Labels are cut to 32 bits by hnswlib. */
export const LABEL_END = 2 ** 32

/** @throws EngineError INVALID_REQUEST unless `label` is an integer in [0, 2^32) */
export function checkLabel(label: number): void {
  if (!Number.isInteger(label) || label < 0 || label >= LABEL_END)
    throw new EngineError('INVALID_REQUEST', `a label must be an integer in [0, 2^32), got ${label}`)
}

/** @throws EngineError INVALID_REQUEST unless `k` is an integer of at least 1 */
export function checkK(k: number): void {
  if (!Number.isInteger(k) || k < 1)
    throw new EngineError('INVALID_REQUEST', `k must be an integer of at least 1, got ${String(k)}`)
}

/**
 * Checks a vector that is to be indexed or searched for.
 *
 * @param name how the message calls it: `query`, `vector of label 7`
 * @returns its L2 norm; finite, since squares of finite float32 numbers do not overflow a double
 * @throws EngineError DIMENSION_MISMATCH, INVALID_VECTOR, ZERO_VECTOR (cosine only)
 */
export function checkVector(vector: Float32Array, dim: number, metric: Metric, name: string): number {
  const length = checkFinite(vector, dim, name)
  if (length === 0 && metric === 'cosine')
    throw new EngineError('ZERO_VECTOR', `${name} is a zero vector, which has no direction for cosine`)
  return length
}

/** As {@link checkVector}, for whoever has no metric. */
export function checkFinite(vector: Float32Array, dim: number, name: string): number {
  if (vector.length !== dim)
    throw new EngineError('DIMENSION_MISMATCH', `${name} has ${vector.length} dimensions, expected ${dim}`)
  const length = norm(vector)
  if (!Number.isFinite(length)) {
    const at = vector.findIndex((value) => !Number.isFinite(value))
    throw new EngineError(
      'INVALID_VECTOR',
      `${name} holds ${vector[at]} at position ${at}; every value must be a finite number`,
    )
  }
  return length
}

/** @throws EngineError LABEL_REUSED, always */
export function refuseReuse(label: number, why: string): never {
  throw new EngineError(
    'LABEL_REUSED',
    `label ${label} ${why}; a label is used once, give the vector a new one`,
    { details: { label } },
  )
}
