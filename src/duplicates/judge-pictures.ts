import type { Likeness } from './compare-pictures.js'

/** From this likeness on two pictures are taken for the same. Chosen on photos: see docs/duplicates.md. */
export const PICTURE_THRESHOLD = 0.95
/** Beyond this the worst part of a pair is too unlike: something was put in or taken out. */
const MOST_RESIDUE = 0.35
/** Colours differ by this at most, or by this share of their strength. */
const MOST_COLOUR = { plain: 8, share: 0.4 }
/** In pictures whose longer side is shorter than this different things look alike: there the bounds are narrower. */
const SMALL_SIDE = 64
const OF_SMALL = { correlation: 0.994, likeness: 0.97, residue: 0.02 }

/**
 * How surely two pictures are the same one: the lesser of the correlations of brightness and of detail; 0 where a part or
 * the colours differ too much, or where small pictures are not nearly equal.
 */
export function likenessOf(pair: Likeness): number {
  const { correlation, detail, residue, colour, colourfulness, side } = pair
  const likeness = Math.min(correlation, detail)
  if (residue > MOST_RESIDUE) return 0
  if (colour > Math.max(MOST_COLOUR.plain, MOST_COLOUR.share * colourfulness)) return 0
  if (side >= SMALL_SIDE) return likeness
  const equal =
    correlation >= OF_SMALL.correlation && likeness >= OF_SMALL.likeness && residue <= OF_SMALL.residue
  return equal ? likeness : 0
}
