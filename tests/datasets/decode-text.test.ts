import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeText } from '#src/datasets/decode-text.js'

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

describe('decodeText', () => {
  it('gives back any text in UTF-8, with and without a byte order mark', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.startsWith('\ufeff'))
        expect(decodeText(Buffer.from(text)) === text).toBe(true)
        expect(decodeText(Buffer.from(`\ufeff${text}`)) === text).toBe(true)
      }),
    )
  })

  it('reads UTF-16 of both byte orders by their mark', () => {
    expect(decodeText(Buffer.from('\ufeff日本語 😀', 'utf16le'))).toBe('日本語 😀')
    expect(decodeText(utf16be('\ufeff日本語 😀'))).toBe('日本語 😀')
  })

  it.each([
    ['Latin-1', Buffer.from('caf\xe9 au lait', 'latin1'), '0xe9 at offset 3'],
    [
      'after a real U+FFFD',
      Buffer.concat([Buffer.from('日\ufffd'), Buffer.from([0xff])]),
      '0xff at offset 6',
    ],
    ['after a mark', Buffer.concat([Buffer.from('\ufeffab'), Buffer.from([0x80])]), '0x80 at offset 5'],
    ['cut in a character', Buffer.from('ab日').subarray(0, 4), '0xe6 at offset 2'],
    ['an encoded surrogate', Buffer.from([0x61, 0xed, 0xa0, 0x80]), '0xed at offset 1'],
    ['an overlong slash', Buffer.from([0xc0, 0xaf]), '0xc0 at offset 0'],
  ])('names the first byte that is not UTF-8: %s', (_name, bytes, place) => {
    expect(() => decodeText(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_TEXT' }))
    expect(() => decodeText(bytes)).toThrow(place)
  })

  it('refuses UTF-16 with half a pair, or cut in the middle', () => {
    const refusal = expect.objectContaining({ code: 'INVALID_TEXT' })
    expect(() => decodeText(Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00]))).toThrow(refusal)
    expect(() => decodeText(Buffer.from([0xff, 0xfe, 0x41]))).toThrow(refusal)
  })
})
