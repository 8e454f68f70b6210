import {
  type AttributeValue,
  DataType,
  makeInt64,
  makeNode,
  makeTensor,
  type NodeProto,
  type TensorProto,
} from './onnx-file.js'

/** The kinds of values that a recorded graph works with, as tfjs calls them. */
export type Dtype = 'float32' | 'int32' | 'bool'

/** How ONNX numbers them. */
export const ONNX_TYPES: Readonly<Record<Dtype, DataType>> = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  bool: DataType.BOOL,
}

/** Constants up to this many values are compared, so that equal ones are kept once. */
const COMPARED = 64

/**
 * Nodes and constants of one ONNX graph, in the order in which they were recorded. What is recorded twice is kept once:
 * a node with the inputs and attributes of an earlier one gives that one's output.
 */
export class GraphRecorder {
  readonly nodes: NodeProto[] = []
  readonly #constants = new Map<string, TensorProto>()
  readonly #known = new Map<string, string>()
  #count = 0

  /** Records a node of one output; returns the output's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const key = `${opType}(${inputs.join(',')})${JSON.stringify(attributes)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const name = this.#name(opType.toLowerCase())
    this.nodes.push(makeNode(opType, inputs, [name], { attributes }))
    this.#known.set(key, name)
    return name
  }

  /** The same value under a name of its own. */
  pass(input: string, name = this.#name('output')): string {
    this.nodes.push(makeNode('Identity', [input], [name]))
    return name
  }

  /** A constant of the graph; equal small ones, and those given the same `key`, are kept once. */
  constant(
    values: ArrayLike<number>,
    shape: readonly number[],
    dtype: Dtype,
    key = values.length <= COMPARED ? Array.from(values).join(',') : undefined,
  ): string {
    return this.#constant(key && `${dtype}[${shape.join(',')}]${key}`, (name) =>
      makeTensor(name, shape, toArray(values, dtype), ONNX_TYPES[dtype]),
    )
  }

  /** A float32 constant under a name that was chosen. */
  named(name: string, values: Float32Array, shape: readonly number[]): void {
    this.#constants.set(name, makeTensor(name, shape, values))
  }

  /** A constant vector of int64, as shapes and axes are given. */
  ints(values: readonly number[]): string {
    return this.#constant(`int64[${values.join(',')}]`, (name) => makeInt64(name, values))
  }

  /** The constants that nodes or `outputs` read. */
  constants(outputs: readonly string[]): TensorProto[] {
    const read = new Set([...outputs, ...this.nodes.flatMap((node) => node.input)])
    return [...this.#constants.values()].filter((tensor) => read.has(tensor.name))
  }

  /** The nodes that `outputs` need, in order. */
  needed(outputs: readonly string[]): NodeProto[] {
    const wanted = new Set(outputs)
    const kept: NodeProto[] = []
    for (const node of this.nodes.toReversed()) {
      if (!node.output.some((name) => wanted.has(name))) continue
      for (const name of node.input) wanted.add(name)
      kept.push(node)
    }
    return kept.reverse()
  }

  #constant(key: string | undefined, make: (name: string) => TensorProto): string {
    const known = key === undefined ? undefined : this.#known.get(key)
    if (known !== undefined) return known
    const tensor = make(this.#name('constant'))
    this.#constants.set(tensor.name, tensor)
    if (key !== undefined) this.#known.set(key, tensor.name)
    return tensor.name
  }

  #name(kind: string): string {
    this.#count++
    return `${kind}_${this.#count}`
  }
}

function toArray(values: ArrayLike<number>, dtype: Dtype): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values)
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values)
  return values instanceof Uint8Array ? values : Uint8Array.from(values)
}
