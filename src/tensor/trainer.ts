import type { OptimizerOptions } from './optimizers.js'
import type { BuildModel } from './trainable-model.js'

/** The runtimes that training can use. */
export const TRAINING_ENGINES = ['onnx', 'tfjs-node'] as const
export type TrainingEngine = (typeof TRAINING_ENGINES)[number]

export interface TrainerOptions {
  /** Default `onnx`; `tfjs-node` where that package is installed. */
  engine?: TrainingEngine
  build: BuildModel
  /** [height, width, channels] */
  shape: readonly [number, number, number]
  /** Images of one step. Larger batches are faster and need more of them. */
  batch: number
  optimizer: OptimizerOptions
  /** Names of numbers that change from step to step, beside `learningRate`. */
  inputs?: readonly string[]
  /** [n * height * width * channels], 0 to 255; never modified. */
  images: Uint8Array
  /** Of first weights and noise. */
  seed: number
  /** Of the computation; default: one a core. */
  threads?: number
}

export interface TrainOptions {
  /** Stops between chunks of steps, with EngineError CANCELLED; the steps done so far are kept. */
  signal?: AbortSignal
  /** Called after each chunk of steps, some tenths of a second apart, with the number of steps done. */
  onProgress?: (steps: number) => void
}

/** A model being trained: its weights, its optimiser's memory and its images, in one place. */
export interface Trainer {
  /** Metrics that the model's loss gives, `loss` first. */
  readonly metrics: readonly string[]

  /**
   * Trains for `rows.length / batch` steps.
   *
   * @param rows of images, step after step; a multiple of `batch`
   * @param inputs numbers of each step: `learningRate`, and those the trainer was told of; length: steps
   * @returns each metric, step by step; what happens after a loss that is NaN is up to the caller
   * @throws EngineError INVALID_REQUEST, CANCELLED, CLOSED
   */
  train(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    options?: TrainOptions,
  ): Promise<Record<string, Float32Array>>

  /**
   * Measures without changing anything: noise off, `training` false.
   *
   * @param rows of images, at least one, any number
   * @param inputs numbers that the loss reads; 0 where one is not given
   * @returns the mean of each metric over the images
   */
  evaluate(
    rows: Int32Array,
    inputs?: Record<string, number>,
    options?: Pick<TrainOptions, 'signal'>,
  ): Promise<Record<string, number>>

  /** A copy of the weights, by the model's names. */
  weights(): Record<string, Float32Array>

  /** Replaces weights, such as by earlier ones; the optimiser's memory stays. @throws EngineError INVALID_REQUEST */
  setWeights(weights: Readonly<Record<string, Float32Array>>): void

  /** Frees everything. Idempotent. */
  dispose(): Promise<void>
}
