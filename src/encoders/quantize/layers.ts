import { EngineError } from '../../core/errors.js'
import {
  attributeOf,
  checkInside,
  DataType,
  floatAttribute,
  floatValues,
  intAttribute,
  type NodeProto,
  shapeOf,
  type TensorProto,
  tensorBytes,
} from '../../tensor/onnx-file.js'
import { kindOf, type LayerKind } from './layer-kind.js'
import type { SourceModel } from './source-model.js'

/** A product of activations and a constant matrix. */
export interface MatrixLayer {
  node: NodeProto
  kind: LayerKind
  /** The value multiplied, its last dimension `k`. */
  activation: string
  k: number
  n: number
  tensor: TensorProto
  /** Whether the tensor is [n, k] instead of [k, n]. */
  transposed: boolean
  /** Added to the product (Gemm's C). */
  bias?: string
}

/** The word embeddings: rows of a constant table, looked up by token. */
export interface EmbeddingLayer {
  node: NodeProto
  tensor: TensorProto
  rows: number
  dim: number
}

export interface Layers {
  matrices: MatrixLayer[]
  embedding: EmbeddingLayer | undefined
  /** Large constant weights that stay fp32, described for people: `2 Conv`. */
  left: string[]
}

/** Weights smaller than this are not worth a look: position tables of test models, heads. */
const SMALL = 1024

interface Weight {
  tensor: TensorProto
  transposed: boolean
}

/** The float32 matrix behind a name, through Identity and Transpose. */
function weightOf(source: SourceModel, name: string): Weight | undefined {
  const tensor = source.constant(name)
  if (tensor)
    return tensor.dataType === DataType.FLOAT && tensor.dims.length === 2
      ? { tensor, transposed: false }
      : undefined
  const producer = source.producer(name)
  const from = producer?.input[0]
  if (!producer || from === undefined) return undefined
  if (producer.opType === 'Identity') return weightOf(source, from)
  if (producer.opType !== 'Transpose') return undefined
  const perm = attributeOf(producer, 'perm')?.ints.map(Number) ?? [1, 0]
  const inner = weightOf(source, from)
  if (!inner || perm.length !== 2) return undefined
  return { tensor: inner.tensor, transposed: perm[0] === 1 ? !inner.transposed : inner.transposed }
}

/**
 * Finds what can be quantized: MatMul and Gemm with constant weights, and the table of word embeddings. Layers are
 * told apart by what is computed from them, not by their names, which every exporter chooses differently.
 *
 * @throws EngineError UNSUPPORTED where less than half of the weights can be quantized; the message says what was found
 */
export function findLayers(source: SourceModel): Layers {
  const embedding = findEmbedding(source)
  const matrices: MatrixLayer[] = []
  const taken = new Set<TensorProto>(embedding ? [embedding.tensor] : [])
  for (const node of source.nodes) {
    const layer = matrixLayer(source, node)
    if (!layer) continue
    matrices.push(layer)
    taken.add(layer.tensor)
  }
  const layerOf = new Set(matrices.map(({ node }) => node))
  for (const layer of matrices) {
    layer.kind = kindOf(source, layer, {
      isLayer: (other) => layerOf.has(other),
      isComputed: (name) => weightOf(source, name) === undefined,
    })
  }
  const { left, leftBytes } = leftovers(source, taken)
  const bytes = [...taken].reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
  if (matrices.length === 0 || bytes < leftBytes) {
    throw new EngineError(
      'UNSUPPORTED',
      `found ${matrices.length} MatMul or Gemm with constant float32 weights and ${embedding ? 'a' : 'no'} table of word embeddings, ` +
        `which is less than half of the model; besides: ${left.join(', ') || 'nothing'}. ` +
        'Export it to plain ONNX in float32, without fusions',
      { details: { matrices: matrices.length, embeddings: embedding !== undefined, left } },
    )
  }
  return { matrices, embedding, left }
}

function matrixLayer(source: SourceModel, node: NodeProto): MatrixLayer | undefined {
  const [activation, weightName, bias] = node.input
  if (activation === undefined || weightName === undefined) return undefined
  if ((node.opType !== 'MatMul' && node.opType !== 'Gemm') || source.constant(activation)) return undefined
  const weight = weightOf(source, weightName)
  if (!weight || tensorBytes(weight.tensor) < SMALL) return undefined
  checkInside(weight.tensor)
  let { transposed } = weight
  if (node.opType === 'Gemm') {
    const plain =
      floatAttribute(node, 'alpha', 1) === 1 &&
      floatAttribute(node, 'beta', 1) === 1 &&
      intAttribute(node, 'transA', 0) === 0
    if (!plain) return undefined
    if (intAttribute(node, 'transB', 0) === 1) transposed = !transposed
  }
  const [rows = 0, columns = 0] = shapeOf(weight.tensor)
  const [k, n] = transposed ? [columns, rows] : [rows, columns]
  return {
    node,
    kind: 'other',
    activation,
    k,
    n,
    tensor: weight.tensor,
    transposed,
    ...(node.opType === 'Gemm' && bias ? { bias } : {}),
  }
}

function findEmbedding(source: SourceModel): EmbeddingLayer | undefined {
  for (const node of source.nodes) {
    const [table, tokens] = node.input
    if (node.opType !== 'Gather' || intAttribute(node, 'axis', 0) !== 0) continue
    const tensor = table === undefined ? undefined : source.constant(table)
    if (tensor?.dataType !== DataType.FLOAT || tensor.dims.length !== 2) continue
    if (tokens === undefined || !isTokenInput(source, tokens)) continue
    checkInside(tensor)
    const [rows = 0, dim = 0] = shapeOf(tensor)
    return { node, tensor, rows, dim }
  }
  return undefined
}

function isTokenInput(source: SourceModel, name: string): boolean {
  if (name === 'input_ids') return true
  const producer = source.producer(name)
  const from = producer?.input[0]
  return (
    producer !== undefined &&
    from !== undefined &&
    /^(Cast|Identity|Reshape)$/.test(producer.opType) &&
    isTokenInput(source, from)
  )
}

function leftovers(
  source: SourceModel,
  taken: ReadonlySet<TensorProto>,
): { left: string[]; leftBytes: number } {
  const counts = new Map<string, number>()
  const seen = new Set<TensorProto>()
  for (const node of source.nodes) {
    for (const name of node.input) {
      const tensor = source.constant(name)
      if (!tensor || taken.has(tensor) || seen.has(tensor) || tensor.dims.length < 2) continue
      if (tensorBytes(tensor) < SMALL || /^(Slice|Shape|Constant)$/.test(node.opType)) continue
      seen.add(tensor)
      const type = DataType[tensor.dataType]?.toLowerCase() ?? 'unknown'
      const what = `${node.opType} with ${type === 'float' ? 'float32' : type} weights`
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
  }
  return {
    left: [...counts].map(([what, count]) => `${count} ${what}`),
    leftBytes: [...seen].reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
  }
}

/** The weights as [k, n] (`by: 'row'`) or [n, k] (`by: 'column'`), row-major. */
export function weightsOf(layer: MatrixLayer, by: 'row' | 'column'): Float32Array {
  const values = floatValues(layer.tensor)
  if (layer.transposed === (by === 'column')) return values
  const [rows, columns] = layer.transposed ? [layer.n, layer.k] : [layer.k, layer.n]
  const turned = new Float32Array(values.length)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j] as number
  }
  return turned
}
