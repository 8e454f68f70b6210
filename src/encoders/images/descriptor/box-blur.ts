/** Passes of a mean filter; three are near to a Gaussian (central limit). */
const PASSES = 3

/**
 * Blurs a square picture in place, nearly as a Gaussian does, in a time that does not depend on how much. Beyond its
 * rim the picture goes on as the rim is.
 *
 * @param plane shape [size, size]
 * @param sigma of the Gaussian, in pixels
 * @param scratch as long as `plane`
 */
export function boxBlur(plane: Float32Array, size: number, sigma: number, scratch: Float32Array): void {
  // variance of a mean over w pixels: (w^2 - 1) / 12
  const width = Math.sqrt((12 * sigma * sigma) / PASSES + 1)
  const radius = Math.max(1, Math.round((width - 1) / 2))
  for (let pass = 0; pass < PASSES; pass++) {
    blurColumns(plane, scratch, size, radius)
    transpose(scratch, plane, size)
    blurColumns(plane, scratch, size, radius)
    transpose(scratch, plane, size)
  }
}

/** A running sum down all columns at the same time. */
function blurColumns(from: Float32Array, into: Float32Array, size: number, radius: number): void {
  const scale = 1 / (2 * radius + 1)
  for (let x = 0; x < size; x++) {
    let sum = 0
    for (let y = -radius; y <= radius; y++) sum += from[clamp(y, size) * size + x] as number
    into[x] = sum * scale
  }
  for (let y = 1; y < size; y++) {
    const enters = clamp(y + radius, size) * size
    const leaves = clamp(y - radius - 1, size) * size
    const above = (y - 1) * size
    const row = y * size
    for (let x = 0; x < size; x++) {
      into[row + x] =
        (into[above + x] as number) + ((from[enters + x] as number) - (from[leaves + x] as number)) * scale
    }
  }
}

function transpose(from: Float32Array, into: Float32Array, size: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) into[x * size + y] = from[y * size + x] as number
  }
}

function clamp(at: number, size: number): number {
  return at < 0 ? 0 : at < size ? at : size - 1
}
