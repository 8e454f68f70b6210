import { setImmediate as nextTurn } from 'node:timers/promises'

/** Strings read before the event loop gets its turn. */
const SLICE = 5_000

/** Many strings as they travel between threads without being copied, and are read little by little. */
export interface PackedIds {
  count: number
  /** UTF-8, one after the other. */
  bytes: SharedArrayBuffer
  /** Where each ends in `bytes`: Float64Array, shape [count]. */
  ends: SharedArrayBuffer
}

export function packIds(ids: readonly string[]): PackedIds {
  const ends = new Float64Array(new SharedArrayBuffer(ids.length * 8))
  let length = 0
  for (const [i, id] of ids.entries()) {
    length += Buffer.byteLength(id)
    ends[i] = length
  }
  const bytes = Buffer.from(new SharedArrayBuffer(length))
  let at = 0
  for (const id of ids) at += bytes.write(id, at)
  return {
    count: ids.length,
    bytes: bytes.buffer as unknown as SharedArrayBuffer,
    ends: ends.buffer as SharedArrayBuffer,
  }
}

/** Reads them, giving the event loop its turns. */
export async function* unpackIds(packed: PackedIds): AsyncGenerator<string[]> {
  const bytes = Buffer.from(packed.bytes)
  const ends = new Float64Array(packed.ends)
  for (let from = 0; from < packed.count; from += SLICE) {
    if (from > 0) await nextTurn()
    const ids: string[] = []
    let start = from === 0 ? 0 : (ends[from - 1] as number)
    for (let i = from; i < Math.min(from + SLICE, packed.count); i++) {
      const end = ends[i] as number
      ids.push(bytes.toString('utf8', start, end))
      start = end
    }
    yield ids
  }
}
