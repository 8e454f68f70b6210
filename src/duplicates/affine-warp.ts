/** Numbers of an affine warp. */
export const PARAMETERS = 6
/** What counts as the same picture: turned, scaled and sheared by this at most, shifted by this share of the side. */
const MOST = { linear: 0.2, shift: 0.14 }

/** Where a point (x, y), counted from the middle, lies in the other picture: (x + p0 + p1 x + p2 y, y + p3 + p4 x + p5 y). */
export type Warp = Float64Array

export function scaling(scale: number): Warp {
  return Float64Array.of(0, scale - 1, 0, 0, 0, scale - 1)
}

/** The warp after the inverse of a step that was found on the template: W(x; p) becomes W(W(x; step)^-1; p). */
export function withoutStep(warp: Warp, step: Warp): Warp {
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0] = step
  const determinant = (1 + s1) * (1 + s5) - s2 * s4
  const a = (1 + s5) / determinant
  const b = -s2 / determinant
  const c = -s4 / determinant
  const d = (1 + s1) / determinant
  const x = -(a * s0 + b * s3)
  const y = -(c * s0 + d * s3)
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp
  return Float64Array.of(
    (1 + p1) * x + p2 * y + p0,
    (1 + p1) * a + p2 * c - 1,
    (1 + p1) * b + p2 * d,
    p4 * x + (1 + p5) * y + p3,
    p4 * a + (1 + p5) * c,
    p4 * b + (1 + p5) * d - 1,
  )
}

/** Whether it is more than a copy is changed by. */
export function isTooFar(warp: Warp, side: number): boolean {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp
  const linear = Math.max(Math.abs(p1), Math.abs(p2), Math.abs(p4), Math.abs(p5))
  return !(linear <= MOST.linear && Math.max(Math.abs(p0), Math.abs(p3)) <= MOST.shift * side)
}

/** Pixels by which a warp moves a corner of a square, at most. */
export function reachOf(warp: Warp, side: number): number {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp.map(Math.abs)
  return Math.max(p0 + ((p1 + p2) * side) / 2, p3 + ((p4 + p5) * side) / 2)
}
