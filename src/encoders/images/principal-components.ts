import { seededRandom } from '../../core/random.js'
import {
  DataType,
  makeGraph,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
  writeModel,
} from '../../tensor/onnx-file.js'
import { OnnxProgram } from '../../tensor/onnx-program.js'
import { leadingEigenpairs, type SymmetricOperator } from './leading-eigenpairs.js'

/** Rows of numbers, read a few at a time. */
export interface RowSource {
  count: number
  dim: number
  /** Bytes stand for their 255th. @returns shape [to - from, dim]; may be a view, is not kept */
  read(from: number, to: number): Float32Array | Uint8Array
}

export interface PrincipalComponents {
  /** Shape [dim]. */
  mean: Float32Array
  /** Variance along each component, descending. */
  variances: Float64Array
  /** Shape [count, dim]: rows of length 1 at right angles; a row of zeros where the rows vary no further. */
  components: Float32Array
}

export interface ComponentOptions {
  seed: number
  /** See {@link leadingEigenpairs}. */
  tolerance?: number
  /** Called between blocks of rows; what it throws ends the work. */
  check?: () => void
}

/** Bytes of the float32 rows that are worked on at a time. */
const CHUNK_BYTES = 16 << 20

/** Variance, relative to the largest, below which a component is float32 noise. */
const NOISE = 1e-9

/**
 * The first principal components of rows, without ever forming their covariance: block Lanczos on X'X, or on XX'
 * where there are fewer rows than columns; products in float32 by ONNX Runtime, summed over chunks in float64. Time goes
 * with rows x columns x components, memory with the wider side x components.
 *
 * @param count at most the smaller of rows and columns
 */
export async function principalComponents(
  rows: RowSource,
  count: number,
  { seed, tolerance = 1e-5, check = () => {} }: ComponentOptions,
): Promise<PrincipalComponents> {
  const mean = meanOf(rows, check)
  const products = await CentredProducts.create(rows, mean, check)
  try {
    const random = seededRandom(seed)
    const wide = rows.count < rows.dim
    const operator: SymmetricOperator = wide
      ? { dim: rows.count, apply: async (v, n) => products.times(await products.transposed(v, n), n) }
      : { dim: rows.dim, apply: async (v, n) => products.transposed(await products.times(v, n), n) }
    const pairs = await leadingEigenpairs(operator, count, { random, tolerance, check })
    const variances = pairs.values.map((value) => value / rows.count)
    // of an eigenvector u of XX' the component is X'u, brought to length 1
    const vectors = wide ? await products.transposed(pairs.vectors, count) : pairs.vectors
    return { mean, variances, components: unitRows(vectors, variances, rows.dim) }
  } finally {
    await products.dispose()
  }
}

function meanOf(rows: RowSource, check: () => void): Float32Array {
  const { count, dim } = rows
  const sums = new Float64Array(dim)
  const step = chunkRows(dim)
  for (let from = 0; from < count; from += step) {
    check()
    const values = rows.read(from, Math.min(count, from + step))
    for (let at = 0; at < values.length; at += dim) {
      for (let j = 0; j < dim; j++) sums[j] = (sums[j] as number) + (values[at + j] as number)
    }
  }
  const scale = 1 / (count * (rows.read(0, 1) instanceof Uint8Array ? 255 : 1))
  return Float32Array.from(sums, (sum) => sum * scale)
}

function unitRows(vectors: Float64Array, variances: Float64Array, dim: number): Float32Array {
  const rows = new Float32Array(vectors.length)
  variances.forEach((variance, i) => {
    const row = vectors.subarray(i * dim, (i + 1) * dim)
    let squares = 0
    for (const value of row) squares += value * value
    if (squares === 0 || variance <= NOISE * (variances[0] as number)) return
    const scale = 1 / Math.sqrt(squares)
    for (let j = 0; j < dim; j++) rows[i * dim + j] = (row[j] as number) * scale
  })
  return rows
}

function chunkRows(dim: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / (4 * dim)))
}

/** Products with X, the rows less their mean. */
class CentredProducts {
  readonly #rows: RowSource
  readonly #mean: Float32Array
  readonly #check: () => void
  readonly #times: OnnxProgram
  readonly #transposed: OnnxProgram

