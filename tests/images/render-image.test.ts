import { createHash } from 'node:crypto'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '#src/core/limits.js'
import { hashImage } from '#src/images/hash-image.js'
import { renderImage, renderPixels } from '#src/images/render-image.js'
import { animated, blackPng, plain, pngOf, quarters, WRITERS } from './make-images.js'

const FORMATS = Object.keys(WRITERS)
const write = async (format: string, image: Sharp): Promise<Uint8Array> => {
  const writer = WRITERS[format]
  if (!writer) throw new Error(format)
  return writer(image).toBuffer()
}

/** The rendition's pixels, by another way than ours. */
async function seen(
  bytes: Uint8Array,
): Promise<{ width: number; height: number; at: (x: number, y: number) => number[] }> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return {
    width,
    height,
    at: (x, y) => [...data.subarray((y * width + x) * channels, (y * width + x) * channels + 3)],
  }
}

function expectNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  const furthest = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN))))
  expect(furthest, `${actual} near ${expected}`).toBeLessThanOrEqual(tolerance)
}

describe('renderImage', () => {
  it.each(FORMATS)('reads %s and keeps sides, colours and the hash of the file', async (format) => {
    const bytes = await write(format, quarters(40, 30))
    const { width, height, grey, hash, rendition } = await renderImage(bytes)
    expect({ width, height, grey }).toEqual({ width: 40, height: 30, grey: false })
    expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(rendition.type).toBe('image/png')
    const picture = await seen(rendition.bytes)
    expectNear(picture.at(8, 6), [224, 34, 34], 30)
    expectNear(picture.at(31, 6), [34, 204, 34], 30)
    expectNear(picture.at(8, 23), [34, 34, 224], 30)
  })

  it('makes a WebP of at most 256 pixels a side of what is larger than 64, and enlarges nothing', async () => {
    const render = async (width: number, height: number) => {
      const { rendition, ...rest } = await renderImage(await write('JPEG', quarters(width, height)))
      const { width: w, height: h, format } = await sharp(rendition.bytes).metadata()
      expect(rendition.type).toBe(`image/${format}`)
      expect(rest).toMatchObject({ width, height })
      return [w, h, format]
    }
    expect(await render(800, 400)).toEqual([256, 128, 'webp'])
    expect(await render(400, 801)).toEqual([128, 256, 'webp'])
    expect(await render(65, 20)).toEqual([65, 20, 'webp'])
    expect(await render(64, 20)).toEqual([64, 20, 'png'])
    expect(await render(3000, 2)).toEqual([256, 1, 'webp'])
  })

  it.each(FORMATS)('gives the same bytes for the same %s', async (format) => {
    const bytes = await write(format, quarters(300, 200))
    const [first, second] = await Promise.all([renderImage(bytes), renderImage(bytes)])
    expect(second).toEqual(first)
  })

  it.each(FORMATS)('takes a %s of one pixel', async (format) => {
    const { width, height, rendition } = await renderImage(await write(format, quarters(1, 1)))
    expect([width, height]).toEqual([1, 1])
    expect(await sharp(rendition.bytes).metadata()).toMatchObject({ width: 1, height: 1, format: 'png' })
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('turns a JPEG of EXIF orientation %i upright', async (orientation) => {
    const bytes = await quarters(60, 40).withMetadata({ orientation }).jpeg().toBuffer()
    const { width, height, rendition } = await renderImage(bytes)
    const { data, info } = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true })
    expect([width, height]).toEqual([info.width, info.height])
    const ours = await sharp(rendition.bytes).raw().toBuffer()
    expect(ours.equals(data)).toBe(true)
  })

  it('tells the upright sides of a turned photo, which its rendition has too', async () => {
    const bytes = await quarters(800, 400).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const { width, height, rendition } = await renderImage(bytes)
    expect([width, height]).toEqual([400, 800])
    expect(await sharp(rendition.bytes).metadata()).toMatchObject({ width: 128, height: 256 })
  })

  it('reads CMYK as the colours that it prints', async () => {
    const bytes = await quarters(40, 30).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()
    expect(await sharp(bytes).metadata()).toMatchObject({ space: 'cmyk', channels: 4 })
    const { grey, rendition } = await renderImage(bytes)
    expect(grey).toBe(false)
    const [r = 0, g = 0, b = 0] = (await seen(rendition.bytes)).at(8, 6)
    expect(r).toBeGreaterThan(150)
    expect(Math.max(g, b)).toBeLessThan(100)
  })

  it.each([
    ['grey', [0x8000], [128, 128, 128], true],
    ['colour', [0xffff, 0x8000, 0], [255, 128, 0], false],
    ['grey with alpha', [0, 0x8000], [127, 127, 127], true],
    ['colour with alpha', [0xffff, 0, 0, 0x4000], [255, 191, 191], false],
  ])('reads 16 bits a channel as 8: %s', async (_name, colour, expected, grey) => {
    const bytes = await plain(9, 7, colour, 16).png().toBuffer()
    expect(await sharp(bytes).metadata()).toMatchObject({ depth: 'ushort' })
    const rendered = await renderImage(bytes)
    expect(rendered.grey).toBe(grey)
    expectNear((await seen(rendered.rendition.bytes)).at(4, 3), expected, 1)
  })

  it.each(['PNG', 'WebP', 'GIF', 'AVIF'])('lays what is transparent in a %s on white', async (format) => {
    const clear = await renderImage(await write(format, plain(9, 7, [10, 20, 30, 0])))
    expectNear((await seen(clear.rendition.bytes)).at(4, 3), [255, 255, 255], 2)
    if (format === 'GIF') return
    const half = await renderImage(await write(format, plain(80, 70, [255, 0, 0, 128])))
    expectNear((await seen(half.rendition.bytes)).at(40, 30), [255, 127, 127], 6)
  })

  it.each(['gif', 'webp'] as const)('shows the first frame of a %s that moves', async (format) => {
    const bytes = await animated(format, ['#ff0000', '#00ff00', '#0000ff'])
    expect((await sharp(bytes).metadata()).pages).toBe(3)
    const { width, height, rendition } = await renderImage(bytes)
    expect([width, height]).toEqual([20, 10])
    expectNear((await seen(rendition.bytes)).at(10, 5), [255, 0, 0], 3)
  })

  it('knows a picture without colour, however it is stored, and keeps one channel of it', async () => {
    const palette = await plain(20, 20, [77, 77, 77]).png({ palette: true }).toBuffer()
    for (const bytes of [
      palette,
      await write('JPEG', plain(20, 20, [77, 77, 77])),
      await write('PNG', plain(20, 20, [77])),
    ]) {
      const { grey, rendition } = await renderImage(bytes)
      expect(grey).toBe(true)
      expect((await sharp(rendition.bytes).metadata()).channels).toBe(1)
    }
    expect((await renderImage(await write('JPEG', plain(300, 20, [77])))).grey).toBe(true)
    expect((await renderImage(await write('PNG', plain(20, 20, [77, 77, 90])))).grey).toBe(false)
  })
})

