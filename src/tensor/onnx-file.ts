import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { EngineError } from '../core/errors.js'
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx-pb.js'

export { TensorProto_DataType as DataType } from './onnx-pb.js'
export type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto }

/** An ONNX model whose graph is there. */
export type GraphModel = ModelProto & { graph: GraphProto }

/** A whole number or a list of them, a string, `{ float }` for a number that ONNX keeps as a float, a tensor or a graph. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | { float: number }
  | TensorProto
  | GraphProto

/**
 * Parses the bytes of an .onnx file. Tensors are views of `bytes`.
 *
 * @param name how the message calls the file
 * @throws EngineError ENCODER_INVALID where it is not an ONNX model, or is cut short
 */
export function readModel(bytes: Uint8Array, name: string): GraphModel {
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw new EngineError('ENCODER_INVALID', `${name} is not an ONNX model, or is cut short`, { cause })
  }
  if (!hasGraph(model) || model.graph.node.length === 0) {
    throw new EngineError('ENCODER_INVALID', `${name} holds no ONNX graph`)
  }
  return model
}

function hasGraph(model: ModelProto): model is GraphModel {
  return model.graph !== undefined
}

/** The bytes of an .onnx file; fields in the order of their numbers, as every protobuf library writes them. */
export function writeModel(model: ModelProto): Uint8Array {
  return toBinary(ModelProtoSchema, model)
}

/** The version of an operator set that the model imports; undefined where it does not. */
export function opsetVersion(model: ModelProto, domain = ''): number | undefined {
  const found = model.opsetImport.find((set) => (set.domain === 'ai.onnx' ? '' : set.domain) === domain)
  return found && Number(found.version)
}

/** An entry for a model's list of operator sets. */
export function operatorSet(domain: string, version: number): ModelProto['opsetImport'][number] {
  return create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })
}

/** A node of a graph. */
export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  options: { attributes?: Record<string, AttributeValue>; domain?: string; name?: string } = {},
): NodeProto {
  const { attributes = {}, domain, name } = options
  return create(NodeProtoSchema, {
    opType,
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([key, value]) => makeAttribute(key, value)),
    ...(domain === undefined ? {} : { domain }),
    ...(name === undefined ? {} : { name }),
  })
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const Type = AttributeProto_AttributeType
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) })
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: Type.STRING, s: new TextEncoder().encode(value) })
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float })
  if ('$typeName' in value) {
    return value.$typeName === 'onnx.GraphProto'
      ? create(AttributeProtoSchema, { name, type: Type.GRAPH, g: value })
      : create(AttributeProtoSchema, { name, type: Type.TENSOR, t: value })
  }
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) })
}

/**
 * What a graph takes or gives.
 *
 * @param dims a number, or a name where any length will do; [] for a scalar
 */
export function makeValueInfo(
  name: string,
  elemType: TensorProto_DataType,
  dims: readonly (number | string)[],
): ValueInfoProto {
  const dim = dims.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }))
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } },
  })
}

/** A graph; `node` in an order in which each comes after what it reads. */
export function makeGraph(
  name: string,
  parts: {
    node: NodeProto[]
    input: ValueInfoProto[]
    output: ValueInfoProto[]
    initializer?: TensorProto[]
  },
): GraphProto {
  return create(GraphProtoSchema, { name, ...parts })
}

/** A model of one graph, in the given version of ONNX's standard operators. */
export function makeModel(
  graph: GraphProto,
  options: { opset: number; irVersion: number; producer: string },
): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: BigInt(options.irVersion),
    producerName: options.producer,
    graph,
    opsetImport: [operatorSet('', options.opset)],
  })
}

/** A node's attribute of that name. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name)
}

/** A node's whole-number attribute, or what it means when absent. */
export function intAttribute(node: NodeProto, name: string, absent: number): number {
  const attribute = attributeOf(node, name)
  return attribute ? Number(attribute.i) : absent
}

/** A node's float attribute, or what it means when absent. */
export function floatAttribute(node: NodeProto, name: string, absent: number): number {
  return attributeOf(node, name)?.f ?? absent
}

const TYPES = new Map<unknown, TensorProto_DataType>([
  [Float32Array, TensorProto_DataType.FLOAT],
  [Int8Array, TensorProto_DataType.INT8],
  [Uint8Array, TensorProto_DataType.UINT8],
  [Int32Array, TensorProto_DataType.INT32],
  [BigInt64Array, TensorProto_DataType.INT64],
])

/**
 * A tensor with its values; the values are not copied.
 *
 * @param dims [] for a scalar
 * @param dataType told by the kind of array, but for BOOL, which is a byte each
 */
export function makeTensor(
  name: string,
  dims: readonly number[],
  values: Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array,
  dataType: TensorProto_DataType = TYPES.get(values.constructor) ?? TensorProto_DataType.UNDEFINED,
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  })
}

/** A vector of int64, or a scalar where `values` is a number. */
export function makeInt64(name: string, values: number | readonly number[]): TensorProto {
  const list = typeof values === 'number' ? [values] : values
  return makeTensor(
    name,
    typeof values === 'number' ? [] : [values.length],
    BigInt64Array.from(list, (value) => BigInt(value)),
  )
}

/** Dimensions as numbers. */
export function shapeOf(tensor: TensorProto): number[] {
  return tensor.dims.map(Number)
}

/** Bytes of the values. */
export function tensorBytes(tensor: TensorProto): number {
  return (
    tensor.rawData.length +
    4 * (tensor.floatData.length + tensor.int32Data.length) +
    8 * tensor.int64Data.length
  )
}

/**
 * Values of a float32 tensor, copied.
 *
 * @throws EngineError UNSUPPORTED where they lie in a file of their own, ENCODER_INVALID where some are missing
 */
export function floatValues(tensor: TensorProto): Float32Array {
  checkInside(tensor)
  const count = shapeOf(tensor).reduce((product, dim) => product * dim, 1)
  const values =
    tensor.floatData.length > 0
      ? Float32Array.from(tensor.floatData)
      : new Float32Array(new Uint8Array(tensor.rawData).buffer, 0, Math.floor(tensor.rawData.length / 4))
  if (tensor.dataType !== TensorProto_DataType.FLOAT || values.length !== count) {
    throw new EngineError(
      'ENCODER_INVALID',
      `tensor ${tensor.name} has ${values.length} float32 values, expected ${count}`,
    )
  }
  return values
}

/** @throws EngineError UNSUPPORTED where the tensor's values lie in a file of their own */
export function checkInside(tensor: TensorProto): void {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    throw new EngineError(
      'UNSUPPORTED',
      `tensor ${tensor.name} lies outside the .onnx file (external data): save the model as one file of less than 2 GB`,
    )
  }
}
