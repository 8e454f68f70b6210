import type { Pixels } from '../core/image-encoder.js'
import { LIMITS } from '../core/limits.js'
import { checkPixels, encodePng } from './encode-png.js'
import { hashImage } from './hash-image.js'
import { openPixels, plainArray, readHeader, readPixels } from './open-image.js'
import { readPlainPng } from './plain-png.js'
import { swapsSides, upright } from './upright.js'

/** A picture made small, with what is known of it as it was given. */
export interface RenderedImage {
  /** As given, upright. */
  width: number
  height: number
  /** See `hashImage`. */
  hash: string
  /** Whether it shows no colour. */
  grey: boolean
  /** At most 256 pixels a side: PNG if it has at most 64 x 64, else WebP. */
  rendition: { bytes: Uint8Array; type: string }
}

export interface RenderImageOptions {
  /** Of width times height; more is refused before anything is decoded. Default: the limit of all pictures. */
  maxPixels?: number
  /** Called before a picture of more than 25 million pixels is decoded, which takes up to a gigabyte. */
  beforeLarge?: () => void
}

const LARGE_PIXELS = 25_000_000
/** Both sides at most so long: a PNG loses nothing and is small all the same. */
const PNG_SIDE = 64
/** Looks as it did in about a tenth of a PNG's bytes. More effort than 2 took twice the time for files as large. */
const WEBP = { quality: 90, effort: 2 }
/** Channels of a pixel that differ by no more than rounding in a colour profile makes them. */
const GREY_TOLERANCE = 2

/**
 * Makes a small rendition: the first frame, upright by its EXIF orientation, 8 bits of sRGB, alpha on white, longer side
 * at most 256 pixels and never enlarged. The same bytes give the same rendition. Takes a while: for worker threads.
 *
 * @param bytes PNG, JPEG, WebP, GIF or AVIF, told by their content
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE
 */
export async function renderImage(
  bytes: Uint8Array,
  options: RenderImageOptions = {},
): Promise<RenderedImage> {
  const { maxPixels = LIMITS.imagePixels, beforeLarge } = options
  const hash = hashImage(bytes)
  const plain = readPlainPng(bytes)
  if (plain && isSmall(plain))
    return { hash, width: plain.width, height: plain.height, ...(await rendition(plain)) }
  const { orientation, ...stored } = await readHeader(bytes, maxPixels)
  if (stored.width * stored.height > LARGE_PIXELS) beforeLarge?.()
  const small = await readPixels(bytes, {
    ...fitWithin(stored, LIMITS.renditionSide),
    channels: 3,
    maxPixels,
  })
  const [width, height] = swapsSides(orientation)
    ? [stored.height, stored.width]
    : [stored.width, stored.height]
  return { width, height, hash, ...(await rendition(upright(small, orientation))) }
}

/**
 * As {@link renderImage}, of pixels that no file holds as a picture.
 *
 * @throws EngineError INVALID_IMAGE
 */
export async function renderPixels(pixels: Pixels): Promise<RenderedImage> {
  checkPixels(pixels)
  const { width, height } = pixels
  const hash = hashImage(pixels)
  if (isSmall(pixels)) return { width, height, hash, ...(await rendition(pixels)) }
  const png = await encodePng(pixels)
  return { ...(await renderImage(png)), hash }
}

function isSmall({ width, height }: Pixels): boolean {
  return Math.max(width, height) <= PNG_SIDE
}

async function rendition(pixels: Pixels): Promise<Pick<RenderedImage, 'grey' | 'rendition'>> {
  const found = pixels.channels === 1 ? pixels : greyOf(pixels)
  const grey = found !== undefined
  if (isSmall(pixels)) {
    return { grey, rendition: { bytes: await encodePng(found ?? pixels), type: 'image/png' } }
  }
  const bytes = await openPixels(found ?? pixels)
    .webp(WEBP)
    .toBuffer()
  return { grey, rendition: { bytes: plainArray(bytes), type: 'image/webp' } }
}

/** One channel of three, if they are the same everywhere. */
function greyOf({ width, height, values }: Pixels): Pixels | undefined {
  const grey = new Uint8Array(width * height)
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b] = [values[3 * i] as number, values[3 * i + 1] as number, values[3 * i + 2] as number]
    if (Math.max(r, g, b) - Math.min(r, g, b) > GREY_TOLERANCE) return undefined
    grey[i] = g
  }
  return { width, height, channels: 1, values: grey }
}

function fitWithin(
  { width, height }: { width: number; height: number },
  side: number,
): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
