import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { itemsOfJsonLines } from './jsonl-reader.js'
import type { ColumnOptions } from './make-item.js'
import type { MadeRecord } from './read-record.js'
import { type Line, splitLines } from './split-lines.js'
import { itemsOfLines } from './text-reader.js'

/**
 * Reads a stream that does not say what it is: JSON lines if the first line that is not blank is, or begins like, an
 * object with a name in quotes (a broken one is then told, not kept as a text); else every line is an item.
 */
export async function* readUnknown(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  options: ColumnOptions,
): AsyncGenerator<MadeRecord> {
  const lines = splitLines(chunks, LIMITS.ndjsonLineBytes)
  for (;;) {
    const next = await lines.next()
    if (next.done) return
    const { bytes } = next.value
    const text = bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8').trimStart()
    if (text === '') continue
    const all = startingWith(next.value, lines)
    const json = text !== undefined && /^\{\s*["}]/.test(text)
    if (!json && options.columns !== undefined) {
      throw new EngineError(
        'INVALID_REQUEST',
        'it does not begin like JSON lines, and vector columns are of tables; add --format csv or tsv',
      )
    }
    yield* json ? itemsOfJsonLines(all, source, options) : itemsOfLines(all, source)
    return
  }
}

async function* startingWith(first: Line, rest: AsyncIterable<Line>): AsyncGenerator<Line> {
  yield first
  yield* rest
}
