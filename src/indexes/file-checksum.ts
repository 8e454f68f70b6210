import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

/**
 * SHA-256 of a file, in hexadecimal. Read in pieces of 256 KB into one buffer, so that no more is in memory at a time
 * and the event loop turns between them.
 *
 * @throws the file system's own error where the file cannot be read, AbortError on `signal`
 */
export async function fileChecksum(path: string, options: { signal?: AbortSignal } = {}): Promise<string> {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(1 << 18)
  const file = await open(path, 'r')
  try {
    for (;;) {
      options.signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
