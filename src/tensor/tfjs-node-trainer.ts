import { setImmediate as nextTurn } from 'node:timers/promises'
import type * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import { checkMetric, checkOptions, checkRows, checkSteps, checkWeight } from './check-trainer.js'
import { type EagerOptimizer, eagerOptimizer } from './eager-optimizer.js'
import { missingKernel } from './missing-kernel.js'
import { NoiseSource, quietNoise } from './noise.js'
import { loadTfjsNode, onTfjsNode } from './tfjs-node.js'
import type { StepContext, StepMetrics, TrainableModel } from './trainable-model.js'
import type { Trainer, TrainerOptions, TrainOptions } from './trainer.js'

/** Milliseconds of steps between two turns of the event loop, where there is progress and a chance to stop. */
const CHUNK_TIME = 200

/** Trains step by step in TensorFlow, through tfjs-node. Its thread is blocked for the chunks of `CHUNK_TIME`. */
export class TfjsNodeTrainer implements Trainer {
  readonly metrics: readonly string[]
  readonly #tfjs: typeof tf
  readonly #options: TrainerOptions
  readonly #model: TrainableModel
  readonly #trainable: tf.Variable[]
  /** What is carried from step to step without a gradient. */
  readonly #carried: tf.Variable[]
  readonly #optimizer: EagerOptimizer
  readonly #noise = new Map<string, NoiseSource>()
  readonly #pixels: number
  readonly #count: number
  #closed = false

  private constructor(tfjs: typeof tf, options: TrainerOptions) {
    this.#tfjs = tfjs
    this.#options = options
    this.#pixels = options.shape.reduce((product, size) => product * size, 1)
    this.#count = options.images.length / this.#pixels
    this.#model = buildModel(tfjs, options)
    const variables = [...this.#model.weights.values()]
    this.#trainable = variables.filter(({ trainable }) => trainable)
    this.#carried = variables.filter(({ trainable }) => !trainable)
    this.#optimizer = eagerOptimizer(tfjs, options.optimizer, this.#trainable)
    try {
      this.metrics = Object.keys(this.#rehearse())
    } catch (error) {
      this.#free()
      throw missingKernel(error, 'is not in tfjs-node') ?? error
    }
  }

  /**
   * @throws EngineError INVALID_REQUEST, KERNEL_MISSING where tfjs-node lacks an operation of the model,
   * NATIVE_ADDON_MISSING where it is not installed
   */
  static async create(options: TrainerOptions): Promise<TfjsNodeTrainer> {
    checkOptions(options)
    const tfjs = loadTfjsNode()
    return onTfjsNode(tfjs, () => new TfjsNodeTrainer(tfjs, options))
  }

  async train(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    { signal, onProgress }: TrainOptions = {},
  ): Promise<Record<string, Float32Array>> {
    this.#checkOpen()
    const { batch } = this.#options
    const names = this.#inputNames()
    const steps = checkSteps(rows, inputs, { batch, count: this.#count, names })
    const found = Object.fromEntries(this.metrics.map((name) => [name, new Float32Array(steps)]))
    for (let at = 0; at < steps; ) {
      if (signal?.aborted)
        throw new EngineError('CANCELLED', `training was stopped after ${at} of ${steps} steps`)
      const until = performance.now() + CHUNK_TIME
      do {
        const told = Object.fromEntries(names.map((name) => [name, inputs[name]?.[at] ?? 0]))
        const metrics = this.#step(rows.subarray(at * batch, (at + 1) * batch), told)
        for (const name of this.metrics) found[name]?.fill(metrics[name] ?? Number.NaN, at, at + 1)
        at++
      } while (at < steps && performance.now() < until)
      onProgress?.(at)
      await nextTurn()
      this.#checkOpen()
    }
    return found
  }

  async evaluate(
    rows: Int32Array,
    inputs: Record<string, number> = {},
    { signal }: Pick<TrainOptions, 'signal'> = {},
  ): Promise<Record<string, number>> {
    this.#checkOpen()
    checkRows(rows, this.#count)
    const { batch } = this.#options
    const sums = new Map(this.metrics.map((name) => [name, 0]))
    let turned = performance.now()
    for (let from = 0; from < rows.length; from += batch) {
      if (signal?.aborted) throw new EngineError('CANCELLED', 'measuring was stopped')
      const part = rows.subarray(from, from + batch)
      const metrics = this.#measure(part, inputs)
      for (const [name, sum] of sums) sums.set(name, sum + part.length * (metrics[name] ?? Number.NaN))
      if (performance.now() - turned < CHUNK_TIME) continue
      await nextTurn()
      this.#checkOpen()
      turned = performance.now()
    }
    return Object.fromEntries([...sums].map(([name, sum]) => [name, sum / rows.length]))
  }

  weights(): Record<string, Float32Array> {
    this.#checkOpen()
    const copies = [...this.#model.weights].map(([name, variable]) => [
      name,
      Float32Array.from(variable.dataSync()),
    ])
    return Object.fromEntries(copies)
  }

  setWeights(weights: Readonly<Record<string, Float32Array>>): void {
    this.#checkOpen()
    for (const [name, values] of Object.entries(weights)) {
      const variable = this.#model.weights.get(name)
      checkWeight(name, values, variable && { length: variable.size })
    }
    this.#tidied(() => {
      for (const [name, values] of Object.entries(weights)) {
        const variable = this.#model.weights.get(name)
        // TensorFlow reads the array where it lies, as long as the tensor lives
        variable?.assign(this.#tfjs.tensor(Float32Array.from(values), variable.shape))
      }
    })
  }

  async dispose(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#free()
  }

  #free(): void {
    this.#optimizer.dispose()
    for (const variable of this.#model.weights.values()) variable.dispose()
  }

  /** Names of the numbers that each step is given by the caller. */
  #inputNames(): string[] {
    return ['learningRate', ...(this.#options.inputs ?? [])]
  }

  #step(rows: Int32Array, inputs: Record<string, number>): Record<string, number> {
    return this.#tidied(() => {
      const { gradients, metrics } = this.#differentiate(rows, this.#context(inputs, this.#drawn))
      this.#optimizer.apply(gradients, inputs.learningRate ?? 0)
      return metrics
    })
  }

  #measure(rows: Int32Array, inputs: Record<string, number>): Record<string, number> {
    return this.#keeping(() => this.#numbers(this.#model.loss(this.#images(rows), this.#context(inputs))))
  }

