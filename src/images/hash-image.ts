import { createHash } from 'node:crypto'
import type { Pixels } from '../core/image-encoder.js'

/**
 * By what a picture is known again, whatever its file is called: SHA-256 in hexadecimal of a file's bytes; of pixels, of the
 * text `WIDTHxHEIGHTxCHANNELS`, a line feed and the values.
 */
export function hashImage(image: Uint8Array | Pixels): string {
  const hash = createHash('sha256')
  if (image instanceof Uint8Array) return hash.update(image).digest('hex')
  const { width, height, channels, values } = image
  return hash.update(`${width}x${height}x${channels}\n`).update(values).digest('hex')
}
