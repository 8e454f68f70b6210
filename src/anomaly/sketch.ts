import { seededRandom } from '../core/random.js'

/** Adds columns up in groups, with random signs. */
export interface Sketch {
  /** By column, which sum it goes into. */
  into: Int32Array
  /** By column, 1 or -1. */
  signs: Int8Array
  width: number
}

/**
 * A random projection that keeps inner products on average (count sketch: Charikar, Chen, Farach-Colton 2002; for
 * learning: Weinberger and others, Feature hashing, ICML 2009) and costs an addition a number.
 *
 * @param width columns of the result, fewer than `dim`
 */
export function drawSketch(dim: number, width: number, seed: number): Sketch {
  const random = seededRandom(seed)
  const into = Int32Array.from({ length: dim }, (_, j) => j % width)
  for (let j = dim - 1; j > 0; j--) {
    const other = random.int(j + 1)
    const held = into[j] as number
    into[j] = into[other] as number
    into[other] = held
  }
  return { into, signs: Int8Array.from({ length: dim }, () => (random.uniform() < 0.5 ? -1 : 1)), width }
}

/** @param rows row-major, shape [n, dim] @returns shape [n, width] */
export function sketched(rows: Float32Array, { into, signs, width }: Sketch): Float32Array {
  const dim = into.length
  const count = rows.length / dim
  const result = new Float32Array(count * width)
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < dim; j++) {
      const at = i * width + (into[j] as number)
      result[at] = (result[at] as number) + (signs[j] as number) * (rows[i * dim + j] as number)
    }
  }
  return result
}
