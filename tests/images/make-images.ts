import { deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import { seededRandom } from '#src/core/random.js'

/** A picture whose upper left is red, upper right green, lower left blue and lower right grey, with a little noise. */
export function quarters(width: number, height: number): Sharp {
  const random = seededRandom(1)
  const colours = [
    [220, 30, 30],
    [30, 200, 30],
    [30, 30, 220],
    [128, 128, 128],
  ]
  const values = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = colours[(x * 2 < width ? 0 : 1) + (y * 2 < height ? 0 : 2)] ?? []
      for (let c = 0; c < 3; c++) values[(y * width + x) * 3 + c] = (colour[c] ?? 0) + random.int(8)
    }
  }
  return sharp(values, { raw: { width, height, channels: 3 } })
}

/** One colour, 1 to 4 channels of 8 or 16 bits as they are. */
export function plain(width: number, height: number, colour: readonly number[], bits: 8 | 16 = 8): Sharp {
  const channels = colour.length as 1 | 2 | 3 | 4
  const values = new (bits === 8 ? Uint8Array : Uint16Array)(width * height * channels)
  for (let i = 0; i < values.length; i++) values[i] = colour[i % channels] ?? 0
  const image = sharp(values, { raw: { width, height, channels } })
  if (bits === 8) return channels < 3 ? image.toColourspace('b-w') : image
  return image.toColourspace(channels < 3 ? 'grey16' : 'rgb16')
}

/** The five formats that are read. */
export const WRITERS: Record<string, (image: Sharp) => Sharp> = {
  PNG: (image) => image.png(),
  JPEG: (image) => image.jpeg(),
  WebP: (image) => image.webp(),
  GIF: (image) => image.gif(),
  AVIF: (image) => image.avif({ effort: 0 }),
}

/** Frames of one colour each, as a GIF or WebP that moves. */
export async function animated(format: 'gif' | 'webp', colours: readonly string[]): Promise<Uint8Array> {
  const frames = await Promise.all(
    colours.map((background) =>
      sharp({ create: { width: 20, height: 10, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  )
  return sharp(frames, { join: { animated: true } })
    .toFormat(format, { lossless: true })
    .toBuffer()
}

/** A PNG of 1 bit a pixel, black but for the first row of the lower half, quickly made at any size. */
export function blackPng(width: number, height: number): Uint8Array {
  const row = Math.ceil(width / 8) + 1
  const lines = new Uint8Array(row * height)
  lines.fill(0xff, row * (height >> 1) + 1, row * ((height >> 1) + 1))
  return pngOf(width, height, { bits: 1, lines: deflateSync(lines, { level: 1 }) })
}

/** A PNG of chunks, with these sides in its header and whatever lies in `lines`. */
export function pngOf(
  width: number,
  height: number,
  { bits = 8, colour = 0, interlaced = 0, lines = new Uint8Array(0) }: Partial<PngParts> = {},
): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([bits, colour, 0, 0, interlaced], 8)
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const chunks = [chunk('IHDR', header), chunk('IDAT', lines), chunk('IEND', new Uint8Array(0))]
  return new Uint8Array(Buffer.concat([signature, ...chunks]))
}

interface PngParts {
  bits: number
  /** 0 grey, 2 RGB, 3 palette, 6 RGB and alpha. */
  colour: number
  interlaced: number
  /** Deflated rows, each behind the number of its filter. */
  lines: Uint8Array
}

/** Length, name, content and checksum, as PNG puts them. */
export function chunk(name: string, content: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content])
  const bytes = Buffer.alloc(body.length + 8)
  bytes.writeUInt32BE(content.length)
  body.copy(bytes, 4)
  bytes.writeUInt32BE(crcOf(body), body.length + 4)
  return bytes
}

/** CRC-32 bit by bit, unlike the table that is tested with it. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}
