import { type Random, seededRandom } from '#src/core/random.js'

/** Unit vectors around a number of centres. */
export interface ClusteredVectors {
  /** Row-major, shape [count, dim]. */
  vectors: Float32Array
  /** More of the same mixture, that are not in `vectors`. */
  queries: Float32Array[]
}

export interface ClusterOptions {
  seed: number
  count: number
  dim: number
  queries: number
  /** Default 200. */
  clusters?: number
  /** Length of the noise added to a centre of length 1. Default 0.8: two of a cluster have a cosine of about 0.6. */
  spread?: number
}

/** A mixture of Gaussian clusters, each vector then scaled to length 1. */
export function clusteredVectors(options: ClusterOptions): ClusteredVectors {
  const { seed, count, dim, clusters = 200, spread = 0.8 } = options
  const random = seededRandom(seed)
  const centres = Array.from({ length: clusters }, () => unit(random, dim))
  const draw = (): Float32Array => {
    const centre = centres[random.int(clusters)] as Float32Array
    return normalized(centre.map((x) => x + (spread * random.normal()) / Math.sqrt(dim)))
  }
  const vectors = new Float32Array(count * dim)
  for (let i = 0; i < count; i++) vectors.set(draw(), i * dim)
  return { vectors, queries: Array.from({ length: options.queries }, draw) }
}

function unit(random: Random, dim: number): Float32Array {
  return normalized(new Float32Array(dim).map(() => random.normal()))
}

function normalized(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((x) => x / length)
}
