import { EngineError } from './errors.js'

/** Inner product of two vectors of shape [dim]. */
export function dot(a: Float32Array, b: Float32Array): number {
  return dotAt(a, b, 0)
}

/**
 * Inner product of a vector with one that lies in a block: a view of each would cost more than the sum. Four sums side by
 * side: V8 keeps them in registers.
 *
 * @param offset where in `b` the vector begins
 */
export function dotAt(a: Float32Array, b: Float32Array, offset: number): number {
  const n = a.length
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < n; i += 4) {
    const j = offset + i
    s0 += (a[i] as number) * (b[j] as number)
    s1 += (a[i + 1] as number) * (b[j + 1] as number)
    s2 += (a[i + 2] as number) * (b[j + 2] as number)
    s3 += (a[i + 3] as number) * (b[j + 3] as number)
  }
  for (; i < n; i++) s0 += (a[i] as number) * (b[offset + i] as number)
  return s0 + s1 + s2 + s3
}

/** Sum of squared differences of two vectors of shape [dim]. */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let s = 0
  for (let i = 0; i < a.length; i++) {
    const d = (a[i] as number) - (b[i] as number)
    s += d * d
  }
  return s
}

/** L2 norm of a vector. */
export function norm(v: Float32Array): number {
  return Math.sqrt(dot(v, v))
}

/** A copy of `v` with length 1; a zero vector stays zero. */
export function normalize(v: Float32Array): Float32Array {
  const length = norm(v)
  return length === 0 ? v.slice() : v.map((x) => x / length)
}

/** Whether the norm is 1 but for float32 rounding. */
export function isUnit(v: Float32Array): boolean {
  return Math.abs(norm(v) - 1) < 1e-4
}

/**
 * Copies numbers of any source into a Float32Array.
 *
 * @param into where to; default a fresh one
 * @param name how the message calls it, for instance `item "a", space "mine"`
 * @throws EngineError DIMENSION_MISMATCH if the length is not `dim`
 * @throws EngineError INVALID_VECTOR on anything that is not a finite float32
 * @throws EngineError ZERO_VECTOR if all are zero and `allowZero` is false
 */
export function toVector(
  values: ArrayLike<number>,
  dim: number,
  options: { name: string; allowZero: boolean; into?: Float32Array },
): Float32Array {
  if (values.length !== dim) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `${options.name} has ${values.length} dimensions, expected ${dim}`,
    )
  }
  const vector = options.into ?? new Float32Array(dim)
  if (values instanceof Float32Array) {
    const length = norm(values)
    if (length > 0 && Number.isFinite(length)) {
      vector.set(values)
      return vector
    }
  }
  let zero = true
  for (let i = 0; i < dim; i++) {
    const value = values[i]
    const rounded = typeof value === 'number' ? Math.fround(value) : Number.NaN
    if (!Number.isFinite(rounded)) {
      throw new EngineError(
        'INVALID_VECTOR',
        `${options.name} holds ${String(value)} at position ${i}; every value must be a finite float32 number`,
      )
    }
    if (rounded !== 0) zero = false
    vector[i] = rounded
  }
  if (zero && !options.allowZero) {
    throw new EngineError(
      'ZERO_VECTOR',
      `${options.name} is a zero vector, which has no direction for cosine`,
    )
  }
  return vector
}
