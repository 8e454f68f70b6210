/** The first number of a record of FTS5: 7 bits a byte, the highest first, the last one without its top bit. */
export function firstVarint(bytes: Uint8Array = new Uint8Array()): number {
  let value = 0
  for (const byte of bytes) {
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) break
  }
  return value
}
