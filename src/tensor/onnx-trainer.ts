import * as tf from '@tensorflow/tfjs-core'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import { stateInput } from './assemble-steps.js'
import { checkOptions, checkRows, checkSteps, checkWeight, invalid } from './check-trainer.js'
import { openSession, type Runtime } from './onnx-runtime.js'
import { type RecordedOptimizer, recordedOptimizer } from './optimizers.js'
import { ownWeights } from './own-weights.js'
import { Recording } from './recording.js'
import { record } from './recording-backend.js'
import { recordSteps, type StepProgram } from './step-program.js'
import type { TrainableModel } from './trainable-model.js'
import type { Trainer, TrainerOptions, TrainOptions } from './trainer.js'

/** How long a chunk of steps should take, in milliseconds: between chunks there is progress, and a chance to stop. */
const CHUNK_TIME = 200
/** Steps of the first chunk, which tells how long one takes. */
const FIRST_CHUNK = 4

/** A program that is ready to run. */
interface Compiled {
  program: StepProgram
  session: InferenceSession
}

/** A state's numbers in ONNX Runtime: those of now, and room for those after the next run. */
interface State {
  now: Tensor
  next: Tensor
}

/**
 * Trains in ONNX Runtime: a step, as tfjs computes it, is recorded once and becomes the body of a loop inside of one
 * program. What is learned stays in place from run to run: outputs are written where the next run reads.
 */
export class OnnxTrainer implements Trainer {
  readonly metrics: readonly string[]
  readonly #options: TrainerOptions
  readonly #runtime: Runtime
  readonly #recording: Recording
  readonly #model: TrainableModel
  readonly #optimizer: RecordedOptimizer
  readonly #training: Compiled
  /** Programs that measure, by the size of their batch. */
  readonly #measuring = new Map<number, Compiled>()
  readonly #states: Map<string, State>
  readonly #images: Tensor
  readonly #banks: Record<string, Tensor>
  readonly #count: number
  #steps = 0
  #millisecondsPerStep: number | undefined
  #closed = false

