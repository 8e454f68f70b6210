import { seededRandom } from '#src/core/random.js'
import { normalize } from '#src/core/vectors.js'

/** Vectors in clusters, as embeddings lie: shape [count][dim], unit length unless `unit` is false. */
export function clusteredVectors(options: {
  count: number
  dim: number
  seed: number
  clusters?: number
  spread?: number
  unit?: boolean
}): Float32Array[] {
  const { count, dim, seed, clusters = 20, spread = 0.7, unit = true } = options
  const random = seededRandom(seed)
  const gauss = () => Float32Array.from({ length: dim }, () => random.normal())
  const centres = Array.from({ length: clusters }, () => normalize(gauss()))
  return Array.from({ length: count }, () => {
    const centre = centres[random.int(clusters)] as Float32Array
    const noise = normalize(gauss())
    const vector = centre.map((x, i) => x + spread * (noise[i] as number))
    return unit ? normalize(vector) : vector
  })
}
