import type { Rows } from '../core/detection.js'
import type { Random } from '../core/random.js'

/**
 * Draws rows at random without replacement.
 *
 * @returns places in ascending order: all of them where there are no more than `limit`
 */
export function samplePlaces(count: number, limit: number, random: Random): Uint32Array {
  const places = new Uint32Array(count)
  for (let i = 0; i < count; i++) places[i] = i
  if (count <= limit) return places
  // Fisher and Yates, as far as it is needed
  for (let i = 0; i < limit; i++) {
    const j = i + random.int(count - i)
    const held = places[i] as number
    places[i] = places[j] as number
    places[j] = held
  }
  return places.subarray(0, limit).sort()
}

/** A copy of the rows at `places`. */
export function rowsAt({ values, dim }: Rows, places: ArrayLike<number>): Rows {
  const chosen = new Float32Array(places.length * dim)
  for (let i = 0; i < places.length; i++) {
    const from = (places[i] as number) * dim
    chosen.set(values.subarray(from, from + dim), i * dim)
  }
  return { values: chosen, count: places.length, dim }
}

/** Where each row stands among `places`; -1 where it is not one of them. */
export function invertPlaces(places: Uint32Array, count: number): Int32Array {
  const inverse = new Int32Array(count).fill(-1)
  for (let i = 0; i < places.length; i++) inverse[places[i] as number] = i
  return inverse
}
