import { createHash, randomUUID, webcrypto } from 'node:crypto'

/** Above this many bytes hashing goes to the thread pool. */
const OFF_THREAD_BYTES = 1 << 18

/** What an item's fingerprint is made of. */
export interface FingerprintParts {
  textHash: string | null
  /** See `canonicalJson`. */
  metadata: string
  /** Of the picture's file. */
  imageHash: string | null
  /** The user's own vectors by space, in the order of the spaces' names. */
  vectors: readonly (readonly [space: string, vector: Float32Array])[]
}

/** SHA-256 of bytes or of a text's UTF-8, in base64url. */
export async function contentHash(content: Uint8Array | string): Promise<string> {
  if (content.length <= OFF_THREAD_BYTES) return createHash('sha256').update(content).digest('base64url')
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('base64url')
}

/** Equal for items that are the same in every respect. */
export function fingerprint(parts: FingerprintParts): string {
  const hash = createHash('sha256')
  const names = parts.vectors.map(([space, vector]) => [space, vector.length])
  hash.update(JSON.stringify([parts.textHash, parts.metadata, parts.imageHash, names]))
  for (const [, vector] of parts.vectors) {
    hash.update(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
  }
  return hash.digest('base64url')
}

/** For an item of which not all is known: equal to no other. */
export function uniqueFingerprint(): string {
  return `patched-${randomUUID()}`
}
