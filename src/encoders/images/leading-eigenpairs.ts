import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import type { Random } from '../../core/random.js'

/** A symmetric, positive semidefinite matrix that is known only by what it does to vectors. */
export interface SymmetricOperator {
  /** Rows, and columns. */
  dim: number
  /** @param vectors shape [rows, dim] @returns each row times the matrix, same shape */
  apply(vectors: Float64Array, rows: number): Promise<Float64Array>
}

export interface EigenOptions {
  random: Random
  /** Residual norm of an eigenpair at which it is done, relative to the largest eigenvalue. Default 1e-6. */
  tolerance?: number
  /** Called between steps; what it throws ends the work. */
  check?: () => void
}

export interface Eigenpairs {
  /** Descending, none below 0. */
  values: Float64Array
  /** Shape [values.length, dim]; rows of length 1, at right angles to each other. */
  vectors: Float64Array
}

/** Vectors of a step: more use the matrix product better, fewer converge with fewer vectors in all. */
const BLOCK = 16

/**
 * The largest eigenvalues of a symmetric operator with their vectors, by block Lanczos with full
 * reorthogonalisation (Golub and Underwood 1977; why few steps do: Musco and Musco 2015). The space grows until the
 * pairs asked for are as exact as the tolerance says, in the end to the whole space, where nothing is missing.
 *
 * @param count at most `operator.dim`
 */
export async function leadingEigenpairs(
  operator: SymmetricOperator,
  count: number,
  { random, tolerance = 1e-6, check = () => {} }: EigenOptions,
): Promise<Eigenpairs> {
  const { dim } = operator
  const basis: Float64Array[] = []
  const images: Float64Array[] = []
  // T = V A V', grown by rows and columns
  const projected: Float64Array[] = []
  let block = randomRows(Math.min(BLOCK, dim), dim, random)
  // a first look when a space of this size may do
  let look = Math.min(dim, count + 2 * BLOCK)
  for (;;) {
    check()
    const fresh = orthonormalize(block, basis, { dim, random, room: dim - basis.length })
    const stacked = new Float64Array(fresh.length * dim)
    fresh.forEach((row, i) => {
      stacked.set(row, i * dim)
    })
    const applied = await operator.apply(stacked, fresh.length)
    check()
    const before = basis.length
    basis.push(...fresh)
    fresh.forEach((_, i) => {
      images.push(applied.subarray(i * dim, (i + 1) * dim))
    })
    for (let i = before; i < basis.length; i++) {
      const row = new Float64Array(i + 1)
      for (let j = 0; j <= i; j++) row[j] = dot64(images[i] as Float64Array, basis[j] as Float64Array)
      projected.push(row)
    }
    if (basis.length >= look || basis.length === dim) {
      const pairs = ritzPairs(projected)
      const whole = basis.length === dim
      if (whole || converged(pairs, { count, tolerance, basis, images, dim }))
        return lift(pairs, { count, basis, dim })
      look = Math.min(dim, Math.ceil(basis.length * 1.25))
    }
    block = applied.slice()
  }
}

interface Ritz {
  /** Descending. */
  values: number[]
  /** `vectors[i][j]`: what basis vector j has of pair i. */
  vectors: Float64Array[]
}

function ritzPairs(projected: readonly Float64Array[]): Ritz {
  const size = projected.length
  const matrix = new Matrix(size, size)
  projected.forEach((row, i) => {
    row.forEach((value, j) => {
      matrix.set(i, j, value)
      matrix.set(j, i, value)
    })
  })
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  })
  const order = realEigenvalues.map((_, i) => i)
  order.sort((a, b) => (realEigenvalues[b] ?? 0) - (realEigenvalues[a] ?? 0))
  return {
    values: order.map((i) => realEigenvalues[i] ?? 0),
    vectors: order.map((i) => Float64Array.from(eigenvectorMatrix.getColumn(i))),
  }
}

interface Space {
  count: number
  basis: readonly Float64Array[]
  dim: number
}

/** Whether |A x - lambda x| is small for each pair asked for. */
function converged(
  { values, vectors }: Ritz,
  { count, tolerance, basis, images, dim }: Space & { tolerance: number; images: readonly Float64Array[] },
): boolean {
  const bound = tolerance * Math.max(values[0] ?? 0, Number.MIN_VALUE)
  const residual = new Float64Array(dim)
  // the last pairs converge last
  for (let i = count - 1; i >= 0; i--) {
    residual.fill(0)
    const value = values[i] ?? 0
    vectors[i]?.forEach((weight, j) => {
      addScaled(residual, images[j] as Float64Array, weight)
      addScaled(residual, basis[j] as Float64Array, -weight * value)
    })
    if (Math.sqrt(dot64(residual, residual)) > bound) return false
  }
  return true
}

function lift({ values, vectors }: Ritz, { count, basis, dim }: Space): Eigenpairs {
  const lifted = new Float64Array(count * dim)
  for (let i = 0; i < count; i++) {
    const into = lifted.subarray(i * dim, (i + 1) * dim)
    vectors[i]?.forEach((weight, j) => {
      addScaled(into, basis[j] as Float64Array, weight)
    })
  }
  return {
    values: Float64Array.from({ length: count }, (_, i) => Math.max(0, values[i] ?? 0)),
    vectors: lifted,
  }
}

/**
 * Makes rows of length 1 at right angles to the basis and to each other (Gram and Schmidt, twice). A row with
 * nothing new in it is replaced by a random one, so that equal eigenvalues are all found.
 */
function orthonormalize(
  block: Float64Array,
  basis: readonly Float64Array[],
  { dim, random, room }: { dim: number; random: Random; room: number },
): Float64Array[] {
  const fresh: Float64Array[] = []
  const rows = Math.min(room, block.length / dim)
  for (let i = 0; i < rows; i++) {
    let row: Float64Array = block.slice(i * dim, (i + 1) * dim)
    for (let attempt = 0; attempt < 4; attempt++) {
      const before = Math.sqrt(dot64(row, row))
      for (let pass = 0; pass < 2; pass++) {
        for (const other of basis) addScaled(row, other, -dot64(row, other))
        for (const other of fresh) addScaled(row, other, -dot64(row, other))
      }
      const length = Math.sqrt(dot64(row, row))
      if (length > 1e-10 * before && length > 0) {
        for (let j = 0; j < dim; j++) row[j] = (row[j] as number) / length
        fresh.push(row)
        break
      }
      row = randomRows(1, dim, random)
    }
  }
  return fresh
}

function randomRows(rows: number, dim: number, random: Random): Float64Array {
  return Float64Array.from({ length: rows * dim }, () => random.normal())
}

function dot64(a: Float64Array, b: Float64Array): number {
  const n = a.length
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 3 < n; i += 4) {
    s0 += (a[i] as number) * (b[i] as number)
    s1 += (a[i + 1] as number) * (b[i + 1] as number)
    s2 += (a[i + 2] as number) * (b[i + 2] as number)
    s3 += (a[i + 3] as number) * (b[i + 3] as number)
  }
  for (; i < n; i++) s0 += (a[i] as number) * (b[i] as number)
  return s0 + s1 + s2 + s3
}

/** into += weight * row. */
function addScaled(into: Float64Array, row: Float64Array, weight: number): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + weight * (row[i] as number)
}
