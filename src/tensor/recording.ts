import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'
import { type Dtype, GraphRecorder, ONNX_TYPES } from './graph-recorder.js'
import { commonLayout, FREE_BATCH, isFree, sizeOf } from './layout.js'
import type { AttributeValue } from './onnx-file.js'

/** What a tensor stands for while a graph is recorded. */
interface Value {
  /**
   * The dimensions that the value really has. They hold as many numbers as those of the tensor, in the same order, or
   * fewer that broadcast to them: a constant 0 of any size has [].
   */
  shape: readonly number[]
  /** Numbers, where they are known already. */
  values?: ArrayLike<number>
  /** Its name in the graph, where it has one. */
  name?: string
  graph?: GraphRecorder
}

/** Attributes of a node to record. */
export type Attributes = Readonly<Record<string, AttributeValue>>

/** An input of a node: a tensor, or the name of a constant of the graph. */
export type Operand = tf.TensorInfo | string

/**
 * What tfjs computes, written down as nodes of an ONNX graph instead of computed. Tensors are stand-ins: a shape, a
 * kind, and the name under which the graph will know them. One recording may fill several graphs one after the
 * other (`begin`); tensors with known numbers, such as a model's first weights, are good in all of them.
 */
export class Recording {
  graph = new GraphRecorder()
  #freeBatchOf: string | undefined
  readonly #values = new WeakMap<tf.DataId, Value>()

  /** Begins another graph. */
  begin(): GraphRecorder {
    this.graph = new GraphRecorder()
    this.#freeBatchOf = undefined
    return this.graph
  }

  /** A tensor that the graph takes as an input, or that an earlier node of it gives. */
  placeholder(name: string, shape: readonly number[], dtype: Dtype): tf.Tensor {
    const info = this.named(name, shape, dtype)
    if (shape[0] === FREE_BATCH) this.#freeBatchOf ??= name
    return tf.engine().makeTensorFromTensorInfo(info)
  }

  /** Makes a variable of the model stand for the named input. */
  bind(tensor: tf.Tensor, name: string): void {
    this.#values.set(tensor.dataId, { shape: tensor.shape, name, graph: this.graph })
  }

  /** The tensor that a node of the graph gives. */
  named(name: string, shape: readonly number[], dtype: tf.DataType, physical = shape): tf.TensorInfo {
    const dataId = {}
    this.#values.set(dataId, { shape: [...physical], name, graph: this.graph })
    return { dataId, shape: [...shape], dtype }
  }

  /** Keeps numbers that tfjs was given. */
  write(dataId: tf.DataId, values: ArrayLike<number>, shape: readonly number[]): void {
    this.#values.set(dataId, { shape: [...shape], values })
  }

  /** The numbers that tfjs was given, where it was given some. */
  written(dataId: tf.DataId): ArrayLike<number> | undefined {
    return this.#values.get(dataId)?.values
  }

  /** The shape that two shapes broadcast to. */
  broadcast(a: readonly number[], b: readonly number[]): number[] {
    return tf.broadcast_util.assertAndGetBroadcastShape([...a], [...b])
  }

  /** A tensor full of one number, however large: it is kept once and broadcast where it meets others. */
  fill(shape: readonly number[], value: number, dtype: tf.DataType): tf.TensorInfo {
    const dataId = {}
    this.#values.set(dataId, { shape: [], values: [value] })
    return { dataId, shape: [...shape], dtype }
  }

  /** The same value under another shape or kind, without a node. */
  alias(tensor: tf.TensorInfo, shape: readonly number[] = tensor.shape): tf.TensorInfo {
    const dataId = {}
    this.#values.set(dataId, this.#value(tensor))
    return { dataId, shape: [...shape], dtype: tensor.dtype }
  }

  /** The numbers of a tensor that holds constants, all of its shape; undefined where the graph computes them. */
  known(tensor: tf.TensorInfo): ArrayLike<number> | undefined {
    const { values } = this.#value(tensor)
    const size = tf.util.sizeFromShape(tensor.shape)
    if (values === undefined || values.length === size) return values
    return new Array<number>(size).fill(values[0] ?? 0)
  }

  /** The number of a tensor that is the same constant everywhere; undefined where it is not. */
  scalar(tensor: tf.TensorInfo): number | undefined {
    const { values } = this.#value(tensor)
    return values?.length === 1 ? values[0] : undefined
  }

  /** Records a node that reads its operands in full and gives one output of the given shape. */
  op(
    opType: string,
    operands: readonly Operand[],
    shape: readonly number[],
    dtype: tf.DataType,
    attributes: Attributes = {},
  ): tf.TensorInfo {
    const inputs = operands.map((operand) => this.name(operand))
    return this.named(this.graph.node(opType, inputs, attributes), shape, dtype)
  }

