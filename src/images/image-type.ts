/**
 * What kind of picture the bytes are, by their first bytes.
 *
 * @returns the media type, or undefined if they are none of PNG, JPEG, WebP, GIF, AVIF
 */
export function imageType(bytes: Uint8Array): string | undefined {
  if (startsWith(bytes, 0, '\x89PNG\r\n\x1a\n')) return 'image/png'
  if (startsWith(bytes, 0, '\xff\xd8\xff')) return 'image/jpeg'
  if (startsWith(bytes, 0, 'GIF87a') || startsWith(bytes, 0, 'GIF89a')) return 'image/gif'
  if (startsWith(bytes, 0, 'RIFF') && startsWith(bytes, 8, 'WEBP')) return 'image/webp'
  if (startsWith(bytes, 4, 'ftyp') && hasAvifBrand(bytes)) return 'image/avif'
  return undefined
}

/** ISO 14496-12: the first box is `ftyp`: size, 'ftyp', major brand, version, compatible brands of 4 bytes each. */
function hasAvifBrand(bytes: Uint8Array): boolean {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  for (let at = 8; at + 4 <= Math.min(size, bytes.length, 256); at += 4) {
    if (at !== 12 && (startsWith(bytes, at, 'avif') || startsWith(bytes, at, 'avis'))) return true
  }
  return false
}

/** @param magic one character a byte */
function startsWith(bytes: Uint8Array, offset: number, magic: string): boolean {
  if (bytes.length < offset + magic.length) return false
  for (let i = 0; i < magic.length; i++) if (bytes[offset + i] !== magic.charCodeAt(i)) return false
  return true
}
