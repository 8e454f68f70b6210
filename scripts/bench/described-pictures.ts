import { Bank } from '#src/anomaly/bank.js'
import { neighbourCount, spareNeighbours } from '#src/anomaly/neighbour-count.js'
import { plainScaling } from '#src/anomaly/scaling.js'
import type { DetectionRows, Rows } from '#src/core/detection.js'
import { fitDescriptor } from '#src/encoders/images/descriptor/fit-descriptor.js'
import { type LoadedDescriptor, loadDescriptor } from '#src/encoders/images/descriptor/load-descriptor.js'
import { type GreySet, pixelsAt } from './idx-pixels.js'
import { type Reconstructions, reconstructionsOf, type TrainedEncoder } from './kept-reconstructions.js'

/** Dimension of the trained encoder whose reconstruction error is a detector's score: little more than a class's own variation fits through it. */
const RECONSTRUCTION_DIM = 8

/** What describes the pictures of a collection: a descriptor, and trained encoders that tell how well they know a picture. */
export interface Describer {
  descriptor: LoadedDescriptor
  reconstructions: Reconstructions[]
}

/** Vectors with what the trained encoders say of each picture. */
export interface Described extends Rows {
  columns: DetectionRows['columns']
}

/** What a collection is described by. */
export interface DescriberOptions {
  /** Whether the descriptor is the one for strangers, or the usual one. */
  strangers: boolean
  encoders: readonly TrainedEncoder['kind'][]
  /** Where what encoders said is kept; see {@link reconstructionsOf}. */
  kept: string | undefined
}

export async function describerOf(
  set: GreySet,
  rows: readonly number[],
  { strangers, encoders, kept }: DescriberOptions,
): Promise<Describer> {
  const images = { count: rows.length, size: set.size, channels: 1 as const, values: pixelsAt(set, rows) }
  const run = { onProgress: () => {}, check: () => {}, signal: new AbortController().signal }
  const common = { seed: 1, engine: 'onnx' as const }
  const descriptor = await fitDescriptor(images, { kind: 'descriptor', strangers, ...common }, run)
  const trained = encoders.map((kind) => ({ kind, dim: RECONSTRUCTION_DIM }))
  return {
    descriptor: loadDescriptor(descriptor),
    reconstructions: trained.map((encoder) => reconstructionsOf(images, encoder, kept)),
  }
}

export async function describe(
  { descriptor, reconstructions }: Describer,
  set: GreySet,
  rows: readonly number[],
): Promise<Described> {
  const pixels = pixelsAt(set, rows)
  const vectors = descriptor.encode(pixels, rows.length)
  const dim = vectors[0]?.length ?? 0
  const values = new Float32Array(rows.length * dim)
  vectors.forEach((vector, i) => {
    values.set(vector, i * dim)
  })
  const columns: DetectionRows['columns'] = {}
  for (const encoder of reconstructions) columns[encoder.column] = await encoder.of(pixels, rows.length)
  return { values, count: rows.length, dim, columns }
}

/** Rows as the engine gives them: with the exact distances to the nearest others of the collection, and which these are. */
export class Neighbourhood {
  readonly #bank: Bank
  readonly #rows: Described

  /** @param rows the collection */
  constructor(rows: Described) {
    this.#rows = rows
    this.#bank = new Bank(rows, plainScaling(rows.dim))
  }

  /** The collection's own rows, none of which is its own neighbour. */
  own(): DetectionRows {
    const places = Int32Array.from({ length: this.#rows.count }, (_, i) => i)
    return this.#with(this.#rows, places)
  }

  /** Rows that are not of the collection. */
  of(rows: Described): DetectionRows {
    return this.#with(rows)
  }

  #with(rows: Described, own?: Int32Array): DetectionRows {
    const { values, count, dim, columns } = rows
    const wanted = neighbourCount(this.#rows.count)
    const asked = own ? wanted + spareNeighbours(wanted) : wanted
    const { distances, places } = this.#bank.nearest(rows, asked, own)
    return { values, count, dim, columns, nearest: distances, ...(own && { nearestRows: places }) }
  }
}

/** Some of the rows. */
export function pick({ values, dim, columns }: Described, rows: readonly number[]): Described {
  const chosen = new Float32Array(rows.length * dim)
  rows.forEach((row, i) => {
    chosen.set(values.subarray(row * dim, (row + 1) * dim), i * dim)
  })
  return {
    values: chosen,
    count: rows.length,
    dim,
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, scores]) => [
        name,
        Float64Array.from(rows, (row) => scores[row] as number),
      ]),
    ),
  }
}
