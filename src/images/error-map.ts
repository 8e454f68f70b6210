import { EngineError } from '../core/errors.js'
import type { Pixels } from '../core/image-encoder.js'
import { checkPixels } from './encode-png.js'

/** How badly each pixel of a picture was reconstructed. */
export interface ErrorMap {
  width: number
  height: number
  /** Shape [height * width]: squared difference of values in 0..1, the mean over channels; in 0..1. */
  values: Float32Array
  /** The mean over all pixels, in 0..1. */
  error: number
}

/**
 * Compares a picture with its reconstruction, pixel by pixel.
 *
 * @throws EngineError INVALID_IMAGE where sides and values do not agree, or the two are not of one size
 */
export function errorMap(picture: Pixels, reconstruction: Pixels): ErrorMap {
  checkPixels(picture)
  checkPixels(reconstruction)
  const { width, height, channels } = picture
  if (!(['width', 'height', 'channels'] as const).every((side) => picture[side] === reconstruction[side])) {
    throw new EngineError(
      'INVALID_IMAGE',
      `the reconstruction has ${sizeOf(reconstruction)}, expected ${sizeOf(picture)} as the picture has`,
    )
  }
  const values = new Float32Array(width * height)
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    let squares = 0
    for (let c = i * channels; c < (i + 1) * channels; c++) {
      const difference = ((picture.values[c] as number) - (reconstruction.values[c] as number)) / 255
      squares += difference * difference
    }
    values[i] = squares / channels
    sum += squares / channels
  }
  return { width, height, values, error: sum / values.length }
}

function sizeOf({ width, height, channels }: Pixels): string {
  return `${width} x ${height} pixels with ${channels} channels`
}
