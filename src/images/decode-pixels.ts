import type { Pixels } from '../core/image-encoder.js'
import { LIMITS } from '../core/limits.js'
import { readHeader, readPixels } from './open-image.js'
import { readPlainPng } from './plain-png.js'
import { swapsSides, upright } from './upright.js'

/**
 * Decodes a picture and stretches it to exactly `width` x `height`: the first frame, upright, 8 bits of sRGB, alpha on
 * white. Grey is the luminance (Rec. 709 weights on linear light); a grey picture asked for in colour has three equal
 * channels.
 *
 * @param bytes PNG, JPEG, WebP, GIF or AVIF
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE
 */
export async function decodePixels(
  bytes: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: 1 | 3 },
): Promise<Pixels> {
  const plain = readPlainPng(bytes)
  if (plain?.width === width && plain.height === height) {
    if (plain.channels === channels) return plain
    if (plain.channels === 1) return { width, height, channels, values: tripled(plain.values) }
  }
  const maxPixels = LIMITS.imagePixels
  const { orientation } = await readHeader(bytes, maxPixels)
  const stored = swapsSides(orientation) ? { width: height, height: width } : { width, height }
  return upright(await readPixels(bytes, { ...stored, channels, maxPixels }), orientation)
}

function tripled(grey: Uint8Array): Uint8Array {
  const values = new Uint8Array(grey.length * 3)
  for (let i = 0; i < grey.length; i++) values.fill(grey[i] as number, i * 3, i * 3 + 3)
  return values
}
