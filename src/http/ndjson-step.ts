import { EngineError } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'
import { parseJson } from './body-parser.js'
import { itemInput, namingItem } from './item-input.js'

/** Whole lines of an NDJSON body that are written together. */
export interface Step {
  bytes: Uint8Array
  /** Number of its first line in the body, from 1. */
  firstLine: number
}

/** What a step brings. */
export interface StepItems {
  items: ItemInput[]
  /** The line of each item. */
  lines: number[]
}

const NEWLINE = 0x0a

/**
 * Reads and checks a step's lines; blank ones are skipped.
 *
 * @throws EngineError as for an item of a JSON body, or DUPLICATE_ID; `details.line` is the line's number
 */
export function parseStep({ bytes, firstLine }: Step): StepItems {
  const items: ItemInput[] = []
  const lines: number[] = []
  const seen = new Map<string, number>()
  let line = firstLine
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline
    const item = parseLine(bytes.subarray(start, end), line)
    start = end + 1
    if (!item) continue
    const before = seen.get(item.id)
    if (before !== undefined) {
      throw new EngineError(
        'DUPLICATE_ID',
        `line ${line}: id ${JSON.stringify(item.id)} already stands on line ${before}, which is written together with it`,
        { details: { line, id: item.id } },
      )
    }
    seen.set(item.id, line)
    items.push(item)
    lines.push(line)
  }
  return { items, lines }
}

function parseLine(bytes: Uint8Array, line: number): ItemInput | undefined {
  if (bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)) return undefined
  const json = namingItem(undefined, { line }, () => parseJson(bytes, 'it'))
  return namingItem(json, { line }, () => itemInput(json))
}
