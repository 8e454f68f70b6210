import type { Block } from './descriptor-blocks.js'

/**
 * Centres each block and brings it to its weight, in place, so that no block counts more for having larger numbers.
 *
 * @param values shape [length] of one picture
 * @param centre mean of a collection, shape [length]; without one each block's own mean is taken off
 */
export function normalizeBlocks(
  values: Float32Array,
  blocks: readonly Block[],
  centre: Float32Array | undefined,
): void {
  for (const { from, length, weight } of blocks) {
    const end = from + length
    let sum = 0
    if (centre) {
      for (let i = from; i < end; i++) values[i] = (values[i] as number) - (centre[i] as number)
    } else {
      for (let i = from; i < end; i++) sum += values[i] as number
      const mean = sum / length
      for (let i = from; i < end; i++) values[i] = (values[i] as number) - mean
    }
    let squares = 0
    for (let i = from; i < end; i++) squares += (values[i] as number) * (values[i] as number)
    if (squares === 0) continue
    const scale = weight / Math.sqrt(squares)
    for (let i = from; i < end; i++) values[i] = (values[i] as number) * scale
  }
}
