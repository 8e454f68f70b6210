import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import type { NoiseKind } from './trainable-model.js'

/** Random numbers that a bank holds at most, if that leaves it enough rows. */
const BANK_NUMBERS = 1 << 20
/** Rows of a bank at least and at most. */
const BANK_ROWS = { least: 256, most: 8192 }

/**
 * One source of random numbers of a model. A step's numbers are rows of a bank that is drawn once, chosen by random row
 * numbers: a step costs a few of those and a copy, whatever the shape, and every engine sees the same numbers.
 */
export class NoiseSource {
  readonly name: string
  readonly kind: NoiseKind
  readonly shape: readonly number[]
  /** Rows that one step takes. */
  readonly rows: number
  /** Numbers of a row. */
  readonly width: number
  /** Shape [bankRows, width]. */
  readonly bank: Float32Array
  readonly bankRows: number
  readonly #random

  constructor(name: string, shape: readonly number[], kind: NoiseKind, seed: number) {
    const [rows = 1, ...rest] = shape
    this.name = name
    this.kind = kind
    this.shape = shape
    this.rows = rows
    this.width = rest.reduce((product, size) => product * size, 1)
    this.bankRows = Math.min(BANK_ROWS.most, Math.max(BANK_ROWS.least, Math.floor(BANK_NUMBERS / this.width)))
    this.#random = seededRandom(seed ^ hash(name))
    const draw = kind === 'normal' ? this.#random.normal : this.#random.uniform
    this.bank = Float32Array.from({ length: this.bankRows * this.width }, draw)
  }

  /** Row numbers of the next steps, shape [steps, rows]. */
  draw(steps: number): Int32Array {
    return Int32Array.from({ length: steps * this.rows }, () => this.#random.int(this.bankRows))
  }

  /** @throws EngineError INVALID_REQUEST where a model asks for one name in two ways */
  check(shape: readonly number[], kind: NoiseKind): void {
    if (kind === this.kind && shape.join() === this.shape.join()) return
    throw new EngineError(
      'INVALID_REQUEST',
      `noise "${this.name}" is asked for as ${kind} [${shape}] and as ${this.kind} [${this.shape}]; give each a name of its own`,
    )
  }
}

/** What noise is while a model is only measured: its mean. */
export function quietNoise(kind: NoiseKind): number {
  return kind === 'normal' ? 0 : 0.5
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193)
  return state >>> 0
}
