export interface GradientHistogramOptions {
  /** Width and height of the picture, in pixels. */
  size: number
  /** Cells a side. More tell finer detail apart and forgive less shift. */
  cells: number
  /** Bins of the gradient's direction. */
  bins: number
  /** Whether a gradient and its opposite differ: bins span 360 degrees instead of 180. */
  signed: boolean
}

/** No value of a normalised block is above it, so that one strong edge does not drown the others (L2-Hys). */
const CLIP = 0.2

/** Keeps flat blocks, whose gradients are noise, short. Pixels are in 0..1. */
const FLAT = 0.01

/**
 * Histograms of oriented gradients (Dalal and Triggs 2005): gradients by [-1, 0, 1] without smoothing, shared
 * linearly among the neighbouring cells and bins, blocks of 2 x 2 cells at every cell, each normalised by L2-Hys.
 */
export class GradientHistograms {
  /** Numbers of one picture: (cells - 1)^2 * 4 * bins. */
  readonly length: number
  readonly #options: GradientHistogramOptions
  /** For each pixel of a row: the cell on its left and what the cell on its right gets. */
  readonly #left: Int32Array
  readonly #share: Float32Array
  /** Shape [cells + 2, cells + 2, bins]: a rim takes what falls outside. */
  readonly #histograms: Float32Array

  constructor(options: GradientHistogramOptions) {
    const { size, cells, bins } = options
    this.#options = options
    this.length = (cells - 1) ** 2 * 4 * bins
    this.#left = new Int32Array(size)
    this.#share = new Float32Array(size)
    for (let x = 0; x < size; x++) {
      const at = ((x + 0.5) * cells) / size + 0.5
      this.#left[x] = Math.floor(at)
      this.#share[x] = at - Math.floor(at)
    }
    this.#histograms = new Float32Array((cells + 2) ** 2 * bins)
  }

  /**
   * @param plane shape [size, size], in 0..1
   * @param into where to, from `offset` on
   */
  compute(plane: Float32Array, into: Float32Array, offset: number): void {
    this.#collect(plane)
    this.#normalize(into, offset)
  }

  #collect(plane: Float32Array): void {
    const { size, cells, bins, signed } = this.#options
    const histograms = this.#histograms.fill(0)
    const perRadian = bins / (signed ? 2 * Math.PI : Math.PI)
    const across = (cells + 2) * bins
    for (let y = 0; y < size; y++) {
      const up = Math.max(0, y - 1) * size
      const down = Math.min(size - 1, y + 1) * size
      const top = (this.#left[y] as number) * across
      const low = this.#share[y] as number
      for (let x = 0; x < size; x++) {
        const dx =
          (plane[y * size + Math.min(size - 1, x + 1)] as number) -
          (plane[y * size + Math.max(0, x - 1)] as number)
        const dy = (plane[down + x] as number) - (plane[up + x] as number)
        if (dx === 0 && dy === 0) continue
        const magnitude = Math.sqrt(dx * dx + dy * dy)
        let position = Math.atan2(dy, dx) * perRadian
        if (position < 0) position += bins
        if (position >= bins) position -= bins
        const first = Math.floor(position)
        const second = first + 1 === bins ? 0 : first + 1
        const part = position - first
        const right = this.#share[x] as number
        const cell = top + (this.#left[x] as number) * bins
        const upper = magnitude * (1 - low)
        const lower = magnitude * low
        add(histograms, cell, first, second, part, upper * (1 - right))
        add(histograms, cell + bins, first, second, part, upper * right)
        add(histograms, cell + across, first, second, part, lower * (1 - right))
        add(histograms, cell + across + bins, first, second, part, lower * right)
      }
    }
  }

  #normalize(into: Float32Array, offset: number): void {
    const { cells, bins } = this.#options
    const histograms = this.#histograms
    const across = (cells + 2) * bins
    const row = 2 * bins
    const length = 4 * bins
    let at = offset
    for (let y = 1; y < cells; y++) {
      for (let x = 1; x < cells; x++) {
        const from = y * across + x * bins
        for (let i = 0; i < row; i++) {
          into[at + i] = histograms[from + i] as number
          into[at + row + i] = histograms[from + across + i] as number
        }
        shorten(into, at, length, FLAT)
        for (let i = at; i < at + length; i++) if ((into[i] as number) > CLIP) into[i] = CLIP
        shorten(into, at, length, 0)
        at += length
      }
    }
  }
}

function add(
  histograms: Float32Array,
  cell: number,
  first: number,
  second: number,
  part: number,
  weight: number,
): void {
  histograms[cell + first] = (histograms[cell + first] as number) + weight * (1 - part)
  histograms[cell + second] = (histograms[cell + second] as number) + weight * part
}

/** Divides by the length (and a little more, where `more` is not 0); zeros stay. */
function shorten(values: Float32Array, from: number, length: number, more: number): void {
  let sum = more * more
  for (let i = from; i < from + length; i++) sum += (values[i] as number) * (values[i] as number)
  if (sum === 0) return
  const scale = 1 / Math.sqrt(sum)
  for (let i = from; i < from + length; i++) values[i] = (values[i] as number) * scale
}
