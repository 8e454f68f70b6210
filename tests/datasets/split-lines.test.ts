import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitLines } from '#src/datasets/split-lines.js'

async function lines(chunks: readonly Uint8Array[], maxBytes: number): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* chunks
  }
  for await (const line of splitLines(source(), maxBytes)) {
    expect(line.number).toBe(found.length + 1)
    found.push(line.bytes && Buffer.from(line.bytes).toString('latin1'))
  }
  return found
}

describe('splitLines', () => {
  it('gives the same lines however the bytes are cut, and tells those that are too long', async () => {
    const content = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r\n'), maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 8 }),
        async (text, piece, max) => {
          const bytes = Buffer.from(text)
          const chunks: Buffer[] = []
          for (let at = 0; at < bytes.length; at += piece) chunks.push(bytes.subarray(at, at + piece))
          const expected = text.split(/\r?\n/)
          if (expected.at(-1) === '') expected.pop()
          expect(await lines(chunks, max)).toEqual(
            expected.map((line) => (line.length > max ? undefined : line)),
          )
        },
      ),
    )
  })
})
