import type { ItemFields, StoredItem } from '../core/backend.js'
import type { Item } from '../core/types.js'

/** A stored item as it is given back, with the fields that were asked. */
export function showItem(stored: StoredItem, fields: ItemFields): Item {
  const item: Item = { id: stored.id }
  if (fields.metadata) item.metadata = stored.metadata ?? {}
  if (fields.text) item.text = stored.text ?? null
  if (fields.vectors) item.vectors = showVectors(stored.vectors)
  item.hasImage = stored.hasImage
  return item
}

/** Vectors as plain arrays. */
export function showVectors(vectors: StoredItem['vectors'] = {}): Record<string, number[][]> {
  const shown = Object.entries(vectors).map(([space, passages]) => [
    space,
    passages.map((v) => Array.from(v)),
  ])
  return Object.fromEntries(shown) as Record<string, number[][]>
}