describe('bad pictures', () => {
  it.each(FORMATS)('refuses a %s that is cut short', async (format) => {
    const bytes = await write(format, quarters(300, 200))
    for (const part of [0.02, 0.3, 0.7, 0.99]) {
      await expect(renderImage(bytes.subarray(0, bytes.length * part))).rejects.toMatchObject({
        code: 'INVALID_IMAGE',
      })
    }
  })

  it('refuses progressive JPEG and interlaced PNG that are cut short', async () => {
    const jpeg = await quarters(300, 200).jpeg({ progressive: true }).toBuffer()
    const png = await quarters(300, 200).png({ progressive: true }).toBuffer()
    for (const bytes of [jpeg, png]) {
      const cut = bytes.subarray(0, bytes.length * 0.8)
      await expect(renderImage(cut)).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
    }
  })

  it.each([
    ['nothing', new Uint8Array(0), /empty/],
    [
      'a text',
      Buffer.from('dear diary, this is no picture'),
      /30 bytes .* expected PNG, JPEG, WebP, GIF or AVIF/,
    ],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /expected PNG/],
    ['only the signature of a PNG', pngOf(1, 1).subarray(0, 8), /the PNG cannot be decoded/],
    ['a PNG without pixels', pngOf(9, 9), /damaged or cut short/],
  ])('refuses %s', async (_name, bytes, message) => {
    const rendering = renderImage(bytes)
    await expect(rendering).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringMatching(message),
    })
  })

  it('refuses formats that its library could read, but that were not promised', async () => {
    const tiff = await quarters(9, 9).tiff().toBuffer()
    await expect(renderImage(tiff)).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
  })

  it('refuses by the header, before anything is decoded, what has too many pixels', async () => {
    const jpeg = Buffer.from(await write('JPEG', quarters(16, 16)))
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]))
    jpeg.writeUInt16BE(40_000, frame + 5)
    jpeg.writeUInt16BE(50_000, frame + 7)
    const gif = Buffer.from(await write('GIF', quarters(16, 16)))
    const webp = Buffer.from(await write('WebP', quarters(16, 16)))
    webp.writeUInt16LE(16_383, webp.indexOf('VP8 ') + 14)
    webp.writeUInt16LE(16_383, webp.indexOf('VP8 ') + 16)
    // its screen and its first frame, which is described after a byte 0x2c and where it lies
    for (const at of [6, gif.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 16, 0, 16, 0])) + 5]) {
      gif.writeUInt16LE(50_000, at)
      gif.writeUInt16LE(40_000, at + 2)
    }
    // none of these holds the pixels that it promises, so decoding would end otherwise
    for (const bomb of [pngOf(50_000, 40_000), jpeg, gif, webp]) {
      await expect(renderImage(bomb)).rejects.toMatchObject({
        code: 'IMAGE_TOO_LARGE',
        details: { width: expect.any(Number), maxPixels: LIMITS.imagePixels },
        message: expect.stringMatching(/\d{5} x \d{5} pixels, at most 150000000/),
      })
    }
  })

  it('takes smaller AVIFs only, which are decoded whole', async () => {
    const avif = Buffer.from(await write('AVIF', quarters(16, 16)))
    avif.writeUInt32BE(12_000, avif.indexOf('ispe') + 8)
    avif.writeUInt32BE(12_000, avif.indexOf('ispe') + 12)
    await expect(renderImage(avif)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: expect.stringContaining('AVIF has 12000 x 12000 pixels'),
    })
  })

  it('refuses more pixels than it was told to take', async () => {
    const bytes = await write('PNG', quarters(100, 100))
    await expect(renderImage(bytes, { maxPixels: 9_999 })).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' })
    await expect(renderImage(bytes, { maxPixels: 10_000 })).resolves.toMatchObject({ width: 100 })
  })

  it('takes 12,000 x 12,000 pixels in a fraction of their memory', async () => {
    const bytes = blackPng(12_000, 12_000)
    const before = process.resourceUsage().maxRSS
    let announced = 0
    const { width, height, rendition } = await renderImage(bytes, { beforeLarge: () => announced++ })
    const grown = (process.resourceUsage().maxRSS - before) / 1024
    expect([width, height, announced]).toEqual([12_000, 12_000, 1])
    expect(await sharp(rendition.bytes).metadata()).toMatchObject({ width: 256, height: 256 })
    // decoded it has 412 MB
    expect(grown).toBeLessThan(200)
  })
})

