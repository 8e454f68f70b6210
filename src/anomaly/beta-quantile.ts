/** Steps of the continued fraction at most, and where it is near enough. */
const STEPS = 500
const NEAR = 1e-12
const TINY = 1e-300

/**
 * The value that a part `share` of a Beta(a, b) distribution is below, by bisection.
 *
 * @param a over 0 @param b over 0 @param share in 0..1
 */
export function betaQuantile(a: number, b: number, share: number): number {
  let low = 0
  let high = 1
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (betaShare(a, b, middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Part of a Beta(a, b) distribution below x: the incomplete beta function's continued fraction, by Lentz's method (Numerical Recipes, 6.4). */
export function betaShare(a: number, b: number, x: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x < (a + 1) / (a + b + 2) ? (front * fraction(a, b, x)) / a : 1 - (front * fraction(b, a, 1 - x)) / b
}

function fraction(a: number, b: number, x: number): number {
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let result = d
  for (let m = 1; m <= STEPS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d)
      c = away(1 + term / c)
      result *= c * d
    }
    if (Math.abs(c * d - 1) < NEAR) break
  }
  return result
}

function away(value: number): number {
  return Math.abs(value) < TINY ? TINY : value
}

/** Stirling's series, after the argument was raised to 8 and more: error below 1e-10. */
function logGamma(x: number): number {
  let shift = 0
  let y = x
  while (y < 8) {
    shift += Math.log(y)
    y++
  }
  const square = 1 / (y * y)
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / y
  return (y - 0.5) * Math.log(y) - y + Math.log(2 * Math.PI) / 2 + series - shift
}
