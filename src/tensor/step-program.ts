import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'
import { assembleSteps, type ProgramState } from './assemble-steps.js'
import { checkMetric } from './check-trainer.js'
import { ONNX_TYPES } from './graph-recorder.js'
import { NoiseSource, quietNoise } from './noise.js'
import type { RecordedOptimizer } from './optimizers.js'
import type { Recording } from './recording.js'
import type { StepContext, StepMetrics, TrainableModel } from './trainable-model.js'

/**
 * Many steps of a model as one ONNX model. Inputs: `images` uint8 [n, h * w * c]; `rows` int32 [steps, batch]; each of
 * `stepInputs` float32 [steps]; of each noise `noise/NAME` (its bank) and `noise/NAME/rows` int32 [steps, rows]; each
 * state. Outputs: each state as `out/NAME` where the program changes it, each metric float32 [steps].
 */
export interface StepProgram {
  bytes: Uint8Array
  /** Weights first, then what the optimiser keeps. */
  states: ProgramState[]
  /** Whether states are outputs too. */
  trains: boolean
  stepInputs: string[]
  metrics: string[]
  noise: NoiseSource[]
}

/** What is recorded. */
export interface StepOptions {
  model: TrainableModel
  /** [height, width, channels] */
  shape: readonly [number, number, number]
  batch: number
  /** Names of the numbers of a step that the model reads, `learningRate` among them. */
  inputs: readonly string[]
  /** Absent: the program measures and changes nothing. */
  optimizer?: RecordedOptimizer
  /** Of the noise. */
  seed: number
}

/** Records steps of a model; to be called while `recording` is under way. */
export function recordSteps(recording: Recording, options: StepOptions): StepProgram {
  const graph = recording.begin()
  const { model, optimizer, batch } = options
  const stepInputs = [...options.inputs, ...(optimizer?.inputs ?? [])]
  const noise = new Map<string, NoiseSource>()
  const context: StepContext = {
    training: optimizer !== undefined,
    inputs: Object.fromEntries(
      options.inputs.map((name) => [name, recording.placeholder(`step/${name}`, [], 'float32') as tf.Scalar]),
    ),
    noise: (name, shape, kind) => {
      if (!optimizer) return tf.fill(shape, quietNoise(kind))
      const source = noise.get(name) ?? new NoiseSource(name, shape, kind, options.seed)
      source.check(shape, kind)
      noise.set(name, source)
      const rows = graph.node('Gather', [`noise/${name}`, `step/noise/${name}`], { axis: 0 })
      const flat = recording.placeholder(rows, [source.rows, source.width], 'float32')
      return tf.reshape(flat, shape)
    },
  }
  for (const [name, variable] of model.weights) recording.bind(variable, `state/${name}`)
  const images = batchOfImages(recording, options.shape, batch)

  const states: ProgramState[] = [...model.weights].map(([name, { shape }]) => ({ name, shape }))
  const outputs: string[] = []
  let metrics: StepMetrics
  if (optimizer) {
    const { gradients, found } = differentiate(model, images, context)
    metrics = found
    const inputs = optimizer.inputs.map((name) => recording.named(`step/${name}`, [], 'float32'))
    const kept: string[] = []
    for (const [name, variable] of model.weights) {
      const gradient = gradients[variable.name]
      if (!gradient || !variable.trainable) {
        outputs.push(recording.name(variable))
        continue
      }
      const slots = optimizer.slots.map((slot) => ({ name: `${name}/${slot}`, shape: variable.shape }))
      const before = slots.map((slot) => recording.named(`state/${slot.name}`, slot.shape, 'float32'))
      const [after, ...slotsAfter] = optimizer.update(recording, variable, gradient, before, inputs)
      outputs.push(recording.name(after ?? variable))
      kept.push(...slotsAfter.map((slot) => recording.name(slot)))
      states.push(...slots)
    }
    outputs.push(...kept)
  } else {
    metrics = model.loss(images, context)
  }
  const names = Object.keys(metrics)
  try {
    outputs.push(...names.map((name) => scalarName(recording, name, metrics[name])))
  } finally {
    for (const metric of Object.values(metrics)) if (!(metric instanceof tf.Variable)) metric.dispose()
  }

  const program = {
    states,
    trains: optimizer !== undefined,
    stepInputs,
    metrics: names,
    noise: [...noise.values()],
  }
  const pixels = options.shape.reduce((product, size) => product * size, 1)
  return { ...program, bytes: assembleSteps(graph, { ...program, outputs, batch, pixels }) }
}

/** The step's images, gathered out of all of them, as numbers in 0..1. */
function batchOfImages(
  recording: Recording,
  shape: readonly [number, number, number],
  batch: number,
): tf.Tensor4D {
  const { graph } = recording
  const chosen = graph.node('Gather', ['images', 'step/rows'], { axis: 0 })
  const floats = graph.node('Cast', [chosen], { to: ONNX_TYPES.float32 })
  const scaled = graph.node('Mul', [floats, graph.constant([1 / 255], [], 'float32')])
  const pixels = shape.reduce((product, size) => product * size, 1)
  return tf.reshape(recording.placeholder(scaled, [batch, pixels], 'float32'), [batch, ...shape])
}

function differentiate(
  model: TrainableModel,
  images: tf.Tensor4D,
  context: StepContext,
): { gradients: tf.NamedTensorMap; found: StepMetrics } {
  let found: StepMetrics | undefined
  const trainable = [...model.weights.values()].filter((variable) => variable.trainable)
  const { grads } = tf.variableGrads(() => {
    found = model.loss(images, context)
    // the metrics outlive the differentiation, which disposes of what it does not return
    for (const metric of Object.values(found)) tf.keep(metric)
    return found.loss
  }, trainable)
  if (!found) throw new EngineError('INTERNAL', 'the loss was not computed')
  return { gradients: grads, found }
}

function scalarName(recording: Recording, name: string, metric: tf.Tensor | undefined): string {
  return recording.name(recording.reshape(checkMetric(name, metric), []))
}
