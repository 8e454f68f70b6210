import {
  floatValues,
  makeInt64,
  makeNode,
  makeTensor,
  type NodeProto,
  type TensorProto,
} from '../../tensor/onnx-file.js'
import { type EmbeddingLayer, type MatrixLayer, weightsOf } from './layers.js'

// (x + MAGIC) - MAGIC rounds a small double to the nearest integer, halves to even (IEEE 754).
const MAGIC = 1.5 * 2 ** 52

/** Nodes and constants of the graph being written; names are checked against the source's. */
export interface GraphParts {
  nodes: NodeProto[]
  initializers: TensorProto[]
  /** Written after all others. */
  tables: TensorProto[]
  opset: number
  /** The name itself, or a longer one where the source uses it. */
  fresh(name: string): string
}

// the least normal float32: a smaller scale has too few bits left to divide by
const LEAST_SCALE = 2 ** -126

/** What one step of a code stands for; 1 where the weights are 0, or so small that they might as well be. */
export function scaleOf(step: number): number {
  return Math.abs(step) < LEAST_SCALE ? 1 : Math.fround(step)
}

/** int8 in [-limit, limit], one scale a column of [rows, columns]; scale times value gives the weight back. */
export function quantizeColumns(
  values: Float32Array,
  columns: number,
  limit: number,
): { quantized: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(columns)
  for (let i = 0, j = 0; i < values.length; i++, j = j + 1 === columns ? 0 : j + 1) {
    const size = Math.abs(values[i] as number)
    if (size > (scales[j] as number)) scales[j] = size
  }
  for (let j = 0; j < columns; j++) scales[j] = scaleOf((scales[j] as number) / limit)
  const quantized = new Int8Array(values.length)
  for (let i = 0, j = 0; i < values.length; i++, j = j + 1 === columns ? 0 : j + 1) {
    // in float32, as ONNX Runtime divides
    quantized[i] = Math.fround((values[i] as number) / (scales[j] as number)) + MAGIC - MAGIC
  }
  return { quantized, scales }
}

/** int8 in [-127, 127], one scale a row of `columns` values. */
export function quantizeRows(
  values: Float32Array,
  columns: number,
): { quantized: Int8Array; scales: Float32Array } {
  const rows = values.length / columns
  const scales = new Float32Array(rows)
  const quantized = new Int8Array(values.length)
  for (let r = 0; r < rows; r++) {
    let top = 0
    for (let i = r * columns; i < (r + 1) * columns; i++) top = Math.max(top, Math.abs(values[i] as number))
    const scale = scaleOf(top / 127)
    scales[r] = scale
    for (let i = r * columns; i < (r + 1) * columns; i++) {
      quantized[i] = Math.fround((values[i] as number) / scale) + MAGIC - MAGIC
    }
  }
  return { quantized, scales }
}

/**
 * Writes matrix layers as integer products: weights int8 with one scale an output column, activations uint8 with
 * one scale a row (a token), so that a text's vector does not depend on its batch. Activations that several layers
 * read are quantized once.
 */
export class PerRowWriter {
  readonly #parts: GraphParts
  readonly #activations = new Map<string, string>()
  #layers = 0

  constructor(parts: GraphParts) {
    this.#parts = parts
  }

