/** Part of a standard normal distribution that is above z: erfc by the rational fit of Numerical Recipes (1992, 6.2), relative error below 1.2e-7. */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + x / 2)
  let sum = 0.17087277
  for (const term of ERFC_TERMS) sum = term + t * sum
  const upper = (t * Math.exp(-x * x + sum)) / 2
  return z >= 0 ? upper : 1 - upper
}

const ERFC_TERMS = [
  -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  -1.26551223,
]

/**
 * The z that a part `share` of a standard normal distribution is below, by bisection.
 *
 * @param share in 0..1; nearer to an end than 1e-12 is taken as that
 */
export function normalQuantile(share: number): number {
  const wanted = 1 - Math.min(Math.max(share, 1e-12), 1 - 1e-12)
  let low = -8
  let high = 8
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2
    if (normalTail(middle) > wanted) low = middle
    else high = middle
  }
  return (low + high) / 2
}
