import { create } from '@bufbuild/protobuf'
import { EngineError } from '../../core/errors.js'
import { type GraphModel, operatorSet, opsetVersion } from '../../tensor/onnx-file.js'
import { GraphProtoSchema, ModelProtoSchema } from '../../tensor/onnx-pb.js'
import { BLOCK, type BlockBits, BlocksWriter, MICROSOFT } from './blocks.js'
import type { LayerKind } from './layer-kind.js'
import type { Layers } from './layers.js'
import { type GraphParts, PerRowWriter } from './per-row.js'
import { HIDDEN_STATE, neededNodes, readsOf, type SourceModel } from './source-model.js'

/** How the layers of one kind are written. */
export type LayerMethod = 'fp32' | 'per-row' | 'blocks-4' | 'blocks-8'

/** A method for each kind of layer; fp32 where none is given. */
export type Plan = Partial<Record<LayerKind, LayerMethod>>

const bitsOf = (method: 'blocks-4' | 'blocks-8'): BlockBits => (method === 'blocks-4' ? 4 : 8)

/** A new model with the layers written as the plan says and with `last_hidden_state` as its only output. */
export function rewrite(source: SourceModel, layers: Layers, plan: Plan): GraphModel {
  const parts: GraphParts = {
    nodes: [],
    initializers: [],
    tables: [],
    opset: source.opset,
    fresh: (name) => {
      let free = name
      while (source.has(free)) free += '_'
      return free
    },
  }
  const perRow = new PerRowWriter(parts)
  const blocks = new BlocksWriter(parts)
  const matrices = new Map(layers.matrices.map((layer) => [layer.node, layer]))
  for (const node of source.nodes) {
    const matrix = matrices.get(node)
    const embedding = layers.embedding?.node === node ? layers.embedding : undefined
    const method = plan[embedding ? 'embeddings' : (matrix?.kind ?? 'other')] ?? 'fp32'
    if ((!matrix && !embedding) || method === 'fp32') parts.nodes.push(node)
    else if (method === 'per-row') {
      if (matrix) perRow.matrix(matrix)
      else if (embedding) perRow.embedding(embedding)
    } else if (matrix) blocks.matrix(matrix, bitsOf(method))
    else if (embedding) {
      if (embedding.dim % BLOCK !== 0) {
        throw new EngineError(
          'UNSUPPORTED',
          `blocks need word embeddings of a multiple of ${BLOCK} dimensions, these have ${embedding.dim}`,
        )
      }
      blocks.embedding(embedding, bitsOf(method))
    }
  }
  return assemble(source, parts)
}

function assemble(source: SourceModel, parts: GraphParts): GraphModel {
  const { model } = source
  const nodes = neededNodes(parts.nodes, HIDDEN_STATE)
  const used = new Set(nodes.flatMap(readsOf))
  const opsets = [...model.opsetImport]
  if (nodes.some((node) => node.domain === MICROSOFT) && opsetVersion(model, MICROSOFT) === undefined) {
    opsets.push(operatorSet(MICROSOFT, 1))
  }
  const graph = create(GraphProtoSchema, {
    ...without(model.graph, 'node', 'initializer', 'output', 'valueInfo'),
    node: nodes,
    initializer: [
      ...model.graph.initializer.filter(({ name }) => used.has(name)),
      ...parts.initializers,
      ...parts.tables,
    ],
    output: [source.output],
    valueInfo: model.graph.valueInfo.filter(({ name }) => used.has(name)),
  })
  const written = create(ModelProtoSchema, {
    ...without(model, 'graph', 'opsetImport', 'producerName'),
    producerName: 'kindred',
    opsetImport: opsets,
    graph,
  })
  // what the schema subset does not name, functions for instance
  written.$unknown = model.$unknown
  graph.$unknown = model.graph.$unknown
  return Object.assign(written, { graph })
}

/** The fields of a message that are set, but for some. */
function without<T extends object, K extends keyof T>(message: T, ...keys: K[]): Omit<T, K> {
  const copy = { ...message }
  for (const key of keys) delete copy[key]
  return copy
}
