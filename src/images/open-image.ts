import sharp, { type Sharp } from 'sharp'
import { EngineError } from '../core/errors.js'
import type { Pixels } from '../core/image-encoder.js'
import { imageType } from './image-type.js'

// pictures come once each, so nothing is worth keeping; several are read at the same time, so each takes one thread
sharp.cache(false)
sharp.concurrency(1)

/** An AVIF is decoded whole, in 17 bytes a pixel as measured; the other formats take 8 at most. */
const AVIF_PIXELS = 64_000_000

/** What a file says of its picture before anything is decoded. */
export interface ImageHeader {
  /** As stored, not turned yet. */
  width: number
  height: number
  /** 1 to 8, as EXIF counts: how the stored rows must be turned to be upright. */
  orientation: number
}

/**
 * Reads a picture's header.
 *
 * @param maxPixels of width times height
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE
 */
export async function readHeader(bytes: Uint8Array, maxPixels: number): Promise<ImageHeader> {
  const {
    width,
    height,
    format,
    compression,
    orientation = 1,
  } = await decoding(bytes, () => sharp(bytes, { limitInputPixels: false, sequentialRead: true }).metadata())
  // all that libvips reads as HEIF begins like AVIF, but only AV1 is AVIF
  if (format === 'heif' && compression !== 'av1') throw unknownFormat(bytes)
  const most = format === 'heif' ? Math.min(maxPixels, AVIF_PIXELS) : maxPixels
  if (width * height > most) {
    const kind = most < maxPixels ? 'AVIF' : 'image'
    throw new EngineError(
      'IMAGE_TOO_LARGE',
      `the ${kind} has ${width} x ${height} pixels, at most ${most} in all are taken; make it smaller first`,
      { details: { width, height, maxPixels: most } },
    )
  }
  return { width, height, orientation }
}

/**
 * Decodes the first frame, stretched to `width` x `height` as stored: 8 bits a channel, sRGB, alpha on white. Rows are
 * read one after the other and shrunk as they come, so memory is bounded by what the format itself must hold.
 *
 * @throws EngineError INVALID_IMAGE
 */
export async function readPixels(
  bytes: Uint8Array,
  { width, height, channels, maxPixels }: Omit<Pixels, 'values'> & { maxPixels: number },
): Promise<Pixels> {
  const { data, info } = await decoding(bytes, () => {
    const image = sharp(bytes, { limitInputPixels: maxPixels, sequentialRead: true, failOn: 'error' })
      .flatten({ background: '#fff' })
      .resize(width, height, { fit: 'fill' })
    const coloured = channels === 1 ? image.greyscale() : image.toColourspace('srgb')
    return coloured.raw().toBuffer({ resolveWithObject: true })
  })
  if (info.channels !== channels) {
    throw new EngineError('INTERNAL', `an image was decoded to ${info.channels} channels, not ${channels}`)
  }
  return { width, height, channels, values: plainArray(data) }
}

/** A picture of pixels, to be written in a format. */
export function openPixels({ values, width, height, channels }: Pixels): Sharp {
  return sharp(values, { raw: { width, height, channels } })
}

/**
 * The bytes of a Buffer in memory of their own, which can be handed to another thread. That of a Buffer made by a native
 * addon cannot from Node 24 on, so it is always copied.
 */
export function plainArray(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}

/** Runs it on bytes of a known format; what fails is the picture's fault. */
async function decoding<T>(bytes: Uint8Array, run: () => Promise<T>): Promise<T> {
  const type = imageType(bytes)
  if (type === undefined) throw unknownFormat(bytes)
  try {
    return await run()
  } catch (cause) {
    const name = FORMAT_NAMES[type] ?? type
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    throw new EngineError(
      'INVALID_IMAGE',
      `the ${name} cannot be decoded: it is damaged or cut short (${reason})`,
      {
        cause,
      },
    )
  }
}

const FORMAT_NAMES: Record<string, string> = {
  'image/png': 'PNG',
  'image/jpeg': 'JPEG',
  'image/webp': 'WebP',
  'image/gif': 'GIF',
  'image/avif': 'AVIF',
}

function unknownFormat(bytes: Uint8Array): EngineError {
  const found =
    bytes.length === 0 ? 'the image is empty' : `the image's ${bytes.length} bytes are of another kind`
  return new EngineError('INVALID_IMAGE', `${found}, expected PNG, JPEG, WebP, GIF or AVIF`)
}
