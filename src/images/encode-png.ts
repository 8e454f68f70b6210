import { EngineError } from '../core/errors.js'
import type { Pixels } from '../core/image-encoder.js'
import { openPixels, plainArray } from './open-image.js'
import { writePlainPng } from './plain-png.js'

/** Up to so many pixels zlib alone is quicker than a whole image library. */
const SMALL = 1 << 16

/**
 * Writes pixels as a PNG of 8 bits a channel, grey or RGB. The same pixels give the same bytes.
 *
 * @throws EngineError INVALID_IMAGE if sides and values do not agree
 */
export async function encodePng(pixels: Pixels): Promise<Uint8Array> {
  checkPixels(pixels)
  if (pixels.width * pixels.height <= SMALL) return writePlainPng(pixels)
  const image = openPixels(pixels)
  return plainArray(await (pixels.channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer())
}

/** @throws EngineError INVALID_IMAGE */
export function checkPixels({ width, height, channels, values }: Pixels): void {
  const sides = [width, height].every((side) => Number.isInteger(side) && side > 0)
  if (sides && (channels === 1 || channels === 3) && values.length === width * height * channels) return
  throw new EngineError(
    'INVALID_IMAGE',
    `the pixels are ${values.length} values, expected ${width} x ${height} with 1 or 3 channels, not ${channels}`,
  )
}
