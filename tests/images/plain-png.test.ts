import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { readPlainPng, writePlainPng } from '#src/images/plain-png.js'
import { chunk, pngOf, quarters } from './make-images.js'

const arbitraryPixels = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain(({ width, height, channels }) =>
    fc
      .uint8Array({ minLength: width * height * channels, maxLength: width * height * channels })
      .map((values) => ({ width, height, channels: channels as 1 | 3, values })),
  )

describe('readPlainPng', () => {
  it('reads what writePlainPng writes', () => {
    fc.assert(
      fc.property(arbitraryPixels, (pixels) => {
        expect(readPlainPng(writePlainPng(pixels))).toEqual(pixels)
      }),
      { numRuns: 50 },
    )
  })

  it('takes off every filter that a library puts on', async () => {
    const { data } = await quarters(61, 43).raw().toBuffer({ resolveWithObject: true })
    const adaptive = await quarters(61, 43).png({ adaptiveFiltering: true }).toBuffer()
    expect(readPlainPng(adaptive)).toEqual({
      width: 61,
      height: 43,
      channels: 3,
      values: new Uint8Array(data),
    })
    // each filter on its own, undone by libpng as well
    for (const filter of [0, 1, 2, 3, 4]) {
      const lines = Uint8Array.from({ length: 20 * 16 }, (_, i) => (i % 16 === 0 ? filter : (i * 37) % 256))
      const png = pngOf(5, 20, { colour: 2, lines: deflateSync(lines) })
      const expected = await sharp(png).raw().toBuffer()
      expect(readPlainPng(png)?.values, `filter ${filter}`).toEqual(new Uint8Array(expected))
    }
  })

  it('leaves to the library whatever is more than plain', async () => {
    const picture = (): Sharp => quarters(20, 20)
    const files = await Promise.all([
      picture().png({ palette: true }).toBuffer(),
      picture().png({ progressive: true }).toBuffer(),
      picture().ensureAlpha().png().toBuffer(),
      picture().toColourspace('rgb16').png().toBuffer(),
      picture().withMetadata({ orientation: 6 }).png().toBuffer(),
      picture().withIccProfile('p3').png().toBuffer(),
      quarters(257, 20).png().toBuffer(),
      picture().jpeg().toBuffer(),
    ])
    expect(files.map(readPlainPng)).toEqual(files.map(() => undefined))
  })

  it('leaves damaged files to the library, and never fails', () => {
    const sound = writePlainPng({ width: 9, height: 7, channels: 1, values: new Uint8Array(63).fill(5) })
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = new Uint8Array(sound)
        damaged[at] = (damaged[at] ?? 0) ^ change
        expect(readPlainPng(damaged)).toBeUndefined()
        expect(readPlainPng(sound.subarray(0, at))).toBeUndefined()
      }),
      { numRuns: 200 },
    )
    const bomb = pngOf(9, 7, { lines: deflateSync(new Uint8Array(1 << 24)) })
    const filter5 = pngOf(1, 1, { lines: deflateSync(Uint8Array.of(5, 0)) })
    const short = pngOf(9, 7, { lines: deflateSync(new Uint8Array(69)) })
    for (const file of [
      bomb,
      filter5,
      short,
      Buffer.concat([sound.subarray(0, 8), chunk('IEND', new Uint8Array(0))]),
    ]) {
      expect(readPlainPng(file)).toBeUndefined()
    }
  })
})
