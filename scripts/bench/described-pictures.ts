import { Bank } from '#src/anomaly/bank.js'
import { NEIGHBOURS } from '#src/anomaly/detectors/neighbours.js'
import { plainScaling } from '#src/anomaly/scaling.js'
import type { DetectionRows, Rows } from '#src/core/detection.js'
import { fitDescriptor } from '#src/encoders/images/descriptor/fit-descriptor.js'
import { type LoadedDescriptor, loadDescriptor } from '#src/encoders/images/descriptor/load-descriptor.js'
import { type GreySet, pixelsAt } from './idx-pixels.js'

/** A descriptor that is fitted to some pictures, with or without what it does for likeness. */
export async function descriptorOf(
  set: GreySet,
  rows: readonly number[],
  strangers: boolean,
): Promise<LoadedDescriptor> {
  const { size } = set
  const images = { count: rows.length, size, channels: 1 as const, values: pixelsAt(set, rows) }
  const parts = await fitDescriptor(
    images,
    { kind: 'descriptor', strangers, seed: 1, engine: 'onnx' },
    { onProgress: () => {}, check: () => {}, signal: new AbortController().signal },
  )
  return loadDescriptor(parts)
}

/** The pictures' vectors. */
export function describe(descriptor: LoadedDescriptor, set: GreySet, rows: readonly number[]): Rows {
  const vectors = descriptor.encode(pixelsAt(set, rows), rows.length)
  const dim = vectors[0]?.length ?? 0
  const values = new Float32Array(rows.length * dim)
  vectors.forEach((vector, i) => {
    values.set(vector, i * dim)
  })
  return { values, count: rows.length, dim }
}

/** Rows as the engine gives them: with the exact distances to the nearest others of the collection. */
export class Neighbourhood {
  readonly #bank: Bank
  readonly #rows: Rows

  /** @param rows the collection */
  constructor(rows: Rows) {
    this.#rows = rows
    this.#bank = new Bank(rows, plainScaling(rows.dim))
  }

  /** The collection's own rows, none of which is its own neighbour. */
  own(): DetectionRows {
    const places = Int32Array.from({ length: this.#rows.count }, (_, i) => i)
    return this.#with(this.#rows, places)
  }

  /** Rows that are not of the collection. */
  of(rows: Rows): DetectionRows {
    return this.#with(rows)
  }

  #with(rows: Rows, own?: Int32Array): DetectionRows {
    return { ...rows, columns: {}, nearest: this.#bank.nearest(rows, NEIGHBOURS, own).distances }
  }
}

/** The rows whose flag is 0. */
export function without(rows: Rows, flags: Uint8Array): Rows {
  const { values, dim } = rows
  const kept = [...flags.keys()].filter((i) => flags[i] === 0)
  const chosen = new Float32Array(kept.length * dim)
  kept.forEach((row, i) => {
    chosen.set(values.subarray(row * dim, (row + 1) * dim), i * dim)
  })
  return { values: chosen, count: kept.length, dim }
}
