import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/**
 * SHA-256 of a file, in hexadecimal. Read in pieces of 256 KB, so that no more is in memory at a time and the event
 * loop turns between them.
 *
 * @throws the file system's own error where the file cannot be read, AbortError on `signal`
 */
export async function fileChecksum(path: string, options: { signal?: AbortSignal } = {}): Promise<string> {
  const hash = createHash('sha256')
  const pieces = createReadStream(path, { highWaterMark: 1 << 18, signal: options.signal })
  for await (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}
