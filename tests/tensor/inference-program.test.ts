import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '#src/core/random.js'
import { ANY_BATCH, recordInference } from '#src/tensor/inference-program.js'
import { readModel } from '#src/tensor/onnx-file.js'
import { OnnxProgram } from '#src/tensor/onnx-program.js'
import { difference, eager, randomValues } from './recorded.js'

/** A small convolutional autoencoder of images of 9 x 7 x 2, with everything that depends on the batch's size. */
function build(tfjs: typeof tf, random: Random) {
  const weight = (...shape: number[]) =>
    tfjs.variable(
      tfjs.tensor(
        Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, random.normal),
        shape,
      ),
    )
  const down = weight(3, 3, 2, 4)
  const scale = weight(4)
  const dense = weight(20, 3)
  const back = weight(3, 20)
  const up = weight(3, 3, 2, 4)
  return {
    weights: new Map([
      ['down', down],
      ['scale', scale],
      ['dense', dense],
      ['back', back],
      ['up', up],
    ]),
    encode(images: tf.Tensor4D): tf.Tensor {
      const [batch] = images.shape
      const sums = tfjs.conv2d(images, down as tf.Tensor4D, 2, 'same')
      const { mean, variance } = tfjs.moments(sums, [3], true)
      const normal = tfjs.batchNorm4d(
        sums,
        tfjs.tile(mean, [1, 1, 1, 4]) as tf.Tensor4D,
        tfjs.tile(variance, [1, 1, 1, 4]) as tf.Tensor4D,
        undefined,
        tfjs.tile(tfjs.reshape(scale, [1, 1, 1, 4]), [batch, 5, 4, 1]) as tf.Tensor4D,
      )
      const pooled = tfjs.avgPool(tfjs.maxPool(tfjs.relu(normal), 2, 1, 'same'), [1, 4], [1, 4], 'same')
      return tfjs.matMul(tfjs.reshape(pooled, [batch, 20]) as tf.Tensor2D, dense as tf.Tensor2D)
    },
    decode(latent: tf.Tensor2D): tf.Tensor {
      const [batch] = latent.shape
      const small = tfjs.reshape(tfjs.matMul(latent, back as tf.Tensor2D), [batch, 5, 1, 4]) as tf.Tensor4D
      const wide = tfjs.image.resizeBilinear(tfjs.image.resizeNearestNeighbor(small, [5, 2]), [5, 4])
      const picture = tfjs.conv2dTranspose(wide, up as tf.Tensor4D, [batch, 9, 7, 2], 2, 'same')
      return tfjs.concat([tfjs.sigmoid(picture), tfjs.zerosLike(picture)], 3)
    },
  }
}

const firstWeights = (): Record<string, Float32Array> =>
  Object.fromEntries(
    [...build(tf, seededRandom(5)).weights].map(([name, variable]) => {
      const values = variable.dataSync() as Float32Array
      variable.dispose()
      return [name, values]
    }),
  )

const encoderOptions = {
  build,
  inputs: { image: [ANY_BATCH, 9, 7, 2] as const },
  outputs: (model: ReturnType<typeof build>, { image }: Record<string, tf.Tensor>) => ({
    latent: model.encode(image as tf.Tensor4D),
  }),
}

describe('a program for inference', () => {
  it('computes what tfjs computes, for batches of any size, with the given weights', async () => {
    await tf.setBackend('cpu')
    const weights = firstWeights()
    const files = {
      encode: recordInference({ ...encoderOptions, weights }),
      decode: recordInference({
        build,
        weights,
        inputs: { latent: [ANY_BATCH, 3] },
        outputs: (model, { latent }) => ({ image: model.decode(latent as tf.Tensor2D) }),
      }),
    }
    for (const [part, shape, bytes] of [
      ['encode', [9, 7, 2], files.encode],
      ['decode', [3], files.decode],
    ] as const) {
      const program = await OnnxProgram.create(bytes, { threads: 1 })
      const [input = '', output = ''] = [program.inputs[0], program.outputs[0]]
      for (const batch of [1, 2, 5]) {
        const x = randomValues([batch, ...shape], batch)
        const [expected = []] = await eager([x], (given) => {
          const model = build(tf, seededRandom(5))
          const y =
            part === 'encode' ? model.encode(given as tf.Tensor4D) : model.decode(given as tf.Tensor2D)
          for (const variable of model.weights.values()) variable.dispose()
          return [y]
        })
        const found = (await program.run({ [input]: { data: x.data, dims: x.shape } }))[output]
        expect(found?.dims).toEqual(part === 'encode' ? [batch, 3] : [batch, 9, 7, 4])
        expect(difference(found?.data ?? [], expected)).toBeLessThan(1e-5)
      }
      await program.dispose()
    }
  })

  it('keeps the weights under their names, and nothing that its outputs do not need', async () => {
    await tf.setBackend('cpu')
    const { graph } = readModel(recordInference({ ...encoderOptions, weights: firstWeights() }), 'encoder')
    const names = graph.initializer.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['down', 'scale', 'dense']))
    expect(names).not.toContain('up')
    expect(graph.input.map(({ name }) => name)).toEqual(['image'])
    expect(graph.output.map(({ name }) => name)).toEqual(['latent'])
  })

  it('refuses weights that are missing, unknown or of another length, by name', async () => {
    await tf.setBackend('cpu')
    const weights = firstWeights()
    const { down: _, ...missing } = weights
    for (const [given, message] of [
      [missing, 'weight "down"'],
      [{ ...weights, odd: new Float32Array(1) }, 'weight "odd"'],
      [{ ...weights, dense: new Float32Array(59) }, '"dense" has 59 numbers, the model\'s has 60'],
    ] as const) {
      expect(() => recordInference({ ...encoderOptions, weights: given })).toThrow(
        expect.objectContaining({ code: 'INVALID_REQUEST', message: expect.stringContaining(message) }),
      )
    }
  })
})
