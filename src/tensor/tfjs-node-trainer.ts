import { setImmediate as nextTurn } from 'node:timers/promises'
import type * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import { checkMetric, checkOptions, checkWeight } from './check-trainer.js'
import { CHUNK_TIME, ChunkedTrainer, type MeasuredChunk } from './chunked-trainer.js'
import { type EagerOptimizer, eagerOptimizer } from './eager-optimizer.js'
import { missingKernel } from './missing-kernel.js'
import { NoiseSource, quietNoise } from './noise.js'
import { loadTfjsNode, onTfjsNode } from './tfjs-node.js'
import type { StepContext, StepMetrics, TrainableModel } from './trainable-model.js'
import type { TrainerOptions } from './trainer.js'

/** Trains step by step in TensorFlow, through tfjs-node. Its thread is blocked for the chunks of `CHUNK_TIME`. */
export class TfjsNodeTrainer extends ChunkedTrainer {
  readonly metrics: readonly string[]
  readonly #tfjs: typeof tf
  readonly #model: TrainableModel
  readonly #trainable: tf.Variable[]
  /** What is carried from step to step without a gradient. */
  readonly #carried: tf.Variable[]
  readonly #optimizer: EagerOptimizer
  readonly #noise = new Map<string, NoiseSource>()

  private constructor(tfjs: typeof tf, options: TrainerOptions) {
    super(options)
    this.#tfjs = tfjs
    this.#model = buildModel(tfjs, options)
    const variables = [...this.#model.weights.values()]
    this.#trainable = variables.filter(({ trainable }) => trainable)
    this.#carried = variables.filter(({ trainable }) => !trainable)
    this.#optimizer = eagerOptimizer(tfjs, options.optimizer, this.#trainable)
    try {
      this.metrics = Object.keys(this.#rehearse())
    } catch (error) {
      this.#release()
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

  protected async trainChunk(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    found: Record<string, Float32Array>,
  ): Promise<number> {
    const { batch } = this.options
    const names = this.inputNames()
    const until = performance.now() + CHUNK_TIME
    let at = 0
    do {
      const told = Object.fromEntries(names.map((name) => [name, inputs[name]?.[at] ?? 0]))
      const metrics = this.#step(rows.subarray(at * batch, (at + 1) * batch), told)
      for (const name of this.metrics) found[name]?.fill(metrics[name] ?? Number.NaN, at, at + 1)
      at++
    } while (at * batch < rows.length && performance.now() < until)
    await this.#turn()
    return at
  }

  protected async measureChunk(rows: Int32Array, inputs: Record<string, number>): Promise<MeasuredChunk> {
    const { batch } = this.options
    const sums: Record<string, number> = {}
    const until = performance.now() + CHUNK_TIME
    let at = 0
    do {
      const part = rows.subarray(at, at + batch)
      const metrics = this.#measure(part, inputs)
      for (const name of this.metrics) {
        sums[name] = (sums[name] ?? 0) + part.length * (metrics[name] ?? Number.NaN)
      }
      at += part.length
    } while (at < rows.length && performance.now() < until)
    await this.#turn()
    return { rows: at, sums }
  }

  weights(): Record<string, Float32Array> {
    this.checkOpen()
    const copies = [...this.#model.weights].map(([name, variable]) => [
      name,
      Float32Array.from(variable.dataSync()),
    ])
    return Object.fromEntries(copies)
  }

  setWeights(weights: Readonly<Record<string, Float32Array>>): void {
    this.checkOpen()
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

  protected async free(): Promise<void> {
    this.#release()
  }

  #release(): void {
    this.#optimizer.dispose()
    for (const variable of this.#model.weights.values()) variable.dispose()
  }

  /** Lets others have their turn. @throws EngineError CLOSED where it was disposed of meanwhile */
  async #turn(): Promise<void> {
    await nextTurn()
    this.checkOpen()
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
    const { batch } = this.options
    const inputs = Object.fromEntries(this.inputNames().map((name) => [name, 0]))
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
    const numbers = this.inputNames().map((name) => [name, this.#tfjs.scalar(inputs[name] ?? 0)])
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
    const source = this.#noise.get(name) ?? new NoiseSource(name, shape, kind, this.options.seed)
    source.check(shape, kind)
    this.#noise.set(name, source)
    return source
  }

  #images(rows: Int32Array): tf.Tensor4D {
    const { images, shape } = this.options
    const values = new Float32Array(rows.length * this.pixels)
    rows.forEach((row, at) => {
      const to = at * this.pixels
      const from = row * this.pixels
      for (let i = 0; i < this.pixels; i++) values[to + i] = (images[from + i] ?? 0) / 255
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
