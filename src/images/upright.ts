import type { Pixels } from '../core/image-encoder.js'

/** Whether turning swaps width and height. */
export function swapsSides(orientation: number): boolean {
  return orientation >= 5 && orientation <= 8
}

/**
 * Turns pixels upright.
 *
 * @param orientation 1 to 8 as EXIF 2.32 counts (tag 0x0112): where the stored first row and first column lie; any other
 * number turns nothing
 */
export function upright(pixels: Pixels, orientation: number): Pixels {
  const turned = SOURCES[orientation]
  if (turned === undefined) return pixels
  const { width: w, height: h, channels, values } = pixels
  const [width, height] = swapsSides(orientation) ? [h, w] : [w, h]
  const out = new Uint8Array(values.length)
  let at = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = turned(x, y, w, h) * channels
      for (let c = 0; c < channels; c++) out[at++] = values[from + c] as number
    }
  }
  return { width, height, channels, values: out }
}

/** By orientation: which stored pixel (of w x h) comes to lie at (x, y). */
const SOURCES: Partial<Record<number, (x: number, y: number, w: number, h: number) => number>> = {
  2: (x, y, w) => y * w + (w - 1 - x),
  3: (x, y, w, h) => (h - 1 - y) * w + (w - 1 - x),
  4: (x, y, w, h) => (h - 1 - y) * w + x,
  5: (x, y, w) => x * w + y,
  6: (x, y, w, h) => (h - 1 - x) * w + y,
  7: (x, y, w, h) => (h - 1 - x) * w + (w - 1 - y),
  8: (x, y, w) => x * w + (w - 1 - y),
}