  private constructor(parts: {
    options: TrainerOptions
    runtime: Runtime
    recording: Recording
    model: TrainableModel
    optimizer: RecordedOptimizer
    training: Compiled
    states: Map<string, State>
  }) {
    const { options, runtime, training } = parts
    this.#options = options
    this.#runtime = runtime
    this.#recording = parts.recording
    this.#model = parts.model
    this.#optimizer = parts.optimizer
    this.#training = training
    this.#states = parts.states
    this.metrics = training.program.metrics
    const pixels = options.shape.reduce((product, size) => product * size, 1)
    this.#count = options.images.length / pixels
    this.#images = new runtime.Tensor('uint8', inOwnMemory(options.images), [this.#count, pixels])
    this.#banks = Object.fromEntries(
      training.program.noise.map(({ name, bank, bankRows, width }) => [
        `noise/${name}`,
        new runtime.Tensor('float32', bank, [bankRows, width]),
      ]),
    )
  }

  /** @throws EngineError INVALID_REQUEST, KERNEL_MISSING, UNSUPPORTED where the model cannot be recorded */
  static async create(options: TrainerOptions): Promise<OnnxTrainer> {
    checkOptions(options)
    const recording = new Recording()
    const optimizer = recordedOptimizer(options.optimizer)
    const { model, first } = buildModel(recording, options)
    const program = record(recording, () =>
      recordSteps(recording, { ...programOptions(options, model), optimizer }),
    )
    const { runtime, session } = await openSession(program.bytes, options)
    const states = new Map(
      program.states.map(({ name, shape }) => {
        const values = first.get(name) ?? new Float32Array(tf.util.sizeFromShape([...shape]))
        const now = new runtime.Tensor('float32', values, shape)
        const next = new runtime.Tensor('float32', new Float32Array(values.length), shape)
        return [name, { now, next }]
      }),
    )
    return new OnnxTrainer({
      options,
      runtime,
      recording,
      model,
      optimizer,
      training: { program, session },
      states,
    })
  }

  async train(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    { signal, onProgress }: TrainOptions = {},
  ): Promise<Record<string, Float32Array>> {
    this.#checkOpen()
    const { batch } = this.#options
    const steps = checkSteps(rows, inputs, { batch, count: this.#count, names: this.#inputNames() })
    const found = Object.fromEntries(this.metrics.map((name) => [name, new Float32Array(steps)]))
    for (let from = 0; from < steps; ) {
      if (signal?.aborted)
        throw new EngineError('CANCELLED', `training was stopped after ${from} of ${steps} steps`)
      const to = Math.min(steps, from + this.#chunk())
      const started = performance.now()
      const metrics = await this.#run(rows.subarray(from * batch, to * batch), slices(inputs, from, to))
      this.#millisecondsPerStep = (performance.now() - started) / (to - from)
      for (const name of this.metrics) found[name]?.set(numbers(metrics[name]), from)
      from = to
      onProgress?.(from)
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
    const whole = rows.length - (rows.length % batch)
    const parts = [
      { part: rows.subarray(0, whole), size: batch },
      { part: rows.subarray(whole), size: rows.length - whole },
    ]
    for (const { part, size } of parts) {
      for (let from = 0; from < part.length; ) {
        if (signal?.aborted) throw new EngineError('CANCELLED', 'measuring was stopped')
        const to = Math.min(part.length, from + size * this.#chunk())
        const metrics = await this.#measure(part.subarray(from, to), size, inputs)
        for (const [name, sum] of sums) {
          sums.set(name, sum + size * numbers(metrics[name]).reduce((total, value) => total + value, 0))
        }
        from = to
      }
    }
    return Object.fromEntries([...sums].map(([name, sum]) => [name, sum / rows.length]))
  }

  weights(): Record<string, Float32Array> {
    this.#checkOpen()
    return Object.fromEntries(
      [...this.#model.weights.keys()].map((name) => [name, numbers(this.#states.get(name)?.now).slice()]),
    )
  }

  setWeights(weights: Readonly<Record<string, Float32Array>>): void {
    this.#checkOpen()
    for (const [name, values] of Object.entries(weights)) {
      const target = this.#model.weights.has(name) ? numbers(this.#states.get(name)?.now) : undefined
      checkWeight(name, values, target)
    }
    for (const [name, values] of Object.entries(weights)) numbers(this.#states.get(name)?.now).set(values)
  }

  async dispose(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const variable of this.#model.weights.values()) variable.dispose()
    for (const { session } of [this.#training, ...this.#measuring.values()]) await session.release()
    this.#measuring.clear()
    this.#states.clear()
  }

  /** Names of the numbers that each step is given by the caller. */
  #inputNames(): string[] {
    return ['learningRate', ...(this.#options.inputs ?? [])]
  }

  #chunk(): number {
    if (this.#millisecondsPerStep === undefined) return FIRST_CHUNK
    return Math.max(1, Math.round(CHUNK_TIME / this.#millisecondsPerStep))
  }

  /** Runs some steps and moves the states on. */
  async #run(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const { Tensor } = this.#runtime
    const { program, session } = this.#training
    const steps = rows.length / this.#options.batch
    const feeds: Record<string, Tensor> = {
      images: this.#images,
      rows: new Tensor('int32', rows, [steps, this.#options.batch]),
      ...this.#banks,
    }
    const told = new Float32Array(this.#optimizer.inputs.length * steps)
    for (let at = 0; at < steps; at++) {
      const values = this.#optimizer.step(this.#steps + at + 1, inputs.learningRate?.[at] ?? 0)
      values.forEach((value, which) => {
        told[which * steps + at] = value
      })
    }
    this.#optimizer.inputs.forEach((name, which) => {
      feeds[name] = new Tensor('float32', told.subarray(which * steps, (which + 1) * steps), [steps])
    })
    for (const name of this.#inputNames()) feeds[name] = new Tensor('float32', inputs[name] ?? [], [steps])
    for (const source of program.noise) {
      feeds[`noise/${source.name}/rows`] = new Tensor('int32', source.draw(steps), [steps, source.rows])
    }
    const fetches: Record<string, Tensor | null> = Object.fromEntries(
      this.metrics.map((name) => [name, null]),
    )
    for (const [name, { now, next }] of this.#states) {
      feeds[stateInput(name, true)] = now
      fetches[`out/${name}`] = next
    }
    const found = await session.run(feeds, fetches)
    for (const state of this.#states.values()) [state.now, state.next] = [state.next, state.now]
    this.#steps += steps
    return found
  }

  async #measure(
    rows: Int32Array,
    batch: number,
    inputs: Record<string, number>,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const { Tensor } = this.#runtime
    const compiled = this.#measuring.get(batch) ?? (await this.#compileMeasuring(batch))
    this.#measuring.set(batch, compiled)
    const steps = rows.length / batch
    const feeds: Record<string, Tensor> = {
      images: this.#images,
      rows: new Tensor('int32', rows, [steps, batch]),
    }
    for (const name of this.#inputNames()) {
      feeds[name] = new Tensor('float32', new Float32Array(steps).fill(inputs[name] ?? 0), [steps])
    }
    for (const { name } of compiled.program.states) {
      const state = this.#states.get(name)
      if (state) feeds[stateInput(name, false)] = state.now
    }
    const wanted = new Set(compiled.session.inputNames)
    return compiled.session.run(
      Object.fromEntries(Object.entries(feeds).filter(([name]) => wanted.has(name))),
    )
  }

  async #compileMeasuring(batch: number): Promise<Compiled> {
    const options = { ...programOptions(this.#options, this.#model), batch }
    const program = record(this.#recording, () => recordSteps(this.#recording, options))
    const { session } = await openSession(program.bytes, this.#options)
    return { program, session }
  }

  #checkOpen(): void {
    if (this.#closed) throw new EngineError('CLOSED', 'the trainer was disposed of')
  }
}

function programOptions(options: TrainerOptions, model: TrainableModel) {
  const { shape, batch, seed } = options
  return { model, shape, batch, seed, inputs: ['learningRate', ...(options.inputs ?? [])] }
}

/** Builds the model under the recording, and finds the numbers that its weights begin with. */
function buildModel(
  recording: Recording,
  { build, seed }: TrainerOptions,
): { model: TrainableModel; first: Map<string, Float32Array> } {
  return record(recording, () => {
    const model = build(tf, seededRandom(seed))
    const first = new Map<string, Float32Array>()
    ownWeights(model)
    for (const [name, variable] of model.weights) {
      const values = recording.known(variable)
      if (!values) throw invalid(`weight "${name}" begins with computed numbers; make it of known ones`)
      first.set(name, Float32Array.from(values))
    }
    return { model, first }
  })
}

function slices(
  inputs: Record<string, Float32Array>,
  from: number,
  to: number,
): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.subarray(from, to)]))
}

/** ONNX Runtime's binding reads plain memory only: shared bytes are copied, once. */
function inOwnMemory(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof ArrayBuffer ? bytes : Uint8Array.from(bytes)
}

function numbers(tensor: unknown): Float32Array {
  const data = (tensor as { data?: unknown } | undefined)?.data
  if (data instanceof Float32Array) return data
  throw new EngineError('INTERNAL', 'a program gave something else than float32 numbers')
}
