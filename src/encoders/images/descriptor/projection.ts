import { EngineError } from '../../../core/errors.js'

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

/** @throws EngineError ENCODER_INVALID where the file is not of that size */
export function readProjection(
  bytes: Uint8Array,
  { length, dim }: { length: number; dim: number },
): Projection {
  const expected = 4 * length * (dim + 2)
  if (bytes.length !== expected) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${PROJECTION_FILE} has ${bytes.length} bytes, expected ${expected} for ${dim} components of ${length} numbers; fit the descriptor again`,
    )
  }
  const values = new Float32Array(bytes.slice().buffer)
  return {
    centre: values.subarray(0, length),
    mean: values.subarray(length, 2 * length),
    components: values.subarray(2 * length),
  }
}

/**
 * Projects one picture's normalised blocks.
 *
 * @param values shape [length]; changed
 * @param into shape [dim]
 */
export function project(values: Float32Array, { mean, components }: Projection, into: Float32Array): void {
  const { length } = mean
  for (let i = 0; i < length; i++) values[i] = (values[i] as number) - (mean[i] as number)
  for (let k = 0; k < into.length; k++) {
    const row = k * length
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let i = 0
    for (; i + 3 < length; i += 4) {
      s0 += (values[i] as number) * (components[row + i] as number)
      s1 += (values[i + 1] as number) * (components[row + i + 1] as number)
      s2 += (values[i + 2] as number) * (components[row + i + 2] as number)
      s3 += (values[i + 3] as number) * (components[row + i + 3] as number)
    }
    for (; i < length; i++) s0 += (values[i] as number) * (components[row + i] as number)
    into[k] = s0 + s1 + s2 + s3
  }
}
