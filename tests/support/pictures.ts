function bytes(...parts: (string | number)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((p) => (typeof p === 'number' ? [p] : [...p].map((c) => c.charCodeAt(0)))),
  )
}

/** The beginnings of pictures by media type: enough to be recognized. */
export const PICTURES = {
  'image/png': bytes(0x89, 'PNG\r\n', 0x1a, '\n', 0, 0, 0, 13, 'IHDR'),
  'image/jpeg': bytes(0xff, 0xd8, 0xff, 0xe0, 0, 16, 'JFIF'),
  'image/gif': bytes('GIF89a', 1, 0, 1, 0),
  'image/webp': bytes('RIFF', 26, 0, 0, 0, 'WEBPVP8L'),
  'image/avif': bytes(0, 0, 0, 28, 'ftypmif1', 0, 0, 0, 0, 'mif1avifmiaf'),
}
