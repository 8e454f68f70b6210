import sharp from 'sharp'
import { type Random, seededRandom } from '#src/core/random.js'

/** What a drawn picture shows. */
export const SHAPES = ['disc', 'bar', 'cross'] as const
export type Shape = (typeof SHAPES)[number]

/** A grey picture of one shape, somewhere, with a little noise; row-major, shape [side, side]. */
export function drawShape(shape: Shape, random: Random, side = 16): Uint8Array {
  const x = side * (0.4 + 0.2 * random.uniform())
  const y = side * (0.4 + 0.2 * random.uniform())
  const size = side * (0.2 + 0.1 * random.uniform())
  const inside = {
    disc: (dx: number, dy: number) => Math.hypot(dx, dy) < size,
    bar: (dx: number, dy: number) => Math.abs(dx) < size * 0.4 && Math.abs(dy) < size * 1.6,
    cross: (dx: number, dy: number) =>
      Math.min(Math.abs(dx), Math.abs(dy)) < size * 0.3 && Math.max(Math.abs(dx), Math.abs(dy)) < size * 1.4,
  }[shape]
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const noise = 20 * random.uniform()
    return Math.round(noise + (inside((i % side) - x, Math.floor(i / side) - y) ? 200 : 10))
  })
}

export interface DrawnImage {
  id: string
  shape: Shape
  png: Uint8Array
}

/** Seeded pictures of all shapes in turn, as PNG files. */
export async function drawnImages(count: number, seed = 1, side = 16): Promise<DrawnImage[]> {
  const random = seededRandom(seed)
  const drawn = Array.from({ length: count }, (_, i) => {
    const shape = SHAPES[i % SHAPES.length] ?? 'disc'
    return { id: `${shape} ${i}`, shape, pixels: drawShape(shape, random, side) }
  })
  return Promise.all(
    drawn.map(async ({ id, shape, pixels }) => ({ id, shape, png: await pngOf(pixels, side) })),
  )
}

/** The same in colour: a shape of one colour, the ground of another; row-major, shape [side, side, 3]. */
export function drawColourShape(shape: Shape, random: Random, side = 16): Uint8Array {
  const grey = drawShape(shape, random, side)
  const colour = () => [random.uniform(), random.uniform(), random.uniform()]
  const [ink, ground] = [colour(), colour()]
  return Uint8Array.from({ length: 3 * side * side }, (_, i) => {
    const share = (grey[Math.floor(i / 3)] ?? 0) / 255
    return Math.round(255 * (share * (ink[i % 3] ?? 0) + (1 - share) * (ground[i % 3] ?? 0)))
  })
}

/** Seeded pictures in colour of all shapes in turn, as PNG files. */
export async function drawnColourImages(count: number, seed = 1, side = 16): Promise<DrawnImage[]> {
  const random = seededRandom(seed)
  const drawn = Array.from({ length: count }, (_, i) => {
    const shape = SHAPES[i % SHAPES.length] ?? 'disc'
    return { id: `${shape} ${i}`, shape, pixels: drawColourShape(shape, random, side) }
  })
  return Promise.all(
    drawn.map(async ({ id, shape, pixels }) => ({ id, shape, png: await pngOf(pixels, side, 3) })),
  )
}

/** Pixels as a PNG file, grey unless it is told otherwise. */
export async function pngOf(pixels: Uint8Array, side: number, channels: 1 | 3 = 1): Promise<Uint8Array> {
  const raw = { width: side, height: pixels.length / (side * channels), channels }
  return new Uint8Array(await sharp(pixels, { raw }).png().toBuffer())
}
