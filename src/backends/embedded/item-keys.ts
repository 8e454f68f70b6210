import type { ItemKeys } from './filter-messages.js'

/** Where the first key is that is `key` or larger; the length where there is none. @param keys ascending */
export function firstFrom(keys: ItemKeys, key: number): number {
  let from = 0
  let end = keys.length
  while (from < end) {
    const middle = (from + end) >>> 1
    if ((keys[middle] as number) < key) from = middle + 1
    else end = middle
  }
  return from
}

/** Whether a key is among them. @param keys ascending */
export function hasKey(keys: ItemKeys, key: number): boolean {
  return keys[firstFrom(keys, key)] === key
}
