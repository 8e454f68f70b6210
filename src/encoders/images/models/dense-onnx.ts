import {
  DataType,
  makeGraph,
  makeInt64,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
  writeModel,
} from '../../../tensor/onnx-file.js'
import type { InputShape } from '../choose-shape.js'
import { type DenseLayer, type DenseShape, decoderLayers, encoderLayers, weightNames } from './dense-model.js'

type Weights = Readonly<Record<string, Float32Array>>
type Nodes = ReturnType<typeof makeNode>[]
type Tensors = ReturnType<typeof makeTensor>[]

/**
 * Writes a trained model as two .onnx files with a free batch size: image [batch, size, size, channels] in 0..1 to latent
 * [batch, dim] (of a VAE its mu, and logVar beside it), and latent back to the image.
 */
export function denseOnnx(
  shape: DenseShape,
  { size, channels }: InputShape,
  weights: Weights,
): { encoder: Uint8Array; decoder: Uint8Array } {
  const image = makeValueInfo('image', DataType.FLOAT, ['batch', size, size, channels])
  const latent = makeValueInfo('latent', DataType.FLOAT, ['batch', shape.dim])
  const logVar = makeValueInfo('logVar', DataType.FLOAT, ['batch', shape.dim])
  const split = shape.variational
    ? [makeNode('Split', ['encoded', 'halves'], ['latent', 'logVar'], { attributes: { axis: 1 } })]
    : []
  const down = layerNodes(encoderLayers(shape), weights, {
    from: 'pixels',
    to: shape.variational ? 'encoded' : 'latent',
  })
  const up = layerNodes(decoderLayers(shape), weights, { from: 'latent', to: 'logits' })
  return {
    encoder: written(
      makeGraph('encoder', {
        node: [makeNode('Reshape', ['image', 'flat'], ['pixels']), ...down.nodes, ...split],
        input: [image],
        output: shape.variational ? [latent, logVar] : [latent],
        initializer: [
          makeInt64('flat', [-1, shape.pixels]),
          ...(shape.variational ? [makeInt64('halves', [shape.dim, shape.dim])] : []),
          ...down.tensors,
        ],
      }),
    ),
    decoder: written(
      makeGraph('decoder', {
        node: [
          ...up.nodes,
          makeNode('Sigmoid', ['logits'], ['values']),
          makeNode('Reshape', ['values', 'shape'], ['image']),
        ],
        input: [latent],
        output: [image],
        initializer: [makeInt64('shape', [-1, size, size, channels]), ...up.tensors],
      }),
    ),
  }
}

function layerNodes(
  layers: readonly DenseLayer[],
  weights: Weights,
  { from, to }: { from: string; to: string },
): { nodes: Nodes; tensors: Tensors } {
  const nodes: Nodes = []
  const tensors: Tensors = []
  let values = from
  layers.forEach((layer, i) => {
    const last = i === layers.length - 1
    const { kernel, bias } = weightNames(layer)
    const sums = last ? to : `${layer.name}/sums`
    nodes.push(makeNode('Gemm', [values, kernel, bias], [sums]))
    if (!last) nodes.push(makeNode('Relu', [sums], [`${layer.name}/values`]))
    values = last ? to : `${layer.name}/values`
    tensors.push(makeTensor(kernel, [layer.inputs, layer.outputs], weights[kernel] ?? new Float32Array()))
    tensors.push(makeTensor(bias, [layer.outputs], weights[bias] ?? new Float32Array()))
  })
  return { nodes, tensors }
}

function written(graph: ReturnType<typeof makeGraph>): Uint8Array {
  return writeModel(makeModel(graph, { opset: 17, irVersion: 8, producer: 'kindred' }))
}
