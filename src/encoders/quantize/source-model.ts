import { clone } from '@bufbuild/protobuf'
import { EngineError } from '../../core/errors.js'
import { attributeOf, DataType, type GraphModel, opsetVersion } from '../../tensor/onnx-file.js'
import {
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  ValueInfoProtoSchema,
} from '../../tensor/onnx-pb.js'

/** The one output of a model that encodes texts: shape [batch, tokens, dim]. */
export const HIDDEN_STATE = 'last_hidden_state'

const QUANTIZED_OPS =
  /^(MatMulInteger\w*|Dynamic\w*(Quantize|MatMul)\w*|(De)?QuantizeLinear|QLinear\w+|ConvInteger|MatMulNBits|MatMulBnb4|GatherBlockQuantized|QGemm|QAttention|QEmbed\w+|QMoE)$/

/** Names that a node reads, those that its subgraphs take from outside included. */
export function readsOf(node: NodeProto): string[] {
  const inner = node.attribute.flatMap((attribute) => (attribute.g ? [attribute.g] : attribute.graphs))
  return [...node.input, ...inner.flatMap((graph) => graph.node.flatMap(readsOf))]
}

/** Those of the nodes, in their order, that `output` needs. */
export function neededNodes(nodes: readonly NodeProto[], output: string): NodeProto[] {
  const wanted = new Set([output])
  const kept: NodeProto[] = []
  for (const node of nodes.toReversed()) {
    if (!node.output.some((name) => wanted.has(name))) continue
    for (const name of readsOf(node)) wanted.add(name)
    kept.push(node)
  }
  return kept.reverse()
}

/** An fp32 text encoder as a graph that can be asked; it is never changed. */
export class SourceModel {
  readonly model: GraphModel
  /** What {@link HIDDEN_STATE} needs, in order; the output already bears that name. */
  readonly nodes: readonly NodeProto[]
  readonly output: GraphModel['graph']['output'][number]
  /** How the model itself calls that output. */
  readonly outputName: string
  readonly opset: number
  readonly #constants = new Map<string, TensorProto>()
  readonly #producers = new Map<string, NodeProto>()
  readonly #consumers = new Map<string, NodeProto[]>()

  /**
   * @throws EngineError QUANTIZATION_REFUSED where it is quantized already
   * @throws EngineError ENCODER_INVALID where it has no output of shape [batch, tokens, dim]
   */
  constructor(model: GraphModel) {
    this.model = model
    refuseQuantized(model)
    this.opset = opsetVersion(model) ?? 0
    if (this.opset < 11) {
      throw new EngineError(
        'UNSUPPORTED',
        `the model uses ONNX operator set ${this.opset}, expected 11 or later: export it again`,
      )
    }
    const { node, initializer, output } = model.graph
    const found = hiddenState(output)
    this.outputName = found.name
    this.output = clone(ValueInfoProtoSchema, found)
    this.output.name = HIDDEN_STATE
    const rename = (name: string): string => (name === found.name ? HIDDEN_STATE : name)
    this.nodes = neededNodes(node, found.name).map((original) => {
      if (![...original.input, ...original.output].includes(found.name)) return original
      const renamed = clone(NodeProtoSchema, original)
      renamed.input = original.input.map(rename)
      renamed.output = original.output.map(rename)
      return renamed
    })
    for (const tensor of initializer) this.#constants.set(tensor.name, tensor)
    for (const each of this.nodes) this.#record(each)
  }

  #record(node: NodeProto): void {
    const value = node.opType === 'Constant' ? attributeOf(node, 'value')?.t : undefined
    for (const name of node.output) {
      this.#producers.set(name, node)
      if (value) this.#constants.set(name, value)
    }
    for (const name of readsOf(node)) {
      const list = this.#consumers.get(name)
      if (list) list.push(node)
      else this.#consumers.set(name, [node])
    }
  }

  /** An initializer's or a Constant node's tensor. */
  constant(name: string): TensorProto | undefined {
    return this.#constants.get(name)
  }

  producer(name: string): NodeProto | undefined {
    return this.#producers.get(name)
  }

  consumers(name: string): readonly NodeProto[] {
    return this.#consumers.get(name) ?? []
  }

  /** Whether the model itself uses a name, so that a new value must not take it. */
  has(name: string): boolean {
    return this.#constants.has(name) || this.#producers.has(name) || this.#consumers.has(name)
  }
}

function refuseQuantized(model: GraphModel): void {
  const counts = new Map<string, number>()
  for (const { opType } of model.graph.node) {
    if (QUANTIZED_OPS.test(opType)) counts.set(opType, (counts.get(opType) ?? 0) + 1)
  }
  if (counts.size === 0) return
  const found = [...counts].map(([op, count]) => `${count} ${op}`).join(', ')
  throw new EngineError(
    'QUANTIZATION_REFUSED',
    `the model is quantized already (it holds ${found}): give the fp32 model it was made from`,
    { details: { operators: Object.fromEntries(counts) } },
  )
}

function hiddenState(outputs: GraphModel['graph']['output']): GraphModel['graph']['output'][number] {
  const rank = (output: (typeof outputs)[number]): number | undefined =>
    output.type?.value.case === 'tensorType' ? output.type.value.value.shape?.dim.length : undefined
  const float = outputs.filter(
    ({ type }) => type?.value.case === 'tensorType' && type.value.value.elemType === DataType.FLOAT,
  )
  const found =
    float.find(({ name }) => name === HIDDEN_STATE) ??
    float.find(({ name }) => name === 'token_embeddings') ??
    float.find((output) => rank(output) === 3)
  if (found) return found
  const seen = outputs.map((output) => `${output.name} of rank ${rank(output) ?? 'unknown'}`).join(', ')
  throw new EngineError(
    'ENCODER_INVALID',
    `the model has no float32 output of shape [batch, tokens, dim]; its outputs are: ${seen || 'none'}`,
  )
}
