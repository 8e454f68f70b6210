import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decodePixels } from '#src/images/decode-pixels.js'
import { encodePng } from '#src/images/encode-png.js'
import { renderImage } from '#src/images/render-image.js'
import { plain, pngOf, quarters, WRITERS } from './make-images.js'

/** How far two pictures' values are apart at most. */
function furthest(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0)
}

describe('decodePixels', () => {
  it.each(Object.entries(WRITERS))(
    'stretches a %s to the very sides, in grey and in colour',
    async (_name, write) => {
      const bytes = await write(quarters(60, 40)).toBuffer()
      for (const channels of [1, 3] as const) {
        const pixels = await decodePixels(bytes, { width: 17, height: 31, channels })
        expect(pixels).toMatchObject({ width: 17, height: 31, channels })
        expect(pixels.values).toHaveLength(17 * 31 * channels)
      }
    },
  )

  it('gives the values of a small PNG as they are, as a library does', async () => {
    const bytes = await quarters(28, 28).png().toBuffer()
    const { values } = await decodePixels(bytes, { width: 28, height: 28, channels: 3 })
    expect(furthest(values, await sharp(bytes).raw().toBuffer())).toBe(0)
    const grey = await plain(28, 28, [99]).png().toBuffer()
    expect(new Set((await decodePixels(grey, { width: 28, height: 28, channels: 1 })).values)).toEqual(
      new Set([99]),
    )
    expect(new Set((await decodePixels(grey, { width: 28, height: 28, channels: 3 })).values)).toEqual(
      new Set([99]),
    )
    expect(new Set((await decodePixels(grey, { width: 9, height: 5, channels: 3 })).values)).toEqual(
      new Set([99]),
    )
  })

  it.each([
    ['red', [255, 0, 0], 0.2126],
    ['green', [0, 255, 0], 0.7152],
    ['blue', [0, 0, 255], 0.0722],
  ])('makes grey of %s by the Rec. 709 weights on linear light', async (_name, colour, weight) => {
    // the sRGB transfer function, IEC 61966-2-1
    const expected = 255 * (1.055 * weight ** (1 / 2.4) - 0.055)
    const [grey = 0] = (
      await decodePixels(await plain(8, 8, colour).png().toBuffer(), { width: 8, height: 8, channels: 1 })
    ).values
    expect(Math.abs(grey - expected)).toBeLessThan(2)
  })

  it('turns upright before it stretches', async () => {
    const bytes = await quarters(60, 40).withMetadata({ orientation: 6 }).png().toBuffer()
    const { values } = await decodePixels(bytes, { width: 2, height: 2, channels: 3 })
    // blue comes from the lower left to the upper left, red to the upper right
    expect(values[2]).toBeGreaterThan(150)
    expect(values[3]).toBeGreaterThan(150)
  })

  it('stretches 1 x 1 pixel to anything', async () => {
    const bytes = await plain(1, 1, [10, 20, 30]).png().toBuffer()
    const { values } = await decodePixels(bytes, { width: 5, height: 4, channels: 3 })
    expect(
      furthest(
        values,
        Uint8Array.from({ length: 60 }, (_, i) => 10 * (1 + (i % 3))),
      ),
    ).toBe(0)
  })

  it('reads renditions of photos', async () => {
    const { rendition } = await renderImage(await quarters(800, 600).jpeg().toBuffer())
    const { values } = await decodePixels(rendition.bytes, { width: 2, height: 2, channels: 3 })
    expect(values[0]).toBeGreaterThan(180)
    expect(values[8]).toBeGreaterThan(180)
  })

  it.each([
    ['a text', Buffer.from('no picture'), 'INVALID_IMAGE'],
    ['a PNG without pixels', pngOf(28, 28), 'INVALID_IMAGE'],
    ['a bomb', pngOf(50_000, 50_000), 'IMAGE_TOO_LARGE'],
  ])('refuses %s', async (_name, bytes, code) => {
    await expect(decodePixels(bytes, { width: 28, height: 28, channels: 1 })).rejects.toMatchObject({ code })
  })
})

describe('encodePng', () => {
  it.each([
    [1, 1, 1],
    [28, 28, 1],
    [33, 17, 3],
    [300, 300, 1],
    [300, 300, 3],
  ] as const)(
    'writes %i x %i pixels of %i channels without a loss, the same each time',
    async (width, height, channels) => {
      const values = Uint8Array.from(
        { length: width * height * channels },
        (_, i) => (i * 31 + (i >> 5)) % 256,
      )
      const pixels = { width, height, channels, values }
      const png = await encodePng(pixels)
      expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width, height, channels })
      const back = await sharp(png)
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer()
      expect(furthest(back, values)).toBe(0)
      expect(Buffer.compare(await encodePng(pixels), png)).toBe(0)
      const again = await decodePixels(png, { width, height, channels })
      expect(furthest(again.values, values)).toBe(0)
    },
  )

  it.each([
    ['too few values', { width: 2, height: 2, channels: 1, values: new Uint8Array(3) }],
    ['a side of 0', { width: 0, height: 2, channels: 1, values: new Uint8Array(0) }],
    ['two channels', { width: 1, height: 1, channels: 2 as 3, values: new Uint8Array(2) }],
  ] as const)('refuses %s', async (_name, pixels) => {
    await expect(encodePng(pixels)).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
  })
})
