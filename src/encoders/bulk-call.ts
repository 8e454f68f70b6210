import type { TextRole } from '../core/text-encoder.js'
import type { EncodeResult, EncodeTask } from './worker-messages.js'

/** A vector of one text, or of the part of it that `start` and `end` name. */
export interface EncodedPart {
  vector: Float32Array
  tokens: number
  start: number
  end: number
}

interface Piece {
  text: number
  start: number
  end: number
  /** Which passage of its text; undefined for a text as a whole. */
  passage: number | undefined
}

/** A part of a call, small enough to be copied to a worker without being felt. */
export interface Slice {
  task: EncodeTask
  pieces: Piece[]
}

export interface BulkCallOptions {
  role: TextRole
  /** Whether long texts become several passages. */
  split: boolean
  /** Texts of a slice. */
  sliceTexts: number
}

/** UTF-16 units of a slice, unless one text alone has more. */
const SLICE_CHARACTERS = 32_768

/**
 * One call for many texts: hands them out slice by slice, longest first, and gathers what comes back. A text that
 * a worker split comes back as borders, and its passages are handed out in turn, so that all workers share them.
 */
export class BulkCall {
  /** For each text its parts in order. */
  readonly results: EncodedPart[][]
  readonly #texts: readonly string[]
  readonly #options: BulkCallOptions
  readonly #order: Uint32Array
  #cursor = 0
  #passages: Piece[] = []
  #passageCursor = 0
  readonly #missing: Uint32Array
  #done = 0

  constructor(texts: readonly string[], options: BulkCallOptions) {
    this.#texts = texts
    this.#options = options
    this.#order = longestFirst(texts)
    this.#missing = new Uint32Array(texts.length).fill(1)
    this.results = texts.map(() => [])
  }

  /** Texts that are wholly encoded. */
  get done(): number {
    return this.#done
  }

  get finished(): boolean {
    return this.#done === this.#texts.length
  }

  /** Whether {@link next} has something now; more may come from slices that are out. */
  get hasNext(): boolean {
    return this.#passageCursor < this.#passages.length || this.#cursor < this.#order.length
  }

  /** Texts and passages that were not handed out. */
  get waiting(): number {
    return this.#order.length - this.#cursor + this.#passages.length - this.#passageCursor
  }

  next(): Slice {
    const pieces: Piece[] = []
    let characters = 0
    while (pieces.length < this.#options.sliceTexts) {
      const piece = this.#peek()
      if (piece === undefined) break
      // texts and passages of texts are different tasks
      if (pieces[0] && (pieces[0].passage === undefined) !== (piece.passage === undefined)) break
      characters += piece.end - piece.start
      if (pieces.length > 0 && characters > SLICE_CHARACTERS) break
      pieces.push(piece)
      if (piece.passage === undefined) this.#cursor++
      else this.#passageCursor++
    }
    const { role, split } = this.#options
    const texts = pieces.map(({ text, start, end }) => (this.#texts[text] ?? '').slice(start, end))
    // a passage that is a token too long by some rule of its tokenizer is cut, not split again
    return { pieces, task: { texts, role, urgent: false, split: split && pieces[0]?.passage === undefined } }
  }

  /** Takes what a worker gave for a slice. */
  accept({ pieces }: Slice, { vectors, tokens, splits }: EncodeResult): void {
    const dim = vectors.length / pieces.length
    const borders = new Map(splits.map((split) => [split.index, split.borders]))
    pieces.forEach(({ text, start, end, passage }, row) => {
      const cuts = borders.get(row)
      if (cuts) {
        this.#missing[text] = cuts.length / 2
        for (let i = 0; i < cuts.length; i += 2)
          this.#passages.push({ text, start: cuts[i] ?? 0, end: cuts[i + 1] ?? 0, passage: i / 2 })
        return
      }
      const parts = this.results[text]
      // a copy of its own: whoever keeps one vector, or moves it to a thread, must not take its neighbours along
      const vector = vectors.slice(row * dim, (row + 1) * dim)
      if (parts) parts[passage ?? 0] = { vector, tokens: tokens[row] ?? 0, start, end }
      const missing = (this.#missing[text] ?? 1) - 1
      this.#missing[text] = missing
      if (missing === 0) this.#done++
    })
  }

  #peek(): Piece | undefined {
    const passage = this.#passages[this.#passageCursor]
    if (passage) return passage
    this.#passages = []
    this.#passageCursor = 0
    const text = this.#order[this.#cursor]
    if (text === undefined) return undefined
    return { text, start: 0, end: this.#texts[text]?.length ?? 0, passage: undefined }
  }
}

/** Indexes of texts, longest first. Length and index share one number (below 2^53), so that 10,000 texts take a millisecond. */
function longestFirst(texts: readonly string[]): Uint32Array {
  const keys = new Float64Array(texts.length)
  texts.forEach((text, index) => {
    keys[index] = (2 ** 20 - Math.min(text.length, 2 ** 20)) * 2 ** 32 + index
  })
  return Uint32Array.from(keys.sort(), (key) => key % 2 ** 32)
}
