import { isUtf8 } from 'node:buffer'
import { EngineError } from '../core/errors.js'

const REPLACEMENT = Buffer.from('\ufffd')

/**
 * Decodes the bytes of a whole text: UTF-8, or UTF-16 where a byte order mark says so. The mark is taken off.
 *
 * @throws EngineError INVALID_TEXT with the offset of the first byte that is not UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  const encoding = utf16Of(bytes)
  if (encoding !== undefined) return utf16Decoder(encoding)(bytes.subarray(2), true)
  return decodeUtf8(hasUtf8Mark(bytes) ? bytes.subarray(3) : bytes, hasUtf8Mark(bytes) ? 3 : 0)
}

/**
 * Decodes UTF-8 strictly.
 *
 * @param offset where the bytes begin in what the user knows, for the message
 * @throws EngineError INVALID_TEXT
 */
export function decodeUtf8(bytes: Uint8Array, offset = 0): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(view)) return view.toString('utf8')
  const at = firstInvalidByte(view)
  const value = (view[at] ?? 0).toString(16).padStart(2, '0')
  throw new EngineError(
    'INVALID_TEXT',
    `it is not UTF-8: byte 0x${value} at offset ${offset + at} is not valid there; save it as UTF-8`,
  )
}

/** UTF-16 by its byte order mark. */
export function utf16Of(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return undefined
}

export function hasUtf8Mark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
}

/**
 * A strict decoder for chunks of UTF-16.
 *
 * @returns a function of the next chunk (without the byte order mark) and whether it is the last one; it throws
 * EngineError INVALID_TEXT
 */
export function utf16Decoder(
  encoding: 'utf-16le' | 'utf-16be',
): (chunk: Uint8Array, last: boolean) => string {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  return (chunk, last) => {
    try {
      return decoder.decode(chunk, { stream: !last })
    } catch (error) {
      throw new EngineError(
        'INVALID_TEXT',
        `its byte order mark says ${encoding.toUpperCase()}, but its bytes are not that; save it as UTF-8`,
        { cause: error },
      )
    }
  }
}

/**
 * A lenient decoder writes U+FFFD for what is invalid, and decodes exactly all before it: the first U+FFFD that does
 * not stand in the bytes marks the place.
 */
function firstInvalidByte(bytes: Buffer): number {
  const lenient = bytes.toString('utf8')
  let offset = 0
  let start = 0
  for (;;) {
    const found = lenient.indexOf('\ufffd', start)
    if (found < 0) return offset
    offset += Buffer.byteLength(lenient.slice(start, found))
    if (!bytes.subarray(offset, offset + 3).equals(REPLACEMENT)) return offset
    offset += 3
    start = found + 1
  }
}