  private constructor(
    rows: RowSource,
    mean: Float32Array,
    rest: { check: () => void; times: OnnxProgram; transposed: OnnxProgram },
  ) {
    this.#rows = rows
    this.#mean = mean
    this.#check = rest.check
    this.#times = rest.times
    this.#transposed = rest.transposed
  }

  static async create(rows: RowSource, mean: Float32Array, check: () => void): Promise<CentredProducts> {
    const bytes = rows.read(0, 1) instanceof Uint8Array
    const times = await OnnxProgram.create(productProgram('times', rows.dim, bytes))
    const transposed = await OnnxProgram.create(productProgram('transposed', rows.dim, bytes))
    return new CentredProducts(rows, mean, { check, times, transposed })
  }

  /** @param vectors shape [n, dim] @returns (X v)' for each, shape [n, rows] */
  async times(vectors: Float64Array, n: number): Promise<Float64Array> {
    const { count, dim } = this.#rows
    const result = new Float64Array(n * count)
    const v = { data: Float32Array.from(vectors), dims: [n, dim] }
    for (const { from, feeds } of this.#chunks()) {
      const { y } = await this.#times.run({ ...feeds, v })
      const rows = (y?.data.length ?? 0) / n
      for (let i = 0; i < n; i++)
        result.set((y as { data: Float32Array }).data.subarray(i * rows, (i + 1) * rows), i * count + from)
    }
    return result
  }

  /** @param vectors shape [n, rows] @returns X' v for each, shape [n, dim] */
  async transposed(vectors: Float64Array, n: number): Promise<Float64Array> {
    const { count, dim } = this.#rows
    const result = new Float64Array(n * dim)
    for (const { from, to, feeds } of this.#chunks()) {
      const part = new Float32Array(n * (to - from))
      for (let i = 0; i < n; i++)
        part.set(vectors.subarray(i * count + from, i * count + to), i * (to - from))
      const { y } = await this.#transposed.run({ ...feeds, v: { data: part, dims: [n, to - from] } })
      const values = (y as { data: Float32Array }).data
      for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) + (values[i] as number)
    }
    return result
  }

  async dispose(): Promise<void> {
    await this.#times.dispose()
    await this.#transposed.dispose()
  }

  *#chunks() {
    const { count, dim } = this.#rows
    const step = chunkRows(dim)
    for (let from = 0; from < count; from += step) {
      this.#check()
      const to = Math.min(count, from + step)
      const x = { data: this.#rows.read(from, to), dims: [to - from, dim] }
      yield { from, to, feeds: { x, mean: { data: this.#mean, dims: [dim] } } }
    }
  }
}

/** `times`: y = v (x - mean)', shape [n, rows]; `transposed`: y = v (x - mean), shape [n, dim]. */
function productProgram(kind: 'times' | 'transposed', dim: number, bytes: boolean): Uint8Array {
  const product =
    kind === 'times'
      ? makeNode('Gemm', ['v', 'centred'], ['y'], { attributes: { transB: 1 } })
      : makeNode('MatMul', ['v', 'centred'], ['y'])
  const scaled = bytes
    ? [
        makeNode('Cast', ['x'], ['floats'], { attributes: { to: DataType.FLOAT } }),
        makeNode('Mul', ['floats', 'scale'], ['scaled']),
      ]
    : []
  const graph = makeGraph(kind, {
    node: [...scaled, makeNode('Sub', [bytes ? 'scaled' : 'x', 'mean'], ['centred']), product],
    input: [
      makeValueInfo('x', bytes ? DataType.UINT8 : DataType.FLOAT, ['rows', dim]),
      makeValueInfo('mean', DataType.FLOAT, [dim]),
      makeValueInfo('v', DataType.FLOAT, ['n', kind === 'times' ? dim : 'rows']),
    ],
    output: [makeValueInfo('y', DataType.FLOAT, ['n', kind === 'times' ? 'rows' : dim])],
    initializer: bytes ? [makeTensor('scale', [], Float32Array.of(1 / 255))] : [],
  })
  return writeModel(makeModel(graph, { opset: 17, irVersion: 8, producer: 'kindred' }))
}
