import { EngineError } from './errors.js'
import { dot, norm, squaredDistance } from './vectors.js'

/** How two vectors are compared. */
export type Metric = 'cosine' | 'euclidean' | 'dot'

export const METRICS: readonly Metric[] = ['cosine', 'euclidean', 'dot']

/** @throws EngineError METRIC_UNKNOWN, naming the allowed ones */
export function parseMetric(name: string): Metric {
  const metric = METRICS.find((known) => known === name)
  if (!metric)
    throw new EngineError('METRIC_UNKNOWN', `unknown metric "${name}"; use one of ${METRICS.join(', ')}`)
  return metric
}

/**
 * The distance of `a` and `b`, smaller is nearer: cosine `1 - cos` in [0, 2], euclidean the true L2 distance,
 * dot `-a.b`. Both of shape [dim]. A zero vector is at cosine distance 1 from everything.
 */
export function distance(metric: Metric, a: Float32Array, b: Float32Array): number {
  switch (metric) {
    case 'dot':
      return -dot(a, b)
    case 'euclidean':
      return Math.sqrt(squaredDistance(a, b))
    case 'cosine': {
      const norms = norm(a) * norm(b)
      return norms === 0 ? 1 : clampCosine(1 - dot(a, b) / norms)
    }
  }
}

/** Rounding may leave `1 - cos` a hair outside [0, 2]; this puts it back. */
export function clampCosine(d: number): number {
  return Math.min(2, Math.max(0, d))
}

/** The score of a distance, larger is better: `cos`, `1 / (1 + d)`, `a.b`. */
export function scoreOf(metric: Metric, d: number): number {
  switch (metric) {
    case 'cosine':
      return 1 - d
    case 'euclidean':
      return 1 / (1 + d)
    case 'dot':
      return d === 0 ? 0 : -d
  }
}
