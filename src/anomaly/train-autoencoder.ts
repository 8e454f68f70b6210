import type { Rows } from '../core/detection.js'
import type { Random } from '../core/random.js'
import { BATCH, DenseNetwork, type Layer } from './dense-network.js'
import { type Matrix, transpose } from './simd-matrices.js'

export interface TrainOptions {
  /** Of the input, the hidden layers and the output. */
  widths: readonly number[]
  steps: number
  /** Of the first step; it falls to 0 along half a cosine. */
  rate: number
  random: Random
}

/** Adam's decay of means, of squares, and its least divisor (Kingma and Ba, ICLR 2015). */
const MEANS = 0.9
const SQUARES = 0.999
const LEAST = 1e-8

/** Numbers that are moved together, and what Adam knows of each. */
interface Moved {
  values: Float32Array
  gradients: Float32Array
  means: Float32Array
  squares: Float32Array
}

/** What training keeps of a layer. */
interface Trained {
  layer: Layer
  /** What went in: shape [BATCH, in]. */
  from: Matrix
  /** The same, shape [in, BATCH]; weights, [in, out]; gradients of what came out, [BATCH, out], and that as [out, BATCH]. */
  fromTransposed: Matrix
  weightsTransposed: Matrix
  errors: Matrix
  errorsTransposed: Matrix
  gradients: Matrix
  biasGradients: Float32Array
  moved: Moved[]
}

/**
 * Trains a network to give back what goes in, by the mean squared error of batches of 64 rows (backpropagation; Adam).
 *
 * @param rows of the width of the input, at least one; few rows are drawn again and again
 */
export function trainAutoencoder(rows: Rows, { widths, steps, rate, random }: TrainOptions): DenseNetwork {
  const network = new DenseNetwork(
    widths,
    (width) => 2 * width.in * width.out + BATCH * (width.in + 2 * width.out),
  )
  network.draw(widths, random)
  const trained = prepare(network)
  const order = Uint32Array.from({ length: rows.count }, (_, i) => i)
  let next = order.length
  for (let step = 1; step <= steps; step++) {
    for (let i = 0; i < BATCH; i++) {
      if (next === order.length) next = shuffle(order, random)
      const from = (order[next++] as number) * rows.dim
      network.input.values.set(rows.values.subarray(from, from + rows.dim), i * network.input.columns)
    }
    network.run()
    backpropagate(network, trained)
    const now = (rate * (1 + Math.cos((Math.PI * (step - 1)) / steps))) / 2
    for (const { moved } of trained) for (const each of moved) move(each, now, step)
  }
  return network
}

function prepare({ matrices, layers, input }: DenseNetwork): Trained[] {
  return layers.map((layer, i) => {
    const { rows: out, columns: width } = layer.weights
    const gradients = matrices.take(out, width)
    const biasGradients = new Float32Array(out)
    return {
      layer,
      from: layers[i - 1]?.out ?? input,
      fromTransposed: matrices.take(width, BATCH),
      weightsTransposed: matrices.take(width, out),
      errors: matrices.take(BATCH, out),
      errorsTransposed: matrices.take(out, BATCH),
      gradients,
      biasGradients,
      moved: [moving(layer.weights.values, gradients.values), moving(layer.biases, biasGradients)],
    }
  })
}

function moving(values: Float32Array, gradients: Float32Array): Moved {
  return {
    values,
    gradients,
    means: new Float32Array(values.length),
    squares: new Float32Array(values.length),
  }
}

/** Fills the gradients of all layers, the last first. */
function backpropagate({ matrices, input }: DenseNetwork, trained: readonly Trained[]): void {
  for (let l = trained.length - 1; l >= 0; l--) {
    const { layer, from, errors, ...own } = trained[l] as Trained
    const above = trained[l + 1]
    if (above) {
      transpose(above.layer.weights, above.weightsTransposed)
      matrices.multiply(above.errors, above.weightsTransposed, errors)
      if (layer.bent) {
        for (let i = 0; i < errors.values.length; i++) if (layer.out.values[i] === 0) errors.values[i] = 0
      }
    } else {
      // of the mean over rows of the squared error
      const scale = 2 / BATCH
      for (let i = 0; i < errors.values.length; i++)
        errors.values[i] = scale * ((layer.out.values[i] as number) - (input.values[i] as number))
    }
    transpose(errors, own.errorsTransposed)
    transpose(from, own.fromTransposed)
    matrices.multiply(own.errorsTransposed, own.fromTransposed, own.gradients)
    const { values: transposed } = own.errorsTransposed
    for (let j = 0; j < own.biasGradients.length; j++) {
      let sum = 0
      for (let i = j * BATCH; i < (j + 1) * BATCH; i++) sum += transposed[i] as number
      own.biasGradients[j] = sum
    }
  }
}

/** A step of Adam. */
function move({ values, gradients, means, squares }: Moved, rate: number, step: number): void {
  const meanScale = rate / (1 - MEANS ** step)
  const squareScale = 1 / (1 - SQUARES ** step)
  for (let i = 0; i < values.length; i++) {
    const gradient = gradients[i] as number
    const mean = MEANS * (means[i] as number) + (1 - MEANS) * gradient
    const square = SQUARES * (squares[i] as number) + (1 - SQUARES) * gradient * gradient
    means[i] = mean
    squares[i] = square
    values[i] = (values[i] as number) - (meanScale * mean) / (Math.sqrt(square * squareScale) + LEAST)
  }
}

/** In place (Fisher and Yates). @returns 0, where reading begins again */
function shuffle(order: Uint32Array, random: Random): number {
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return 0
}
