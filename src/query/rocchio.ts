import { dot, norm, normalize } from '../core/vectors.js'

/** A vector that an example stands for, and how much it counts. */
export interface Weighted {
  /** Shape [dim], not zero. */
  vector: Float32Array
  /** Above 0; only its ratio to the others of its side matters. */
  weight: number
}

/** Below this length a sum of unit vectors is rounding, and has no direction. */
const NO_DIRECTION = 1e-6

/**
 * The direction of several vectors: the sum of their unit vectors, at their mean length.
 *
 * @param vectors at least one, each of shape [dim]; an item's passages
 * @returns undefined where they cancel out or one has no direction
 */
export function meanDirection(vectors: readonly Float32Array[]): Float32Array | undefined {
  return combineExamples(
    vectors.map((vector) => ({ vector, weight: 1 })),
    [],
  )
}

/**
 * A query out of examples, after Rocchio (Relevance feedback in information retrieval, 1971) without an original query
 * and with beta = gamma = 1, over unit vectors:
 *
 *     q = sum(w_i p_i) / sum(w_i) - sum(v_j n_j) / sum(v_j)
 *
 * normalised, then brought to the positives' weighted mean length: 1 where they are unit vectors, and otherwise what
 * euclidean distances and inner products need so that one example alone asks what it would ask by itself.
 *
 * @param positives at least one
 * @returns undefined where the sum has no direction: the examples cancel out
 */
export function combineExamples(
  positives: readonly Weighted[],
  negatives: readonly Weighted[],
): Float32Array | undefined {
  const [first] = positives
  if (!first) return undefined
  const [only] = positives.length + negatives.length === 1 ? positives : []
  if (only) return norm(only.vector) > 0 ? only.vector.slice() : undefined
  const sum = new Float64Array(first.vector.length)
  if (!addMean(sum, positives, 1) || !addMean(sum, negatives, -1)) return undefined
  const direction = Float32Array.from(sum)
  if (!(Math.sqrt(dot(direction, direction)) > NO_DIRECTION)) return undefined
  const total = totalWeight(positives)
  const length = positives.reduce((mean, { vector, weight }) => mean + (weight / total) * norm(vector), 0)
  return normalize(direction).map((x) => x * length)
}

/** Adds the weighted mean of the unit vectors. @returns false where one has no direction */
function addMean(sum: Float64Array, examples: readonly Weighted[], sign: 1 | -1): boolean {
  const total = totalWeight(examples)
  for (const { vector, weight } of examples) {
    const length = norm(vector)
    if (!(length > 0)) return false
    const share = (sign * (weight / total)) / length
    for (const [i, x] of vector.entries()) sum[i] = (sum[i] ?? 0) + share * x
  }
  return true
}

function totalWeight(examples: readonly Weighted[]): number {
  return examples.reduce((total, { weight }) => total + weight, 0)
}
