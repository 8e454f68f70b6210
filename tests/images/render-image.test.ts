import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { decodePixels } from '#src/images/decode-pixels.js'
import { ImageWorkers } from '#src/images/image-workers.js'
import { PICTURES } from '../support/pictures.js'

const workers = ImageWorkers.create({ threads: 2 })
afterAll(() => workers.close())

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer)
const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c04020' } })

describe('rendering', () => {
  it.each(Object.entries(PICTURES))('reads %s', async (_type, bytes) => {
    const { width, height, rendition } = await workers.render(bytes)
    expect([width, height, rendition.type]).toEqual([2, 2, 'image/png'])
  })

  it('makes large pictures small, keeps small ones exact, and repeats', async () => {
    const large = plain(await picture(1000, 400).jpeg().toBuffer())
    const first = await workers.render(large)
    expect(await sharp(first.rendition.bytes).metadata()).toMatchObject({ width: 256, height: 102 })
    expect([first.width, first.height, first.rendition.type]).toEqual([1000, 400, 'image/webp'])
    expect(await workers.render(large)).toEqual(first)
    const one = await workers.render(plain(await picture(1, 1).png().toBuffer()))
    const { values } = await decodePixels(one.rendition.bytes, { width: 1, height: 1, channels: 3 })
    expect(Array.from(values)).toEqual([0xc0, 0x40, 0x20])
  })

  it('turns pictures upright, lays alpha on white, takes CMYK and 16 bits, and the first frame', async () => {
    const turned = plain(await picture(40, 20).withMetadata({ orientation: 6 }).jpeg().toBuffer())
    expect(await workers.render(turned)).toMatchObject({ width: 20, height: 40 })
    const clear = { create: { width: 3, height: 3, channels: 4 as const, background: '#00000000' } }
    const alpha = await workers.render(plain(await sharp(clear).png().toBuffer()))
    const { values } = await decodePixels(alpha.rendition.bytes, { width: 1, height: 1, channels: 1 })
    expect(values[0]).toBe(255)
    for (const file of [
      await picture(8, 8).toColourspace('cmyk').jpeg().toBuffer(),
      await picture(8, 8).toColourspace('rgb16').png().toBuffer(),
    ]) {
      const { rendition } = await workers.render(plain(file))
      const pixel = await decodePixels(rendition.bytes, { width: 1, height: 1, channels: 3 })
      expect(Math.abs((pixel.values[0] ?? 0) - 0xc0)).toBeLessThan(40)
    }
  })

  it('refuses what is damaged, what is no picture, and what is too large, by code', async () => {
    const png = PICTURES['image/png']
    const invalid = { code: 'INVALID_IMAGE' }
    await expect(workers.render(png.subarray(0, 60))).rejects.toMatchObject(invalid)
    await expect(workers.render(new TextEncoder().encode('a text called .png'))).rejects.toMatchObject(
      invalid,
    )
    await expect(workers.render(new Uint8Array())).rejects.toMatchObject(invalid)
    const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    await expect(workers.render(svg)).rejects.toMatchObject(invalid)
    // a header that says 40,000 x 40,000 over a few bytes
    const bomb = Buffer.from(png)
    bomb.writeUInt32BE(40_000, 16)
    bomb.writeUInt32BE(40_000, 20)
    await expect(workers.render(plain(bomb))).rejects.toMatchObject({
      code: expect.stringMatching(/^(IMAGE_TOO_LARGE|INVALID_IMAGE)$/),
    })
    const wide = plain(await picture(13_000, 12_000).png({ compressionLevel: 9 }).toBuffer())
    await expect(workers.render(wide)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      details: { width: 13_000, height: 12_000 },
    })
  })

  it('ends where it is cancelled or closed', async () => {
    const signal = AbortSignal.abort()
    await expect(workers.render(PICTURES['image/png'], { signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const other = ImageWorkers.create({ threads: 1 })
    await other.close()
    await expect(other.render(PICTURES['image/png'])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
