import type { ImageEncoderKind } from '../../core/image-encoder.js'
import { LIMITS } from '../../core/limits.js'
import { decodePixels } from '../../images/decode-pixels.js'
import { readHeader } from '../../images/open-image.js'

/** The shape that all images of an encoder are brought to. */
export interface InputShape {
  /** Width and height, in pixels. */
  size: number
  channels: 1 | 3
}

/** Images that are enough to choose by. */
export const SHAPE_SAMPLE = 256

/** Of a collection of grey pictures a few may have colour, such as a stamp on a scan. */
const GREY_SHARE = 0.95

/** Channels differ by so much where a grey picture was compressed in colour. */
const GREY_TOLERANCE = 8

/** Side at which colours are looked for. */
const PROBE = 32

/** The largest side chosen: more pixels cost time and memory by their square, and fitted encoders blur them anyway. */
const LARGEST = 64

/** What the descriptor wants of photos: filters of four octaves need it. */
const DESCRIPTOR_PHOTO = 128

/**
 * Chooses a shape by a sample of the collection: grey if 95 of 100 pictures are; the median of their longer sides,
 * down to a multiple of 4, in 8 to 64. The descriptor looks at colour pictures at 128 x 128, at small ones at 64 x 64.
 *
 * @param sample renditions, at least one
 * @param wanted what the caller settled already
 * @throws EngineError INVALID_IMAGE, with the position in the sample as `details.index`
 */
export async function chooseShape(
  kind: ImageEncoderKind,
  sample: readonly Uint8Array[],
  wanted: Partial<InputShape> = {},
): Promise<InputShape> {
  const channels = wanted.channels ?? (await chooseChannels(sample))
  if (wanted.size !== undefined) return { size: wanted.size, channels }
  const sides = await Promise.all(
    sample.map(async (bytes) => {
      const { width, height } = await readHeader(bytes, LIMITS.imagePixels)
      return Math.max(width, height)
    }),
  )
  sides.sort((a, b) => a - b)
  const median = sides[sides.length >> 1] ?? LARGEST
  // a quarter of the work, for pictures that are small anyway
  if (kind === 'descriptor' && channels === 3) {
    return { size: median < DESCRIPTOR_PHOTO ? DESCRIPTOR_PHOTO / 2 : DESCRIPTOR_PHOTO, channels }
  }
  return { size: Math.min(LARGEST, Math.max(8, median - (median % 4))), channels }
}

async function chooseChannels(sample: readonly Uint8Array[]): Promise<1 | 3> {
  let grey = 0
  for (const bytes of sample) {
    const { values } = await decodePixels(bytes, { width: PROBE, height: PROBE, channels: 3 })
    if (isGrey(values)) grey++
  }
  return grey >= GREY_SHARE * sample.length ? 1 : 3
}

function isGrey(values: Uint8Array): boolean {
  for (let i = 0; i < values.length; i += 3) {
    const [r, g, b] = [values[i] as number, values[i + 1] as number, values[i + 2] as number]
    if (Math.max(r, g, b) - Math.min(r, g, b) > GREY_TOLERANCE) return false
  }
  return true
}
