import { createReadStream, type ReadStream } from 'node:fs'
import { hasUtf8Mark, utf16Decoder, utf16Of } from './decode-text.js'

/** Reads a file in pieces. Fails as the operating system does, when the first piece is asked for. */
export function openFile(path: string): ReadStream {
  return createReadStream(path, { highWaterMark: 1 << 18 })
}

/** Passes bytes on and tells how many went by. */
export async function* countBytes(
  chunks: AsyncIterable<Uint8Array | string>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    onBytes(bytes.length)
    yield bytes
  }
}

/**
 * Takes a byte order mark off, and makes UTF-16 that has one into UTF-8. Whether the rest is UTF-8 is not checked.
 *
 * @throws EngineError INVALID_TEXT on bytes that are not the UTF-16 they claim to be
 */
export async function* toUtf8(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = Buffer.alloc(0)
  let decode: ReturnType<typeof utf16Decoder> | undefined
  for await (const chunk of chunks) {
    let bytes = chunk
    if (head !== undefined) {
      head = Buffer.concat([head, chunk])
      if (head.length < 3) continue
      decode = decoderOf(head)
      bytes = withoutMark(head)
      head = undefined
    }
    yield decode === undefined ? bytes : Buffer.from(decode(bytes, false))
  }
  if (head !== undefined) {
    decode = decoderOf(head)
    yield decode === undefined ? withoutMark(head) : Buffer.from(decode(withoutMark(head), true))
  } else if (decode !== undefined) {
    yield Buffer.from(decode(new Uint8Array(0), true))
  }
}

function decoderOf(head: Uint8Array): ReturnType<typeof utf16Decoder> | undefined {
  const encoding = utf16Of(head)
  return encoding === undefined ? undefined : utf16Decoder(encoding)
}

function withoutMark(head: Uint8Array): Uint8Array {
  if (utf16Of(head) !== undefined) return head.subarray(2)
  return hasUtf8Mark(head) ? head.subarray(3) : head
}
