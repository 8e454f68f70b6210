import sharp from 'sharp'
import { type Random, seededRandom } from '#src/core/random.js'

/** What is done to a picture before it is the same one still. */
export const CHANGES = {
  jpeg: (png: Uint8Array) => sharp(png).jpeg({ quality: 40 }).toBuffer(),
  half: async (png: Uint8Array) => {
    const { width } = await sharp(png).metadata()
    return sharp(png)
      .resize(Math.round(width / 2))
      .png()
      .toBuffer()
  },
  crop: async (png: Uint8Array) => {
    const { width, height } = await sharp(png).metadata()
    const [left, top] = [Math.round(width * 0.05), Math.round(height * 0.05)]
    return sharp(png)
      .extract({ left, top, width: width - 2 * left, height: height - 2 * top })
      .png()
      .toBuffer()
  },
  bright: (png: Uint8Array) => sharp(png).linear(1.15, 0).png().toBuffer(),
  turn: (png: Uint8Array) => sharp(png).rotate(2, { background: '#000' }).png().toBuffer(),
} satisfies Record<string, (png: Uint8Array) => Promise<Uint8Array>>

export type Change = keyof typeof CHANGES

/** A seeded picture of coloured discs and bars on a slope of colours: no two seeds draw alike. */
export async function drawScene(seed: number, width = 180, height = 120): Promise<Uint8Array> {
  const random = seededRandom(seed * 7919 + 1)
  const shapes = Array.from({ length: 14 }, () => shape(random, width, height)).join('')
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="g" x2="${random.uniform()}" y2="1"><stop stop-color="${colour(random)}"/>
    <stop offset="1" stop-color="${colour(random)}"/></linearGradient>
    <rect width="${width}" height="${height}" fill="url(#g)"/>${shapes}</svg>`
  return sharp(Buffer.from(svg)).png().toBuffer()
}

function shape(random: Random, width: number, height: number): string {
  const [x, y] = [random.uniform() * width, random.uniform() * height]
  const size = 6 + random.uniform() * 22
  const fill = `fill="${colour(random)}"`
  return random.int(2) === 0
    ? `<circle cx="${x}" cy="${y}" r="${size}" ${fill}/>`
    : `<rect x="${x}" y="${y}" width="${size * 2}" height="${size / 1.5}" transform="rotate(${random.int(180)} ${x} ${y})" ${fill}/>`
}

function colour(random: Random): string {
  return `rgb(${[0, 0, 0].map(() => 20 + random.int(200)).join()})`
}

/** Bytes that are read and written are plain arrays, not Buffers. */
export async function changed(png: Uint8Array, change: Change): Promise<Uint8Array> {
  return new Uint8Array(await CHANGES[change](png))
}