  /**
   * Records a node that works number by number and broadcasts: on as few numbers as its operands really have, and in
   * the dimensions that they really have, so that no node has to wait for a reshape.
   */
  elementwise(
    opType: string,
    operands: readonly tf.TensorInfo[],
    dtype: tf.DataType,
    attributes: Attributes = {},
  ): tf.TensorInfo {
    const shape = operands.map((operand) => operand.shape).reduce((a, b) => this.broadcast(a, b))
    const values = operands.map((tensor) => ({ tensor, shape: this.#value(tensor).shape }))
    const layout = commonLayout(values, shape)
    const inputs = values.map(({ tensor, shape: own }) => {
      if (layout) return this.#laidOut(tensor, layout)
      return sizeOf(own) < sizeOf(tensor.shape) ? this.#compactName(tensor) : this.name(tensor)
    })
    const physical =
      layout ??
      values
        .map(({ tensor, shape: own }) => [...(sizeOf(own) < sizeOf(tensor.shape) ? own : tensor.shape)])
        .reduce((a, b) => this.broadcast(a, b))
    return this.named(this.graph.node(opType, inputs, attributes), shape, dtype, physical)
  }

  /** Records a node of a formula in float32, whose operands may be plain numbers. */
  readonly formula = (opType: string, ...operands: (tf.TensorInfo | number)[]): tf.TensorInfo =>
    this.elementwise(
      opType,
      operands.map((operand) => (typeof operand === 'number' ? this.number(operand) : operand)),
      'float32',
    )

  /** A constant of rank 0. */
  number(value: number, dtype: Dtype = 'float32'): tf.TensorInfo {
    return this.fill([], value, dtype)
  }

  /** Converts a tensor, or gives it back where it is of that kind. */
  cast(tensor: tf.TensorInfo, dtype: Dtype): tf.TensorInfo {
    if (tensor.dtype === dtype) return tensor
    const scalar = this.scalar(tensor)
    if (scalar !== undefined)
      return this.fill(tensor.shape, dtype === 'int32' ? Math.trunc(scalar) : scalar, dtype)
    return this.elementwise('Cast', [tensor], dtype, { to: ONNX_TYPES[dtype] })
  }

  /** The tensor under another shape of as many numbers; a node is made where one reads it in that shape. */
  reshape(tensor: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    const value = this.#value(tensor)
    const whole = sizeOf(value.shape) === sizeOf(tensor.shape)
    if (whole || value.shape.length === 0) return this.alias(tensor, shape)
    return this.named(this.#reshaped(this.name(tensor), shape), shape, tensor.dtype)
  }

  /** The tensor repeated along dimensions of 1 to a larger shape, without a node. */
  expand(tensor: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    if (tf.util.arraysEqual(tensor.shape, [...shape])) return this.alias(tensor)
    const own = this.#value(tensor).shape
    return sizeOf(own) < sizeOf(tensor.shape)
      ? this.named(this.#compactName(tensor), shape, tensor.dtype, own)
      : this.named(this.name(tensor), shape, tensor.dtype, tensor.shape)
  }

  /** The name under which the graph knows all numbers of a tensor in its shape. */
  name(operand: Operand): string {
    if (typeof operand === 'string') return operand
    const own = this.#value(operand).shape
    if (sizeOf(own) === sizeOf(operand.shape)) return this.#laidOut(operand, operand.shape)
    return this.graph.node('Expand', [this.#compactName(operand), this.shape(operand.shape)])
  }

  /** The name of a value in the given dimensions, if it is that large; else of what broadcasts to them. */
  #laidOut(tensor: tf.TensorInfo, layout: readonly number[]): string {
    const value = this.#value(tensor)
    const size = sizeOf(value.shape)
    const wanted = size === sizeOf(layout) ? layout : size === 1 ? [] : [size]
    const laid =
      value.name === undefined && value.values
        ? this.graph.constant(value.values, wanted, tensor.dtype as Dtype)
        : this.#reshaped(this.#compactName(tensor), wanted, value.shape)
    const width = layout.at(-1) ?? 1
    if (wanted === layout || size === 1 || size === width) return laid
    // a row for several places side by side is repeated: it is small, and long rows are added fast
    const repeated = this.graph.node('Expand', [laid, this.graph.ints([width / size, size])])
    return this.#reshaped(repeated, [width])
  }

  #reshaped(name: string, shape: readonly number[], from?: readonly number[]): string {
    if (from && tf.util.arraysEqual([...from], [...shape])) return name
    const free = shape.map((size) => (isFree(size) ? -1 : size))
    return this.graph.node('Reshape', [name, this.graph.ints(free)])
  }

  /** The name of a shape as an int64 vector, where a free batch is asked of the graph's input. */
  shape(dims: readonly number[]): string {
    const { graph } = this
    if (!dims.some(isFree)) return graph.ints(dims)
    if (this.#freeBatchOf === undefined) throw new EngineError('INTERNAL', 'no input has a free batch')
    const batch = graph.node('Slice', [
      graph.node('Shape', [this.#freeBatchOf]),
      graph.ints([0]),
      graph.ints([1]),
    ])
    const parts = dims.map((size) => {
      if (!isFree(size)) return graph.ints([size])
      return graph.node('Mul', [batch, graph.ints([size / FREE_BATCH])])
    })
    return graph.node('Concat', parts, { axis: 0 })
  }

  #compactName(tensor: tf.TensorInfo): string {
    const value = this.#value(tensor)
    if (value.name !== undefined && value.graph === this.graph) return value.name
    if (value.values) return this.graph.constant(value.values, value.shape, tensor.dtype as Dtype)
    throw new EngineError(
      'UNSUPPORTED',
      'a model uses a tensor that it computed outside of the function that is recorded; keep its numbers or make it a variable',
    )
  }

  #value(tensor: tf.TensorInfo): Value {
    const value = this.#values.get(tensor.dataId)
    if (!value) throw new EngineError('INTERNAL', `a tensor [${tensor.shape}] is not part of the recording`)
    return value
  }
}
