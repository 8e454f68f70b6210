/** Bins of a joint histogram; hue is a circle, the others are not. */
export interface ColourBins {
  hue: number
  saturation: number
  value: number
}

/** One of the whole picture: 16 x 4 x 4 as in MPEG-7's scalable colour (Manjunath and others 2001). */
const WHOLE: ColourBins = { hue: 16, saturation: 4, value: 4 }

/** One of each cell of the grid: coarser, as there are fewer pixels to fill it. */
const CELL: ColourBins = { hue: 8, saturation: 2, value: 2 }

/** Cells a side. */
const GRID = 4

/**
 * Histograms of hue, saturation and value, of the whole picture and of 4 x 4 cells, each of roots of shares (so that
 * plain products compare them as Hellinger's distance does, Arandjelović and Zisserman 2012). A pixel counts in the
 * bins around it by how near they are.
 */
export class ColourHistograms {
  /** Numbers of the whole picture's histogram. */
  readonly wholeLength = WHOLE.hue * WHOLE.saturation * WHOLE.value
  /** Numbers of all cells' histograms. */
  readonly gridLength = GRID * GRID * CELL.hue * CELL.saturation * CELL.value
  readonly #hsv = new Float32Array(3)

  /**
   * @param pixels shape [size, size, 3], 0 to 255
   * @param into where to: the whole picture's from `offset` on, then the cells'
   */
  compute(pixels: Uint8Array, size: number, into: Float32Array, offset: number): void {
    const cellLength = this.gridLength / (GRID * GRID)
    const grid = offset + this.wholeLength
    into.fill(0, offset, grid + this.gridLength)
    const hsv = this.#hsv
    const share = 1 / (size * size)
    for (let y = 0; y < size; y++) {
      const row = Math.floor((y * GRID) / size) * GRID
      for (let x = 0; x < size; x++) {
        const at = 3 * (y * size + x)
        toHsv(pixels[at] as number, pixels[at + 1] as number, pixels[at + 2] as number, hsv)
        spread(hsv, WHOLE, share, into, offset)
        spread(hsv, CELL, share, into, grid + (row + Math.floor((x * GRID) / size)) * cellLength)
      }
    }
    for (let i = offset; i < grid + this.gridLength; i++) into[i] = Math.sqrt(into[i] as number)
  }
}

/** Adds a weight to the eight bins around a colour. */
function spread(
  hsv: Float32Array,
  bins: ColourBins,
  weight: number,
  into: Float32Array,
  offset: number,
): void {
  // hue has bins at 0, 1/n, …; the others from 0 to 1 with both ends
  const h = (hsv[0] as number) * bins.hue
  const s = (hsv[1] as number) * (bins.saturation - 1)
  const v = (hsv[2] as number) * (bins.value - 1)
  const h0 = Math.floor(h) % bins.hue
  const h1 = h0 + 1 === bins.hue ? 0 : h0 + 1
  const s0 = Math.min(bins.saturation - 2, Math.floor(s))
  const v0 = Math.min(bins.value - 2, Math.floor(v))
  const partH = h - Math.floor(h)
  const partS = s - s0
  const partV = v - v0
  const across = bins.saturation * bins.value
  const first = offset + h0 * across + s0 * bins.value + v0
  const second = offset + h1 * across + s0 * bins.value + v0
  spreadPlane(into, first, bins.value, weight * (1 - partH), partS, partV)
  spreadPlane(into, second, bins.value, weight * partH, partS, partV)
}

function spreadPlane(
  into: Float32Array,
  at: number,
  next: number,
  weight: number,
  partS: number,
  partV: number,
): void {
  const low = weight * (1 - partS)
  const high = weight * partS
  into[at] = (into[at] as number) + low * (1 - partV)
  into[at + 1] = (into[at + 1] as number) + low * partV
  into[at + next] = (into[at + next] as number) + high * (1 - partV)
  into[at + next + 1] = (into[at + next + 1] as number) + high * partV
}

/** Hue, saturation and value, each in 0..1 (Smith 1978); grey has hue 0. */
function toHsv(r: number, g: number, b: number, into: Float32Array): void {
  const most = Math.max(r, g, b)
  const range = most - Math.min(r, g, b)
  let hue = 0
  if (range > 0) {
    if (most === r) hue = (g - b) / range
    else if (most === g) hue = 2 + (b - r) / range
    else hue = 4 + (r - g) / range
    if (hue < 0) hue += 6
  }
  into[0] = hue / 6
  into[1] = most === 0 ? 0 : range / most
  into[2] = most / 255
}
