import { LIMITS } from '../core/limits.js'
import { decodePixels } from '../images/decode-pixels.js'
import { readHeader } from '../images/open-image.js'

/** Side of the square at which pictures are compared, in pixels. */
export const PRINT_SIDE = 48
/** Side of the square at which their colours are. */
export const COLOUR_SIDE = 12
const LIGHTS = PRINT_SIDE * PRINT_SIDE
const COLOURS = COLOUR_SIDE * COLOUR_SIDE
/** Length of a print. */
export const PRINT_BYTES = 1 + LIGHTS + 2 * COLOURS
/** To be changed with all that changes prints. */
export const PRINT_VERSION = 'picture-1'

/**
 * What a picture is compared by: its longer side less 1 (at most 255), then its brightness (Y of JPEG), stretched to a
 * square of 48 x 48, then its two colour differences (Cb and Cr) at 12 x 12; a byte each.
 *
 * @param rendition PNG or WebP
 * @throws EngineError INVALID_IMAGE
 */
export async function printOf(rendition: Uint8Array): Promise<Uint8Array> {
  const { width, height } = await readHeader(rendition, LIMITS.imagePixels)
  const { values } = await decodePixels(rendition, { width: PRINT_SIDE, height: PRINT_SIDE, channels: 3 })
  const print = new Uint8Array(PRINT_BYTES)
  print[0] = Math.min(256, Math.max(width, height)) - 1
  const sums = new Float32Array(2 * COLOURS)
  const cell = PRINT_SIDE / COLOUR_SIDE
  for (let i = 0; i < LIGHTS; i++) {
    const [r, g, b] = [values[3 * i] as number, values[3 * i + 1] as number, values[3 * i + 2] as number]
    const light = 0.299 * r + 0.587 * g + 0.114 * b
    print[1 + i] = Math.round(light)
    const row = Math.floor(Math.floor(i / PRINT_SIDE) / cell)
    const at = row * COLOUR_SIDE + Math.floor((i % PRINT_SIDE) / cell)
    sums[at] = (sums[at] as number) + (b - light) * 0.564
    sums[COLOURS + at] = (sums[COLOURS + at] as number) + (r - light) * 0.713
  }
  for (const [i, sum] of sums.entries()) print[1 + LIGHTS + i] = Math.round(128 + sum / (cell * cell))
  return print
}

/** The longer side of the rendition that a print was made of, in pixels. */
export function printedSide(print: Uint8Array): number {
  return (print[0] ?? 0) + 1
}

/** Brightness, 0 to 255; shape [48, 48]. */
export function lightOf(print: Uint8Array): Float32Array {
  return Float32Array.from(print.subarray(1, 1 + LIGHTS))
}

/** Colour differences, about 0; shape [12, 12] each. */
export function coloursOf(print: Uint8Array): [Float32Array, Float32Array] {
  const plane = (from: number): Float32Array =>
    Float32Array.from(print.subarray(from, from + COLOURS), (byte) => byte - 128)
  return [plane(1 + LIGHTS), plane(1 + LIGHTS + COLOURS)]
}
