import * as tf from '@tensorflow/tfjs-core'
import { seededRandom } from '../core/random.js'
import { ONNX_VERSION } from './assemble-steps.js'
import { checkWeight, invalid } from './check-trainer.js'
import { FREE_BATCH, isFree } from './layout.js'
import { DataType, makeGraph, makeModel, makeValueInfo, writeModel } from './onnx-file.js'
import { ownWeights } from './own-weights.js'
import { Recording } from './recording.js'
import { record } from './recording-backend.js'
import type { BuildModel, TrainableModel } from './trainable-model.js'

/** Stands for any number of items as the first dimension of an input. */
export const ANY_BATCH = 'batch'

/** What is recorded. */
export interface InferenceOptions<Model extends Pick<TrainableModel, 'weights'>> {
  /** Makes the model, as it did for training. */
  build: (...args: Parameters<BuildModel>) => Model
  /** All of the model's weights, as a trainer gives them; they become constants of the file under their names. */
  weights: Readonly<Record<string, Float32Array>>
  /** Shapes of the inputs by name; the first dimension may be {@link ANY_BATCH}. */
  inputs: Readonly<Record<string, readonly [number | typeof ANY_BATCH, ...number[]]>>
  /** Computes the outputs. As in training, only what tfjs's operations give is recorded. */
  outputs: (model: Model, inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>
}

/**
 * Records what a model computes with its weights as an .onnx file that any runtime can load. Inputs and outputs are
 * float32 and have the names that they have here.
 *
 * ```ts
 * const encoder = recordInference({
 *   build, // (tfjs, random) => ({ weights, loss, encode })
 *   weights: trainer.weights(),
 *   inputs: { image: [ANY_BATCH, 28, 28, 1] },
 *   outputs: (model, { image }) => ({ latent: model.encode(image) }),
 * })
 * const program = await OnnxProgram.create(encoder)
 * ```
 *
 * @throws EngineError INVALID_REQUEST where a weight is missing or of another length, KERNEL_MISSING or UNSUPPORTED
 * where the function cannot be recorded
 */
export function recordInference<Model extends Pick<TrainableModel, 'weights'>>({
  build,
  weights,
  inputs,
  outputs,
}: InferenceOptions<Model>): Uint8Array {
  const recording = new Recording()
  return record(recording, () => {
    const model = build(tf, seededRandom(0))
    ownWeights(model)
    const graph = recording.begin()
    try {
      for (const name of Object.keys(weights)) {
        if (!model.weights.has(name)) throw invalid(`weight "${name}" is not one of the model's`)
      }
      for (const [name, variable] of model.weights) {
        const values = weights[name] ?? new Float32Array()
        checkWeight(name, values, { length: variable.size })
        graph.named(name, values, variable.shape)
        recording.bind(variable, name)
      }
      const placeholders = Object.entries(inputs).map(([name, shape]) => {
        const sizes = shape.map((size) => (size === ANY_BATCH ? FREE_BATCH : size))
        return [name, recording.placeholder(name, sizes, 'float32')] as const
      })
      const found = Object.entries(outputs(model, Object.fromEntries(placeholders)))
      const results = found.map(([name, tensor]) => ({
        name: graph.pass(recording.name(tensor), name),
        shape: tensor.shape.map(size),
      }))
      const names = results.map(({ name }) => name)
      return writeModel(
        makeModel(
          makeGraph('inference', {
            node: graph.needed(names),
            input: Object.entries(inputs).map(([name, shape]) => makeValueInfo(name, DataType.FLOAT, shape)),
            output: results.map(({ name, shape }) => makeValueInfo(name, DataType.FLOAT, shape)),
            initializer: graph.constants(names),
          }),
          ONNX_VERSION,
        ),
      )
    } finally {
      for (const variable of model.weights.values()) variable.dispose()
    }
  })
}

/** A dimension as the file names it: products of a free batch with something have no name. */
function size(dim: number): number | string {
  if (!isFree(dim)) return dim
  return dim === FREE_BATCH ? ANY_BATCH : `${dim / FREE_BATCH}*${ANY_BATCH}`
}