  /** Makes a step without its effects, to learn what the model gives and whether all of it can be computed. */
  #rehearse(): Record<string, number> {
    const { batch } = this.#options
    const inputs = Object.fromEntries(this.#inputNames().map((name) => [name, 0]))
    const noise: StepContext['noise'] = (name, shape, kind) => {
      this.#source(name, shape, kind)
      return this.#tfjs.fill(shape, quietNoise(kind))
    }
    return this.#keeping(
      () => this.#differentiate(new Int32Array(batch), this.#context(inputs, noise)).metrics,
    )
  }

  #differentiate(
    rows: Int32Array,
    context: StepContext,
  ): { gradients: tf.NamedTensorMap; metrics: Record<string, number> } {
    let metrics: Record<string, number> = {}
    const images = this.#images(rows)
    const { grads } = this.#tfjs.variableGrads(() => {
      const found = this.#model.loss(images, context)
      metrics = this.#numbers(found)
      return found.loss
    }, this.#trainable)
    return { gradients: grads, metrics }
  }

  #numbers(metrics: StepMetrics): Record<string, number> {
    return Object.fromEntries(
      Object.entries(metrics).map(([name, metric]) => [
        name,
        checkMetric(name, metric).dataSync()[0] ?? Number.NaN,
      ]),
    )
  }

  /** @param noise absent: nothing is trained, noise is at its mean */
  #context(inputs: Record<string, number>, noise?: StepContext['noise']): StepContext {
    const numbers = this.#inputNames().map((name) => [name, this.#tfjs.scalar(inputs[name] ?? 0)])
    return {
      training: noise !== undefined,
      inputs: Object.fromEntries(numbers) as StepContext['inputs'],
      noise: noise ?? ((_name, shape, kind) => this.#tfjs.fill(shape, quietNoise(kind))),
    }
  }

  readonly #drawn: StepContext['noise'] = (name, shape, kind) => {
    const source = this.#source(name, shape, kind)
    const { rows, width, bank } = source
    const values = new Float32Array(rows * width)
    source.draw(1).forEach((row, at) => {
      values.set(bank.subarray(row * width, (row + 1) * width), at * width)
    })
    return this.#tfjs.tensor(values, shape)
  }

  #source(name: string, shape: number[], kind: NoiseSource['kind']): NoiseSource {
    const source = this.#noise.get(name) ?? new NoiseSource(name, shape, kind, this.#options.seed)
    source.check(shape, kind)
    this.#noise.set(name, source)
    return source
  }

  #images(rows: Int32Array): tf.Tensor4D {
    const { images, shape } = this.#options
    const values = new Float32Array(rows.length * this.#pixels)
    rows.forEach((row, at) => {
      const to = at * this.#pixels
      const from = row * this.#pixels
      for (let i = 0; i < this.#pixels; i++) values[to + i] = (images[from + i] ?? 0) / 255
    })
    return this.#tfjs.tensor4d(values, [rows.length, ...shape])
  }

  /** Runs it; what the model carries from step to step is afterwards as before. */
  #keeping<Result extends Record<string, number>>(compute: () => Result): Result {
    return this.#tidied(() => {
      const before = this.#carried.map((variable) => this.#tfjs.clone(variable))
      try {
        return compute()
      } finally {
        this.#carried.forEach((variable, at) => {
          variable.assign(before[at] ?? variable)
        })
      }
    })
  }

  #tidied<Result extends tf.TensorContainer>(compute: () => Result): Result {
    return onTfjsNode(this.#tfjs, () => this.#tfjs.tidy(compute))
  }

  #checkOpen(): void {
    if (this.#closed) throw new EngineError('CLOSED', 'the trainer was disposed of')
  }
}

function buildModel(tfjs: typeof tf, { build, seed }: TrainerOptions): TrainableModel {
  let model: TrainableModel | undefined
  tfjs.tidy(() => {
    model = build(tfjs, seededRandom(seed))
  })
  if (!model) throw new EngineError('INTERNAL', 'the model was not built')
  // so that models of several trainers may use the same names
  for (const { name } of model.weights.values()) delete tfjs.engine().registeredVariables[name]
  return model
}
