import type { Rows } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { dot, norm, normalize } from '../core/vectors.js'

/** The passage of an item that lies farthest from the rest of the collection. */
export interface StrangestPassage {
  /** From 0. */
  index: number
  /** How many passages the item has. */
  passages: number
  /** Smaller is nearer. */
  distance: number
  /** The median distance of the item's other passages. */
  others: number
}

/**
 * Finds the passage of an item that is farthest from the rest of the collection; of equals the first.
 *
 * @param passages vectors of one item's passages, each of shape [dim]
 * @param reference either `distances`, of each passage to its nearest passages of other items, in any metric (smaller is
 * nearer): a text on several subjects is then not strange because of it; or, where the index is not asked, `centre`, as
 * {@link directionCentre} gives it: then by cosine distance
 * @returns undefined for fewer than two passages: then nothing stands out of the item
 * @throws EngineError DIMENSION_MISMATCH where there is not one distance a passage
 */
export function strangestPassage(
  passages: readonly Float32Array[],
  reference: { distances: ArrayLike<number> } | { centre: Float32Array },
): StrangestPassage | undefined {
  const distances =
    'distances' in reference ? Array.from(reference.distances) : fromCentre(passages, reference.centre)
  if (distances.length !== passages.length) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `there are ${distances.length} distances for ${passages.length} passages, expected one each`,
    )
  }
  if (distances.length < 2) return undefined
  const index = distances.indexOf(Math.max(...distances))
  if (index < 0) return undefined
  const others = distances.toSpliced(index, 1).sort((a, b) => a - b)
  const middle = (others.length - 1) / 2
  const median = ((others[Math.floor(middle)] as number) + (others[Math.ceil(middle)] as number)) / 2
  return { index, passages: distances.length, distance: distances[index] as number, others: median }
}

/** The mean of the rows' directions, of shape [dim]; zero vectors have none and count for nothing. */
export function directionCentre({ values, count, dim }: Rows): Float32Array {
  const centre = new Float64Array(dim)
  for (let row = 0; row < count; row++) {
    const vector = values.subarray(row * dim, (row + 1) * dim)
    const length = norm(vector)
    if (length === 0) continue
    for (let d = 0; d < dim; d++) centre[d] = (centre[d] as number) + (vector[d] as number) / length / count
  }
  return Float32Array.from(centre)
}

function fromCentre(passages: readonly Float32Array[], centre: Float32Array): number[] {
  const direction = normalize(centre)
  return passages.map((passage) => 1 - dot(normalize(passage), direction))
}