  matrix(layer: MatrixLayer): void {
    const { nodes, initializers, fresh } = this.#parts
    if (this.#layers === 0) this.#shared()
    const q = (suffix: string): string => fresh(`q${index}_${suffix}`)
    const index = this.#layers++
    // 7 bits: sums of two u8 x s8 products saturate at 16 bits on x86 without VNNI when weights use all 8
    const { quantized, scales } = quantizeColumns(weightsOf(layer, 'row'), layer.n, 63)
    initializers.push(
      makeTensor(q('w'), [layer.k, layer.n], quantized),
      makeTensor(q('s'), [layer.n], scales),
    )
    const x = this.#activation(layer)
    initializers.push(makeInt64(q('n'), [layer.n]), makeInt64(q('z'), [0]), makeInt64(q('e'), [-1]))
    const result = layer.node.output[0] ?? ''
    const product = layer.bias === undefined ? result : q('p')
    nodes.push(
      makeNode('MatMulInteger', [fresh(`${x}_q`), q('w'), fresh(`${x}_zp`)], [q('mi')]),
      makeNode('Cast', [q('mi')], [q('c')], { attributes: { to: 1 } }),
      makeNode('Mul', [fresh(`${x}_s`), q('s')], [q('ss')]),
      makeNode('Mul', [q('c'), q('ss')], [q('m')]),
      makeNode('Slice', [fresh(`${x}_sh`), q('z'), q('e')], [q('sl')]),
      makeNode('Concat', [q('sl'), q('n')], [q('os')], { attributes: { axis: 0 } }),
      makeNode('Reshape', [q('m'), q('os')], [product]),
    )
    if (layer.bias !== undefined) nodes.push(makeNode('Add', [product, layer.bias], [result]))
  }

  #shared(): void {
    const { initializers, fresh, opset } = this.#parts
    initializers.push(
      makeTensor(fresh('q_inv127'), [], Float32Array.of(1 / 127)),
      makeTensor(fresh('q_eps'), [], Float32Array.of(1e-8)),
    )
    if (opset >= 18) initializers.push(makeInt64(fresh('q_axes'), [1]))
  }

  #activation(layer: MatrixLayer): string {
    const known = this.#activations.get(layer.activation)
    if (known !== undefined) return known
    const { nodes, initializers, fresh, opset } = this.#parts
    const name = `x${this.#activations.size}`
    this.#activations.set(layer.activation, name)
    const x = (suffix: string): string => fresh(`${name}_${suffix}`)
    initializers.push(
      makeInt64(x('rs'), [-1, layer.k]),
      makeTensor(x('one'), [], Float32Array.of(1)),
      makeTensor(x('zp'), [], Uint8Array.of(128)),
    )
    // from operator set 18 on, the axes are an input
    const reduce =
      opset >= 18
        ? makeNode('ReduceMax', [x('a'), fresh('q_axes')], [x('mx')], { attributes: { keepdims: 1 } })
        : makeNode('ReduceMax', [x('a')], [x('mx')], { attributes: { axes: [1], keepdims: 1 } })
    nodes.push(
      makeNode('Reshape', [layer.activation, x('rs')], [x('f')]),
      makeNode('Abs', [x('f')], [x('a')]),
      reduce,
      makeNode('Mul', [x('mx'), fresh('q_inv127')], [x('s0')]),
      makeNode('Max', [x('s0'), fresh('q_eps')], [x('s')]),
      makeNode('Div', [x('f'), x('s')], [x('d')]),
      makeNode('QuantizeLinear', [x('d'), x('one'), x('zp')], [x('q')]),
      makeNode('Shape', [layer.activation], [x('sh')]),
    )
    return name
  }

  embedding(layer: EmbeddingLayer): void {
    const { nodes, tables, fresh } = this.#parts
    const { quantized, scales } = quantizeRows(floatValues(layer.tensor), layer.dim)
    const [table, scale] = [fresh('we_q'), fresh('we_s')]
    tables.push(
      makeTensor(table, [layer.rows, layer.dim], quantized),
      makeTensor(scale, [layer.rows, 1], scales),
    )
    const tokens = layer.node.input[1] ?? ''
    const result = layer.node.output[0] ?? ''
    const part = (suffix: string): string => fresh(`${result}_${suffix}`)
    nodes.push(
      makeNode('Gather', [table, tokens], [part('g')]),
      makeNode('Cast', [part('g')], [part('c')], { attributes: { to: 1 } }),
      makeNode('Gather', [scale, tokens], [part('s')]),
      makeNode('Mul', [part('c'), part('s')], [result]),
    )
  }
}
