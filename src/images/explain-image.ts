import type { Pixels } from '../core/image-encoder.js'
import { type Colour, colourOf } from './colour-scale.js'
import { encodePng } from './encode-png.js'
import { type ErrorMap, errorMap } from './error-map.js'
import { type Region, worstRegion } from './worst-region.js'

/** Where an encoder does not know a picture. */
export interface ImageExplanation {
  /** Three panels side by side: the picture, its reconstruction, the error over the picture in grey. */
  png: Uint8Array
  /** What holds most of the error, in pixels of the encoder's input; undefined where there is no error. */
  region: Region | undefined
  /** Mean squared error over all pixels and channels, in 0..1. */
  error: number
}

/** A panel's sides, at least, in pixels. */
const PANEL = 128
/** Between panels, in pixels; white. */
const GAP = 8
/** Of the line around the region, in pixels. */
const LINE = 2
/** In no panel otherwise: neither grey nor of the colour scale. */
const LINE_COLOUR: Colour = [0, 229, 255]
/** The difference that has the strongest colour, where none is larger: so that a good reconstruction looks good. */
const STRONG_DIFFERENCE = 0.25
/** How bright the grey picture is beneath the colours. */
const GREY_PART = 0.6

/**
 * Shows where a picture differs from its reconstruction. All panels are enlarged by one whole number, nearest
 * neighbour, to at least 128 pixels a side. Colours tell the root of the squared error, from none (the grey picture) to
 * the largest of the picture or a quarter of the range between black and white, whichever is more; a line is drawn
 * around the worst region. The same pixels give the same bytes. Takes a while for large pictures: for worker threads.
 *
 * @param pictures both of the encoder's input size, with the same channels
 * @throws EngineError INVALID_IMAGE
 */
export async function explainImage({
  picture,
  reconstruction,
}: {
  picture: Pixels
  reconstruction: Pixels
}): Promise<ImageExplanation> {
  const map = errorMap(picture, reconstruction)
  const region = worstRegion(map)
  const scale = Math.ceil(PANEL / Math.min(picture.width, picture.height))
  const sheet = new Sheet(3 * picture.width * scale + 2 * GAP, picture.height * scale)
  const step = picture.width * scale + GAP
  sheet.draw(picture, 0, scale, (i) => colourAt(picture, i))
  sheet.draw(picture, step, scale, (i) => colourAt(reconstruction, i))
  sheet.draw(picture, 2 * step, scale, errorColours(picture, map))
  if (region) sheet.outline(region, 2 * step, scale)
  return { png: await encodePng(sheet.pixels), region, error: map.error }
}

/** Three channels that panels are drawn into. */
class Sheet {
  readonly pixels: Pixels

  constructor(width: number, height: number) {
    this.pixels = { width, height, channels: 3, values: new Uint8Array(width * height * 3).fill(255) }
  }

  /** @param colour of a pixel of the panel, by its position row by row */
  draw(
    { width, height }: { width: number; height: number },
    left: number,
    scale: number,
    colour: (at: number) => Colour,
  ): void {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        this.#fill(left + x * scale, y * scale, scale, scale, colour(y * width + x))
      }
    }
  }

  /** Draws the line just inside of the region's enlarged pixels. */
  outline(region: Region, left: number, scale: number): void {
    const [x, y] = [left + region.x * scale, region.y * scale]
    const [width, height] = [region.width * scale, region.height * scale]
    const [across, down] = [Math.min(LINE, width), Math.min(LINE, height)]
    this.#fill(x, y, width, down, LINE_COLOUR)
    this.#fill(x, y + height - down, width, down, LINE_COLOUR)
    this.#fill(x, y, across, height, LINE_COLOUR)
    this.#fill(x + width - across, y, across, height, LINE_COLOUR)
  }

  #fill(left: number, top: number, width: number, height: number, colour: Colour): void {
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++)
        this.pixels.values.set(colour, (y * this.pixels.width + x) * 3)
    }
  }
}

function colourAt({ channels, values }: Pixels, at: number): Colour {
  const [red, green, blue] = [0, 1, 2].map((c) => values[at * channels + (channels === 1 ? 0 : c)] as number)
  return [red ?? 0, green ?? 0, blue ?? 0]
}

/** The picture in darkened grey, the more covered with colour the larger the error. */
function errorColours(picture: Pixels, { values }: ErrorMap): (at: number) => Colour {
  const most = Math.max(STRONG_DIFFERENCE, Math.sqrt(values.reduce((max, value) => Math.max(max, value), 0)))
  return (at) => {
    const strength = Math.sqrt(values[at] as number) / most
    const grey = GREY_PART * luminance(colourAt(picture, at))
    const mix = (part: number): number => Math.round(grey * (1 - strength) + part * strength)
    const [red, green, blue] = colourOf(strength)
    return [mix(red), mix(green), mix(blue)]
  }
}

/** Rec. 709 weights on the values as they are: for looking at, not for measuring. */
function luminance([red, green, blue]: Colour): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
