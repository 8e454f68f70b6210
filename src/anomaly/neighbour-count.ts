/** Part of the items that is looked at as an item's neighbours, where an index tells them. */
const SHARE = 0.02

/** Bounds of it: a single neighbour is often a fellow stranger, and what an index is asked for costs time. */
const LEAST = 10
const MOST = 64

/**
 * How many nearest others tell how far away an item is: 2 % of all, 10 to 64. Strangers come in groups, and a group that is
 * smaller than this is not its own neighbourhood. Where there are none a few more cost little: in collections of 3,000 pictures of
 * one class of Fashion-MNIST 10 neighbours have a mean ROC AUC of .938 and 60 of .940, with 10 % of other classes .66 and .80.
 *
 * @param items of the collection, or of the part of it that is looked at
 */
export function neighbourCount(items: number): number {
  return Math.min(MOST, Math.max(LEAST, Math.floor(SHARE * items)))
}

/** How many more an index is asked for, since some may be left out as strange. */
export function spareNeighbours(count: number): number {
  return Math.max(LEAST, count >> 2)
}
