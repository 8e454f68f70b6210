import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import { checkId } from '../core/names.js'
import type { Metadata } from '../core/types.js'
import { type MadeRecord, skippedBy } from './read-record.js'

/** The largest file that is read as a picture: one of 150 million pixels, hardly compressed. */
const MOST_BYTES = 512 << 20

/**
 * A picture's file as one item, not opened yet. Its metadata is its absolute `path`, and the name of the folder that it
 * lies in as its `label`, if that is not the very folder that was asked for.
 *
 * @param id its path within the folder that was asked for
 */
export function readImageFile(path: string, id: string, bytes: number): MadeRecord {
  try {
    checkSize(bytes)
    const absolute = resolve(path)
    const label = id.split('/').at(-2)
    const metadata: Metadata = label === undefined ? { path: absolute } : { path: absolute, label }
    const image = { path: absolute, bytes, read: () => readBounded(path) }
    return { item: { id: checkId(id), metadata }, source: path, image, hashed: false }
  } catch (error) {
    return skippedBy(error, path)
  }
}

/** A whole stream as one picture, whose id is a hash of its bytes. */
export async function readImageStream(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
): Promise<MadeRecord> {
  try {
    const parts: Uint8Array[] = []
    let length = 0
    for await (const chunk of chunks) {
      length += chunk.length
      if (length > MOST_BYTES) checkSize(length)
      parts.push(chunk)
    }
    checkSize(length)
    const bytes = Buffer.concat(parts)
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
    return {
      item: { id },
      source,
      image: { path: source, bytes: length, read: async () => bytes },
      hashed: true,
    }
  } catch (error) {
    return skippedBy(error, source)
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new EngineError('FILE_UNREADABLE', `${basename(path)} is not a regular file`)
    checkSize(stats.size)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function checkSize(bytes: number): void {
  if (bytes === 0) throw new EngineError('INVALID_IMAGE', 'it is empty')
  if (bytes > MOST_BYTES) {
    throw new EngineError(
      'IMAGE_TOO_LARGE',
      `it has ${bytes} bytes, at most ${MOST_BYTES} are taken as an image`,
    )
  }
}
