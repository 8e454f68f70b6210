import { seededRandom } from '../../core/random.js'

/** Of the images, how many are held out, and at most how many: more would not make the figures much surer. */
const SHARE = 0.1
const MOST = 2_000

/** Rows of a matrix of images, each list ascending. */
export interface HoldOut {
  fit: Int32Array
  held: Int32Array
}

/**
 * Chooses images that take no part in a fit, to measure it on: a tenth, at least one and at most 2,000, by chance.
 *
 * @param count 2 or more
 * @param seed the same one chooses the same images
 */
export function holdOut(count: number, seed: number): HoldOut {
  const held = Math.min(MOST, Math.max(1, Math.round(count * SHARE)))
  const chosen = sampleRows(count, held, seed)
  const fit = new Int32Array(count - held)
  let at = 0
  let next = 0
  for (let row = 0; row < count; row++) {
    if (chosen[next] === row) next++
    else fit[at++] = row
  }
  return { fit, held: chosen }
}

/**
 * So many of `count` rows by chance, each at most once, ascending; all of them where that is enough.
 * Selection sampling: Knuth, The Art of Computer Programming 2, algorithm 3.4.2 S.
 */
export function sampleRows(count: number, wanted: number, seed: number): Int32Array {
  const rows = new Int32Array(Math.min(count, wanted))
  const random = seededRandom(seed)
  let at = 0
  for (let row = 0; at < rows.length; row++) {
    if ((count - row) * random.uniform() < rows.length - at) rows[at++] = row
  }
  return rows
}
