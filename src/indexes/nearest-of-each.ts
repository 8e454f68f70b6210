import type { ItemHit } from './scan-table.js'

/** Sorts hits, nearest first, and keeps the first of each item. */
export function nearestOfEach(found: ItemHit[]): ItemHit[] {
  found.sort((a, b) => a.distance - b.distance || a.item - b.item)
  const seen = new Set<number>()
  return found.filter(({ item }) => seen.size < seen.add(item).size)
}
