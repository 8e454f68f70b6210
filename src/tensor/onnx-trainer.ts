import * as tf from '@tensorflow/tfjs-core'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { EngineError } from '../core/errors.js'
import { seededRandom } from '../core/random.js'
import { stateInput } from './assemble-steps.js'
import { checkOptions, checkWeight, invalid } from './check-trainer.js'
import { CHUNK_TIME, ChunkedTrainer, type MeasuredChunk } from './chunked-trainer.js'
import { openSession, type Runtime } from './onnx-runtime.js'
import { type RecordedOptimizer, recordedOptimizer } from './optimizers.js'
import { ownWeights } from './own-weights.js'
import { Recording } from './recording.js'
import { record } from './recording-backend.js'
import { recordSteps, type StepProgram } from './step-program.js'
import type { TrainableModel } from './trainable-model.js'
import type { TrainerOptions } from './trainer.js'

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
export class OnnxTrainer extends ChunkedTrainer {
  readonly metrics: readonly string[]
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
  #steps = 0
  #millisecondsPerStep: number | undefined

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
    super(options)
    this.#runtime = runtime
    this.#recording = parts.recording
    this.#model = parts.model
    this.#optimizer = parts.optimizer
    this.#training = training
    this.#states = parts.states
    this.metrics = training.program.metrics
    this.#images = new runtime.Tensor('uint8', inOwnMemory(options.images), [this.count, this.pixels])
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

  protected async trainChunk(
    rows: Int32Array,
    inputs: Record<string, Float32Array>,
    found: Record<string, Float32Array>,
  ): Promise<number> {
    const { batch } = this.options
    const steps = Math.min(rows.length / batch, this.#chunk())
    const started = performance.now()
    const metrics = await this.#run(rows.subarray(0, steps * batch), firstOf(inputs, steps))
    this.#millisecondsPerStep = (performance.now() - started) / steps
    for (const name of this.metrics) found[name]?.set(numbers(metrics[name]))
    return steps
  }

  /** A program measures batches of one size: whole ones first, then what is left. */
  protected async measureChunk(rows: Int32Array, inputs: Record<string, number>): Promise<MeasuredChunk> {
    const size = Math.min(this.options.batch, rows.length)
    const part = rows.subarray(0, size * Math.min(this.#chunk(), Math.floor(rows.length / size)))
    const metrics = await this.#measure(part, size, inputs)
    const sums = this.metrics.map((name) => {
      return [name, size * numbers(metrics[name]).reduce((total, value) => total + value, 0)] as const
    })
    return { rows: part.length, sums: Object.fromEntries(sums) }
  }

  weights(): Record<string, Float32Array> {
    this.checkOpen()
    return Object.fromEntries(
      [...this.#model.weights.keys()].map((name) => [name, numbers(this.#states.get(name)?.now).slice()]),
    )
  }

  setWeights(weights: Readonly<Record<string, Float32Array>>): void {
    this.checkOpen()
    for (const [name, values] of Object.entries(weights)) {
      const target = this.#model.weights.has(name) ? numbers(this.#states.get(name)?.now) : undefined
      checkWeight(name, values, target)
    }
    for (const [name, values] of Object.entries(weights)) numbers(this.#states.get(name)?.now).set(values)
  }

  protected async free(): Promise<void> {
    for (const variable of this.#model.weights.values()) variable.dispose()
    for (const { session } of [this.#training, ...this.#measuring.values()]) await session.release()
    this.#measuring.clear()
    this.#states.clear()
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
    const steps = rows.length / this.options.batch
    const feeds: Record<string, Tensor> = {
      images: this.#images,
      rows: new Tensor('int32', rows, [steps, this.options.batch]),
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
    for (const name of this.inputNames()) feeds[name] = new Tensor('float32', inputs[name] ?? [], [steps])
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
    for (const name of this.inputNames()) {
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
    const options = { ...programOptions(this.options, this.#model), batch }
    const program = record(this.#recording, () => recordSteps(this.#recording, options))
    const { session } = await openSession(program.bytes, this.options)
    return { program, session }
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

function firstOf(inputs: Record<string, Float32Array>, steps: number): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.subarray(0, steps)]))
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