describe('renderPixels', () => {
  it('keeps small pixels as they are', async () => {
    const values = Uint8Array.from({ length: 28 * 20 }, (_, i) => (i * 7) % 256)
    const rendered = await renderPixels({ width: 28, height: 20, channels: 1, values })
    expect(rendered).toMatchObject({ width: 28, height: 20, grey: true, rendition: { type: 'image/png' } })
    const back = await sharp(rendered.rendition.bytes).toColourspace('b-w').raw().toBuffer()
    expect(back.equals(values)).toBe(true)
  })

  it('tells pixels of other sides apart by their hash', async () => {
    const values = new Uint8Array(12)
    const hashes = [
      { width: 12, height: 1, channels: 1 as const, values },
      { width: 1, height: 12, channels: 1 as const, values },
      { width: 4, height: 1, channels: 3 as const, values },
    ].map(hashImage)
    expect(new Set(hashes).size).toBe(3)
    expect((await renderPixels({ width: 12, height: 1, channels: 1, values })).hash).toBe(hashes[0])
  })

  it('makes large pixels small', async () => {
    const values = new Uint8Array(600 * 300 * 3).fill(200)
    const { width, height, grey, rendition } = await renderPixels({
      width: 600,
      height: 300,
      channels: 3,
      values,
    })
    expect({ width, height, grey }).toEqual({ width: 600, height: 300, grey: true })
    expect(await sharp(rendition.bytes).metadata()).toMatchObject({ width: 256, height: 128, format: 'webp' })
  })

  it('refuses values that do not fill the sides', async () => {
    const pixels = { width: 3, height: 3, channels: 1 as const, values: new Uint8Array(8) }
    await expect(renderPixels(pixels)).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
  })
})
