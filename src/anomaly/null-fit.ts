import { quantileOf } from '../core/ascending.js'
import { normalQuantile } from './normal.js'

/**
 * A skewed distribution: location + scale * (exp(skew * z) - 1) / skew, z standard normal (Tukey's g distribution, a shifted
 * log-normal; Hoaglin 1985). Skew 0 is the normal one, above 0 the upper tail is the longer.
 */
export interface NullFit {
  location: number
  scale: number
  skew: number
}

/** Part of the rows that are looked at: neither the least nor the top, where a tenth of strangers would be, with a margin. */
const BULK = { from: 0.05, to: 0.85 }
/** Points of it. */
const POINTS = 41
/** Skews that are tried. */
const SKEWS = Array.from({ length: 126 }, (_, i) => (i - 50) / 50)
/** Nearer to 0 a skew is none. */
const NO_SKEW = 1e-9
/** The z that is given at most and at least. */
const MOST = 12
const LEAST = -6

const ZS = Array.from({ length: POINTS }, (_, i) =>
  normalQuantile(BULK.from + ((BULK.to - BULK.from) * i) / (POINTS - 1)),
)

/**
 * Fits the distribution of normal items' scores to a mix's bulk, by least squares over its quantiles on the scale of z: as
 * Efron's central matching (Efron, JASA 2004), with a skew. Strangers are taken to lie above the bulk.
 *
 * @param ascending scores of a mix, at least one
 * @param strangers part of the rows that are none of the distribution, in 0..1
 * @returns undefined where the bulk does not vary
 */
export function fitNull(
  ascending: ArrayLike<number>,
  { strangers = 0, to = BULK.to }: { strangers?: number; to?: number } = {},
): NullFit | undefined {
  const points = ZS.map((_, i) => BULK.from + ((to - BULK.from) * i) / (POINTS - 1))
  const zs = to === BULK.to ? ZS : points.map(normalQuantile)
  const quantiles = points.map((share) => quantileOf(ascending, share * (1 - strangers)))
  let best: NullFit | undefined
  let least = Number.POSITIVE_INFINITY
  for (const skew of SKEWS) {
    const { fit, error } = fitSkew(quantiles, zs, skew)
    if (!(fit.scale > 0) || error >= least) continue
    least = error
    best = fit
  }
  return best
}

/** How many standard deviations above the middle, once the skew is undone: in -6..12; NaN for NaN. */
export function zOf(score: number, { location, scale, skew }: NullFit): number {
  const u = (score - location) / scale
  if (Math.abs(skew) < NO_SKEW) return Math.min(Math.max(u, LEAST), MOST)
  const inside = 1 + skew * u
  // beyond the end of the distribution: the upper one with a skew below 0
  if (inside <= 0) return skew < 0 ? MOST : LEAST
  return Math.min(Math.max(Math.log(inside) / skew, LEAST), MOST)
}

function fitSkew(
  quantiles: readonly number[],
  zs: readonly number[],
  skew: number,
): { fit: NullFit; error: number } {
  const shape = zs.map((z) => (Math.abs(skew) < NO_SKEW ? z : Math.expm1(skew * z) / skew))
  const n = zs.length
  const meanShape = shape.reduce((sum, value) => sum + value, 0) / n
  const meanScore = quantiles.reduce((sum, value) => sum + value, 0) / n
  let together = 0
  let alone = 0
  for (let i = 0; i < n; i++) {
    const difference = (shape[i] as number) - meanShape
    together += difference * ((quantiles[i] as number) - meanScore)
    alone += difference * difference
  }
  const scale = together / alone
  const location = meanScore - scale * meanShape
  let error = 0
  for (let i = 0; i < n; i++) {
    const residual = ((quantiles[i] as number) - location - scale * (shape[i] as number)) / scale
    // d score / dz = scale * exp(skew * z)
    error += (residual / Math.exp(skew * (zs[i] as number))) ** 2
  }
  return { fit: { location, scale, skew }, error }
}
