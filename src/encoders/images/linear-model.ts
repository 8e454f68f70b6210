import {
  DataType,
  type GraphProto,
  makeGraph,
  makeInt64,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
  writeModel,
} from '../../tensor/onnx-file.js'
import type { InputShape } from './choose-shape.js'

/** A pair of .onnx files: image [batch, size, size, channels] in 0..1 to latent [batch, dim], and back. */
export interface LinearModel {
  encoder: Uint8Array
  decoder: Uint8Array
}

/**
 * Writes a linear encoder: `latent = image . components' - mean . components'`, `image = latent . components + mean`.
 *
 * @param components shape [dim, pixels], rows of length 1 at right angles
 * @param mean shape [pixels], in 0..1
 */
export function linearModel(
  { size, channels }: InputShape,
  { components, mean }: { components: Float32Array; mean: Float32Array },
): LinearModel {
  const pixels = size * size * channels
  const dim = components.length / pixels
  const turned = new Float32Array(components.length)
  const offset = new Float32Array(dim)
  for (let k = 0; k < dim; k++) {
    let sum = 0
    for (let j = 0; j < pixels; j++) {
      const weight = components[k * pixels + j] as number
      turned[j * dim + k] = weight
      sum -= weight * (mean[j] as number)
    }
    offset[k] = sum
  }
  const image = makeValueInfo('image', DataType.FLOAT, ['batch', size, size, channels])
  const latent = makeValueInfo('latent', DataType.FLOAT, ['batch', dim])
  return {
    encoder: written(
      makeGraph('encoder', {
        node: [
          makeNode('Reshape', ['image', 'flat'], ['pixels']),
          makeNode('MatMul', ['pixels', 'components'], ['products']),
          makeNode('Add', ['products', 'offset'], ['latent']),
        ],
        input: [image],
        output: [latent],
        initializer: [
          makeInt64('flat', [-1, pixels]),
          makeTensor('components', [pixels, dim], turned),
          makeTensor('offset', [dim], offset),
        ],
      }),
    ),
    decoder: written(
      makeGraph('decoder', {
        node: [
          makeNode('MatMul', ['latent', 'components'], ['products']),
          makeNode('Add', ['products', 'mean'], ['pixels']),
          makeNode('Reshape', ['pixels', 'shape'], ['image']),
        ],
        input: [latent],
        output: [image],
        initializer: [
          makeTensor('components', [dim, pixels], components),
          makeTensor('mean', [pixels], mean),
          makeInt64('shape', [-1, size, size, channels]),
        ],
      }),
    ),
  }
}

function written(graph: GraphProto): Uint8Array {
  return writeModel(makeModel(graph, { opset: 17, irVersion: 8, producer: 'kindred' }))
}
