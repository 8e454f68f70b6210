import { EngineError } from '../../../core/errors.js'
import { type Random, seededRandom } from '../../../core/random.js'
import { GradientHistograms } from './gradient-histograms.js'

/** Cells and directions of the patches: small ones, of 2 x 2 cells each, overlapping. */
const CELLS = 16
const BINS = 9
/** Numbers of a patch. */
const PATCH = 4 * BINS
/** Words that a collection is described in. Chosen on emoji by their subgroups: 64 were no better there. */
const WORDS = 32
/** Patches that words are found among, and how often they are moved. */
const MOST_PATCHES = 20_000
const ROUNDS = 10

/** The file's name in a model. */
export const WORDS_FILE = 'words.bin'

/**
 * What small patches of a picture look like, wherever they lie: each patch, a block of a histogram of gradients, goes to
 * the nearest of the words that patches of the collection fall into, and for each word the differences to it are added up
 * (vectors of locally aggregated descriptors: Jégou and others 2010; each word's sum brought to length 1 by itself:
 * Arandjelović and Zisserman 2013).
 */
export class GradientWords {
  /** Numbers of one picture: words * 36. */
  readonly length: number
  readonly #words: Float32Array
  readonly #halfSquares: Float64Array
  readonly #patches: PatchGrid

  /** @param words shape [words, 36] */
  constructor(size: number, words: Float32Array) {
    this.length = words.length
    this.#words = words
    this.#halfSquares = halfSquares(words)
    this.#patches = new PatchGrid(size)
  }

  /**
   * @param plane shape [size, size], in 0..1
   * @param into where to, `length` numbers from `offset` on
   */
  compute(plane: Float32Array, into: Float32Array, offset: number): void {
    const words = this.#words
    into.fill(0, offset, offset + this.length)
    for (const patch of this.#patches.of(plane)) {
      const from = nearestWord(words, this.#halfSquares, patch) * PATCH
      for (let i = 0; i < PATCH; i++) {
        into[offset + from + i] =
          (into[offset + from + i] as number) + (patch[i] as number) - (words[from + i] as number)
      }
    }
    for (let from = offset; from < offset + this.length; from += PATCH)
      shorten(into.subarray(from, from + PATCH))
  }
}

/**
 * Finds a collection's words: k-means (Lloyd 1982) over patches of its pictures.
 *
 * @param planes shape [size, size] each, in 0..1; may be the same memory each time
 * @param count how many planes come
 * @returns shape [words, 36]; fewer than 32 words where there are fewer patches that differ from nothing
 */
export function findWords(
  planes: Iterable<Float32Array>,
  { count, size, seed }: { count: number; size: number; seed: number },
): Float32Array {
  const random = seededRandom(seed)
  const grid = new PatchGrid(size)
  const each = Math.max(1, Math.ceil(MOST_PATCHES / count))
  const patches: Float32Array[] = []
  for (const plane of planes) {
    const all = Array.from(grid.of(plane))
    for (let taken = 0; taken < each && all.length > 0 && patches.length < MOST_PATCHES; taken++) {
      patches.push(Float32Array.from(draw(all, random)))
    }
  }
  const first: Float32Array[] = []
  while (first.length < WORDS && patches.length > first.length)
    first.push(patches[random.int(patches.length)] as Float32Array)
  const words = new Float32Array(first.length * PATCH)
  for (const [word, patch] of first.entries()) words.set(patch, word * PATCH)
  for (let round = 0; round < ROUNDS; round++) moveWords(words, patches)
  return words
}

/** @throws EngineError ENCODER_INVALID where the file is no list of words */
export function readWords(bytes: Uint8Array): Float32Array {
  if (bytes.length % (4 * PATCH) !== 0) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${WORDS_FILE} has ${bytes.length} bytes, expected a multiple of ${4 * PATCH}; fit the descriptor again`,
    )
  }
  return new Float32Array(bytes.slice().buffer)
}

/** The patches of a picture that are not flat. */
class PatchGrid {
  readonly #gradients: GradientHistograms
  readonly #values: Float32Array

  constructor(size: number) {
    this.#gradients = new GradientHistograms({ size, cells: CELLS, bins: BINS, signed: false })
    this.#values = new Float32Array(this.#gradients.length)
  }

  /** Views that the next call overwrites, of length 1 each. */
  *of(plane: Float32Array): Generator<Float32Array, void, undefined> {
    this.#gradients.compute(plane, this.#values, 0)
    for (let from = 0; from < this.#values.length; from += PATCH) {
      const patch = this.#values.subarray(from, from + PATCH)
      if (patch.some((value) => value !== 0)) yield patch
    }
  }
}

/** Takes one out by chance. */
function draw(from: Float32Array[], random: Random): Float32Array {
  const at = random.int(from.length)
  const drawn = from[at] as Float32Array
  from[at] = from.at(-1) as Float32Array
  from.pop()
  return drawn
}

/** Moves each word to the mean of the patches nearest to it; one without any stays. */
function moveWords(words: Float32Array, patches: readonly Float32Array[]): void {
  const sums = new Float64Array(words.length)
  const counts = new Int32Array(words.length / PATCH)
  const squares = halfSquares(words)
  for (const patch of patches) {
    const word = nearestWord(words, squares, patch)
    counts[word] = (counts[word] as number) + 1
    for (let i = 0; i < PATCH; i++)
      sums[word * PATCH + i] = (sums[word * PATCH + i] as number) + (patch[i] as number)
  }
  for (let i = 0; i < words.length; i++) {
    const count = counts[Math.floor(i / PATCH)] as number
    if (count > 0) words[i] = (sums[i] as number) / count
  }
}

/** The word with the least |patch - word|^2, which is that with the largest patch.word - |word|^2 / 2. */
function nearestWord(words: Float32Array, halfSquaresOf: Float64Array, patch: Float32Array): number {
  let nearest = 0
  let most = Number.NEGATIVE_INFINITY
  for (let word = 0; word < halfSquaresOf.length; word++) {
    const from = word * PATCH
    let sum = -(halfSquaresOf[word] as number)
    for (let i = 0; i < PATCH; i++) sum += (patch[i] as number) * (words[from + i] as number)
    if (sum > most) {
      most = sum
      nearest = word
    }
  }
  return nearest
}

function halfSquares(words: Float32Array): Float64Array {
  const found = new Float64Array(words.length / PATCH)
  for (let i = 0; i < words.length; i++) {
    const word = Math.floor(i / PATCH)
    found[word] = (found[word] as number) + (words[i] as number) ** 2 / 2
  }
  return found
}

function shorten(values: Float32Array): void {
  let squares = 0
  for (const value of values) squares += value * value
  if (squares === 0) return
  const scale = 1 / Math.sqrt(squares)
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * scale
}
