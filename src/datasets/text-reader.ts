import { open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { decodeText, decodeUtf8 } from './decode-text.js'
import { makeItem, textTooLarge } from './make-item.js'
import { type MadeRecord, skippedBy } from './read-record.js'
import { type Line, splitLines } from './split-lines.js'

/** UTF-16 takes two bytes where UTF-8 takes one, and a byte order mark. */
const MOST_BYTES = 2 * LIMITS.textBytes + 2

/**
 * Reads a file as one item. Its metadata is its absolute `path`, and nothing that changes while the content stays.
 *
 * @param id its path within the folder that was asked for
 */
export async function readTextFile(path: string, id: string): Promise<MadeRecord> {
  try {
    const text = decodeText(await readBounded(path))
    if (text === '') throw new EngineError('INVALID_TEXT', 'it is empty')
    return { ...makeItem({ id, text, metadata: { path: resolve(path) } }), source: path }
  } catch (error) {
    return skippedBy(error, path)
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new EngineError('FILE_UNREADABLE', `${basename(path)} is not a regular file`)
    if (stats.size > MOST_BYTES) throw textTooLarge(stats.size)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** Reads a whole stream as one item, whose id is a hash. */
export async function readTextStream(chunks: AsyncIterable<Uint8Array>, source: string): Promise<MadeRecord> {
  try {
    const parts: Uint8Array[] = []
    let length = 0
    for await (const chunk of chunks) {
      length += chunk.length
      if (length > MOST_BYTES) throw textTooLarge(length)
      parts.push(chunk)
    }
    const text = decodeText(Buffer.concat(parts))
    if (text === '') throw new EngineError('INVALID_TEXT', 'it is empty')
    return { ...makeItem({ text }), source }
  } catch (error) {
    return skippedBy(error, source)
  }
}

/** Reads every line as one item, whose id is a hash. Blank lines are passed over. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
): AsyncGenerator<MadeRecord> {
  yield* itemsOfLines(splitLines(chunks, LIMITS.textBytes), source)
}

/** As {@link readLines}, of lines that were split already. */
export async function* itemsOfLines(lines: AsyncIterable<Line>, source: string): AsyncGenerator<MadeRecord> {
  for await (const line of lines) {
    const at = `${source}:${line.number}`
    try {
      if (line.bytes === undefined) {
        throw new EngineError('TEXT_TOO_LARGE', `it is longer than ${LIMITS.textBytes} bytes; break it up`)
      }
      const text = decodeUtf8(line.bytes)
      if (/\S/u.test(text)) yield { ...makeItem({ text }), source: at }
    } catch (error) {
      yield skippedBy(error, at)
    }
  }
}
