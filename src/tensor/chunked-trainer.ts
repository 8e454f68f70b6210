import { EngineError } from '../core/errors.js'
import { checkRows, checkSteps } from './check-trainer.js'
import type { Trainer, TrainerOptions, TrainOptions } from './trainer.js'

/** How long a chunk of steps should take, in milliseconds: between chunks there is progress, and a chance to stop. */
export const CHUNK_TIME = 200

/** Some rows measured: how many, and each metric summed over their images. */
export interface MeasuredChunk {
  rows: number
  sums: Record<string, number>
}

/** What every trainer does: checks what it is given, works chunk by chunk, and stops between chunks. */
export abstract class ChunkedTrainer implements Trainer {
  abstract readonly metrics: readonly string[]
  protected readonly options: TrainerOptions
  /** Numbers of one image. */
  protected readonly pixels: number
  /** Images there are. */
  protected readonly count: number
  #closed = false

  protected constructor(options: TrainerOptions) {
    this.options = options
    this.pixels = options.shape.reduce((product, size) => product * size, 1)
    this.count = options.images.length / this.pixels
  }

  async train(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    { signal, onProgress }: TrainOptions = {},
  ): Promise<Record<string, Float32Array>> {
    this.checkOpen()
    const { batch } = this.options
    const steps = checkSteps(rows, inputs, { batch, count: this.count, names: this.inputNames() })
    const found = Object.fromEntries(this.metrics.map((name) => [name, new Float32Array(steps)]))
    for (let at = 0; at < steps; ) {
      if (signal?.aborted) {
        throw new EngineError('CANCELLED', `training was stopped after ${at} of ${steps} steps`)
      }
      at += await this.trainChunk(rows.subarray(at * batch), rest(inputs, at), rest(found, at))
      onProgress?.(at)
    }
    return found
  }

  async evaluate(
    rows: Int32Array,
    inputs: Record<string, number> = {},
    { signal }: Pick<TrainOptions, 'signal'> = {},
  ): Promise<Record<string, number>> {
    this.checkOpen()
    checkRows(rows, this.count)
    const totals = new Map(this.metrics.map((name) => [name, 0]))
    for (let at = 0; at < rows.length; ) {
      if (signal?.aborted) throw new EngineError('CANCELLED', 'measuring was stopped')
      const measured = await this.measureChunk(rows.subarray(at), inputs)
      for (const [name, total] of totals) totals.set(name, total + (measured.sums[name] ?? Number.NaN))
      at += measured.rows
    }
    return Object.fromEntries([...totals].map(([name, total]) => [name, total / rows.length]))
  }

  abstract weights(): Record<string, Float32Array>
  abstract setWeights(weights: Readonly<Record<string, Float32Array>>): void

  async dispose(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.free()
  }

  /**
   * Trains some steps, in about {@link CHUNK_TIME}.
   *
   * @param rows of all steps that are left; the first are taken
   * @param inputs of those steps
   * @param found takes each metric of the steps that were done, from its beginning on
   * @returns how many steps were done
   */
  protected abstract trainChunk(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    found: Record<string, Float32Array>,
  ): Promise<number>

  /** Measures some rows, the first of those that are left. */
  protected abstract measureChunk(rows: Int32Array, inputs: Record<string, number>): Promise<MeasuredChunk>

  /** Gives back what it holds; called once. */
  protected abstract free(): Promise<void>

  /** Names of the numbers that each step is given by the caller. */
  protected inputNames(): string[] {
    return ['learningRate', ...(this.options.inputs ?? [])]
  }

  /** @throws EngineError CLOSED */
  protected checkOpen(): void {
    if (this.#closed) throw new EngineError('CLOSED', 'the trainer was disposed of')
  }
}

function rest(lists: Record<string, Float32Array>, at: number): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values.subarray(at)]))
}
