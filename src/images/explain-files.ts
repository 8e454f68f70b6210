import type { Pixels } from '../core/image-encoder.js'
import { LIMITS } from '../core/limits.js'
import { decodePixels } from './decode-pixels.js'
import { explainImage, type ImageExplanation } from './explain-image.js'
import type { ImageSource } from './image-messages.js'
import { readHeader } from './open-image.js'
import { readPlainPng } from './plain-png.js'

/**
 * As `explainImage`, of pictures that may still be files. The reconstruction tells size and channels; a file is decoded
 * to them just as encoders decode it.
 *
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE
 */
export async function explainFiles(
  picture: ImageSource,
  reconstruction: ImageSource,
): Promise<ImageExplanation> {
  const made = reconstruction instanceof Uint8Array ? await decodeWhole(reconstruction) : reconstruction
  const { width, height, channels } = made
  const decoded =
    picture instanceof Uint8Array ? await decodePixels(picture, { width, height, channels }) : picture
  return explainImage({ picture: decoded, reconstruction: made })
}

/** Encoders write plain PNGs, which tell whether they are grey; any other picture is read in colour. */
async function decodeWhole(bytes: Uint8Array): Promise<Pixels> {
  const plain = readPlainPng(bytes)
  if (plain) return plain
  const { width, height } = await readHeader(bytes, LIMITS.renditionSide ** 2)
  return decodePixels(bytes, { width, height, channels: 3 })
}
