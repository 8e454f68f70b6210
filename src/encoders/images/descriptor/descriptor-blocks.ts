import type { InputShape } from '../choose-shape.js'
import { ColourHistograms } from './colour-histograms.js'
import { FilterEnergies } from './filter-energies.js'
import { GradientHistograms } from './gradient-histograms.js'
import { GradientWords } from './gradient-words.js'

/** A part of a descriptor that is centred and brought to one length by itself. */
export interface Block {
  name: string
  /** Where it begins in the descriptor. */
  from: number
  length: number
  /** Its length after normalisation: what it counts against the other blocks. */
  weight: number
}

/** Measured on held-out training images of Fashion-MNIST: 9 cells and 8 directions of 360 degrees. */
const GREY_CELLS = 9
const GREY_BINS = 8

/** Cells of 8 x 8 pixels, in a picture of 64 x 64 (Dalal and Triggs 2005). */
const PHOTO_CELLS = 8

/** Directions with and without their sign, together (Felzenszwalb and others 2010). */
const SIGNED_BINS = 18
const UNSIGNED_BINS = 9

/** Four scales of eight directions, averaged over 4 x 4 cells (Oliva and Torralba 2001). */
const ENERGIES = { scales: 4, orientations: 8, grid: 4 }

/**
 * Weights of the blocks, chosen on emoji by their subgroups: gradients tell most, energies and colours half as much. Those
 * of a family share its weight.
 */
const WEIGHTS = { gradients: Math.SQRT1_2, energies: Math.SQRT1_2, colours: 0.5, words: 1 }

/**
 * The raw numbers that tell whether two pictures look alike. Of grey pictures: histograms of gradients. Of colour
 * pictures: these, energies of filters, histograms of colours and, where the collection's are known, gradient words.
 *
 * An instance holds scratch memory: it computes one picture at a time.
 */
export class DescriptorBlocks {
  readonly blocks: readonly Block[]
  /** Numbers of one picture. */
  readonly length: number
  readonly #compute: Compute

  /** @param words of the collection, shape [words, 36]; see `findWords`. Grey pictures have none. */
  constructor({ size, channels }: InputShape, words?: Float32Array) {
    const { blocks, compute } = channels === 1 ? greyBlocks(size) : colourBlocks(size, words)
    let from = 0
    this.blocks = blocks.map((block) => {
      const placed = { ...block, from }
      from += block.length
      return placed
    })
    this.length = from
    this.#compute = compute
  }

  /**
   * @param pixels shape [size, size, channels], 0 to 255
   * @param into where to, `length` numbers from `offset` on
   * @param common numbers of the same pixels by an instance of the same shape: all but those of the words are taken from it
   */
  compute(pixels: Uint8Array, into: Float32Array, offset: number, common?: Float32Array): void {
    this.#compute(pixels, into, offset, common)
  }
}

type Compute = (pixels: Uint8Array, into: Float32Array, offset: number, common?: Float32Array) => void

interface Layout {
  blocks: Omit<Block, 'from'>[]
  compute: Compute
}

function greyBlocks(size: number): Layout {
  const gradients = new GradientHistograms({ size, cells: GREY_CELLS, bins: GREY_BINS, signed: true })
  const plane = new Float32Array(size * size)
  return {
    blocks: [{ name: 'gradients', length: gradients.length, weight: 1 }],
    compute: (pixels, into, offset, common) => {
      if (common) {
        into.set(common.subarray(0, gradients.length), offset)
        return
      }
      for (let i = 0; i < plane.length; i++) plane[i] = (pixels[i] as number) / 255
      gradients.compute(plane, into, offset)
    },
  }
}

function colourBlocks(size: number, words: Float32Array | undefined): Layout {
  const half = size >> 1
  const signed = new GradientHistograms({ size: half, cells: PHOTO_CELLS, bins: SIGNED_BINS, signed: true })
  const unsigned = new GradientHistograms({
    size: half,
    cells: PHOTO_CELLS,
    bins: UNSIGNED_BINS,
    signed: false,
  })
  const energies = new FilterEnergies({ size, ...ENERGIES })
  const colours = new ColourHistograms()
  const patches = words && new GradientWords(size, words)
  const lengths = [signed.length, unsigned.length, energies.length, colours.wholeLength + colours.gridLength]
  const [unsignedAt = 0, energiesAt = 0, coloursAt = 0, wordsAt = 0] = lengths.map((_, i) =>
    lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0),
  )
  const plane = new Float32Array(size * size)
  const smallPlane = new Float32Array(half * half)
  const small = new Uint8Array(half * half * 3)
  return {
    blocks: [
      { name: 'signed gradients', length: signed.length, weight: WEIGHTS.gradients },
      { name: 'gradients', length: unsigned.length, weight: WEIGHTS.gradients },
      { name: 'energies', length: energies.length, weight: WEIGHTS.energies },
      { name: 'colours', length: colours.wholeLength, weight: WEIGHTS.colours },
      { name: 'colours of cells', length: colours.gridLength, weight: WEIGHTS.colours },
      ...(patches ? [{ name: 'gradient words', length: patches.length, weight: WEIGHTS.words }] : []),
    ],
    compute: (pixels, into, offset, common) => {
      luma(pixels, plane)
      patches?.compute(plane, into, offset + wordsAt)
      if (common) {
        into.set(common.subarray(0, wordsAt), offset)
        return
      }
      halvePlane(plane, size, smallPlane)
      halvePixels(pixels, size, small)
      signed.compute(smallPlane, into, offset)
      unsigned.compute(smallPlane, into, offset + unsignedAt)
      energies.compute(plane, into, offset + energiesAt)
      colours.compute(small, half, into, offset + coloursAt)
    },
  }
}

/**
 * Brightness in 0..1: luma of BT.601, as eyes weigh gamma-coded channels.
 *
 * @param pixels of three channels, 0 to 255
 */
export function luma(pixels: Uint8Array, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) {
    into[i] =
      (0.299 * (pixels[3 * i] as number) +
        0.587 * (pixels[3 * i + 1] as number) +
        0.114 * (pixels[3 * i + 2] as number)) /
      255
  }
}

/** Means of 2 x 2 values. */
function halvePlane(plane: Float32Array, size: number, into: Float32Array): void {
  const half = size >> 1
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const at = 2 * (y * size + x)
      into[y * half + x] =
        ((plane[at] as number) +
          (plane[at + 1] as number) +
          (plane[at + size] as number) +
          (plane[at + size + 1] as number)) /
        4
    }
  }
}

/** Means of 2 x 2 pixels of three channels. */
function halvePixels(pixels: Uint8Array, size: number, into: Uint8Array): void {
  const half = size >> 1
  const row = 3 * size
  for (let y = 0; y < half; y++) {
    for (let i = 0; i < 3 * half; i++) {
      const channel = i % 3
      const at = 2 * y * row + 2 * (i - channel) + channel
      into[y * 3 * half + i] =
        ((pixels[at] as number) +
          (pixels[at + 3] as number) +
          (pixels[at + row] as number) +
          (pixels[at + row + 3] as number) +
          2) >>
        2
    }
  }
}
