import { countBelow } from '../../core/ascending.js'
import type { ItemKeys } from './filter-messages.js'

/** Whether a key is among them. @param keys ascending */
export function hasKey(keys: ItemKeys, key: number): boolean {
  return keys[countBelow(keys, key)] === key
}
