/** A line without its line break, or `undefined` bytes where it was too long to keep. */
export interface Line {
  /** Counted from 1. */
  number: number
  bytes: Uint8Array | undefined
}

const LF = 10
const CR = 13

/**
 * Splits bytes at `\n` or `\r\n`. Never holds more than one chunk and one line.
 *
 * @param maxBytes a longer line is passed over and told without its bytes
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let length = 0
  let number = 1
  const keep = (part: Uint8Array): void => {
    length += part.length
    if (length > maxBytes + 1)
      parts = [] // one more for the \r
    else if (part.length > 0) parts.push(part)
  }
  const take = (): Line => {
    const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
    const bytes = whole.at(-1) === CR ? whole.subarray(0, -1) : whole
    const tooLong = length > maxBytes + 1 || bytes.length > maxBytes
    const line = { number, bytes: tooLong ? undefined : bytes }
    parts = []
    length = 0
    number++
    return line
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      keep(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    keep(chunk.subarray(start))
  }
  if (length > 0) yield take()
}
