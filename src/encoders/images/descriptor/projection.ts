import { EngineError } from '../../../core/errors.js'
import { RowSums } from '../../../core/row-sums.js'

/** What fitting a descriptor to a collection found. */
export interface Projection {
  /** Mean of the raw blocks, shape [length]. */
  centre: Float32Array
  /** Mean of the normalised blocks, shape [length]. */
  mean: Float32Array
  /** Principal components, each divided by its eigenvalue^(1/4), shape [dim, length]. */
  components: Float32Array
}

/** The file's name in a model. */
export const PROJECTION_FILE = 'projection.bin'

/** Float32 little-endian: centre, mean, components. */
export function writeProjection({ centre, mean, components }: Projection): Uint8Array {
  const values = new Float32Array(centre.length + mean.length + components.length)
  values.set(centre)
  values.set(mean, centre.length)
  values.set(components, centre.length + mean.length)
  return new Uint8Array(values.buffer)
}

/** A {@link Projection} that is loaded. */
export interface Projector {
  /** Shape [length]. */
  centre: Float32Array
  /**
   * Projects the normalised blocks of some pictures.
   *
   * @param values shape [pictures, length], at most {@link PROJECTED} pictures; the mean is taken off in place
   * @param use called for each picture with its components, shape [dim], which are written anew after that
   */
  project(values: Float32Array, use: (picture: number, components: Float32Array) => void): void
}

/** Pictures that are projected at a time. */
export const PROJECTED = 32

/** @throws EngineError ENCODER_INVALID where the file is not of that size */
export function readProjector(
  bytes: Uint8Array,
  { length, dim }: { length: number; dim: number },
): Projector {
  const expected = 4 * length * (dim + 2)
  if (bytes.length !== expected) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${PROJECTION_FILE} has ${bytes.length} bytes, expected ${expected} for ${dim} components of ${length} numbers; fit the descriptor again`,
    )
  }
  const values = new Float32Array(bytes.slice().buffer)
  // the components are copied there, and only these stay of the file
  const products = new RowSums('products', values.subarray(2 * length), { dim: length, block: PROJECTED })
  const mean = values.slice(length, 2 * length)
  return {
    centre: values.slice(0, length),
    project(rows, use) {
      for (let at = 0; at < rows.length; ) {
        for (let i = 0; i < length; i++, at++) rows[at] = (rows[at] as number) - (mean[i] as number)
      }
      products.with(rows, use)
    },
  }
}
