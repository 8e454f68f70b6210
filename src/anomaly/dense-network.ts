import type { Rows } from '../core/detection.js'
import type { Random } from '../core/random.js'
import { type Matrix, padded, SimdMatrices } from './simd-matrices.js'

/** Rows that go through the network together. */
export const BATCH = 64

/** A layer: out = in times weights transposed, plus biases; numbers below 0 become 0 where it is `bent` (ReLU). */
export interface Layer {
  /** Shape [out, in]. */
  weights: Matrix
  /** Shape [out]. */
  biases: Float32Array
  bent: boolean
  /** What came out for the last batch: shape [BATCH, out]. */
  out: Matrix
}

/** Floats that training takes beside those of the network, by its layers. */
export type Workspace = (width: { in: number; out: number }) => number

/**
 * A small network of dense layers over the SIMD kernel: a ReLU after every layer but the bottleneck and the last. Widths are
 * padded to multiples of 4 with zeros, which stay zeros.
 */
export class DenseNetwork {
  /** Columns of what goes in, shape [BATCH, dim padded]. */
  readonly input: Matrix
  readonly layers: readonly Layer[]
  /** Where training takes its matrices from. */
  readonly matrices: SimdMatrices

  /**
   * @param widths of the input, the hidden layers and the output
   * @param workspace none for a network that is not trained
   */
  constructor(widths: readonly number[], workspace: Workspace = () => 0) {
    const sizes = widths.map(padded)
    const pairs = sizes.slice(1).map((out, i) => ({ in: sizes[i] as number, out }))
    const size = pairs.reduce(
      (sum, pair) => sum + pair.in * pair.out + BATCH * pair.out + workspace(pair),
      BATCH * (sizes[0] as number),
    )
    this.matrices = new SimdMatrices(size)
    this.input = this.matrices.take(BATCH, sizes[0] as number)
    const middle = pairs.length / 2 - 1
    this.layers = pairs.map((pair, i) => ({
      weights: this.matrices.take(pair.out, pair.in),
      biases: new Float32Array(pair.out),
      bent: i !== middle && i !== pairs.length - 1,
      out: this.matrices.take(BATCH, pair.out),
    }))
  }

  /** Draws weights by He and others (ICCV 2015): normal, of variance 2 / in before a ReLU, 1 / in elsewhere. */
  draw(widths: readonly number[], random: Random): void {
    for (const [i, { weights, bent }] of this.layers.entries()) {
      const [width, out] = [widths[i] as number, widths[i + 1] as number]
      const deviation = Math.sqrt((bent ? 2 : 1) / width)
      for (let row = 0; row < out; row++) {
        for (let column = 0; column < width; column++)
          weights.values[row * weights.columns + column] = deviation * random.normal()
      }
    }
  }

  /** Sends what is in `input` through all layers. @returns the last layer's `out` */
  run(): Matrix {
    let values = this.input
    for (const { weights, biases, bent, out } of this.layers) {
      this.matrices.multiply(values, weights, out)
      const { values: sums, columns } = out
      for (let at = 0; at < sums.length; ) {
        for (let j = 0; j < columns; j++, at++) {
          const sum = (sums[at] as number) + (biases[j] as number)
          sums[at] = bent && sum < 0 ? 0 : sum
        }
      }
      values = out
    }
    return values
  }

  /** All weights and biases, one layer after the other: {@link load} takes them. */
  parameters(): Float32Array {
    const parts = this.layers.flatMap(({ weights, biases }) => [weights.values, biases])
    const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  /** @param parameters as many as {@link parameterCount} says */
  load(parameters: Float32Array): void {
    let at = 0
    for (const { weights, biases } of this.layers) {
      for (const part of [weights.values, biases]) {
        part.set(parameters.subarray(at, at + part.length))
        at += part.length
      }
    }
  }

  /**
   * How badly rows are given back by a network whose output is as wide as its input.
   *
   * @param rows at most {@link BATCH}
   * @returns the squared error of each
   */
  errors({ values, count, dim }: Rows): Float64Array {
    const { values: given, columns } = this.input
    for (let i = 0; i < count; i++) given.set(values.subarray(i * dim, (i + 1) * dim), i * columns)
    const { values: back } = this.run()
    const errors = new Float64Array(count)
    for (let i = 0, at = 0; i < count; i++) {
      for (let j = 0; j < columns; j++, at++)
        errors[i] = (errors[i] as number) + ((back[at] as number) - (given[at] as number)) ** 2
    }
    return errors
  }
}

/** @param read the parameters, of which there must be as many as it is told */
export function loadNetwork(widths: readonly number[], read: (length: number) => Float32Array): DenseNetwork {
  const network = new DenseNetwork(widths)
  network.load(read(parameterCount(widths)))
  return network
}

/** How many parameters a network of these widths has. */
export function parameterCount(widths: readonly number[]): number {
  const sizes = widths.map(padded)
  return sizes.slice(1).reduce((sum, out, i) => sum + out * ((sizes[i] as number) + 1), 0)
}
