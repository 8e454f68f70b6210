/** Between the pixels of a square picture, linearly; beyond its rim it goes on as the rim is. */
export function valueAt(plane: Float32Array, side: number, x: number, y: number): number {
  const last = side - 1
  const cx = x < 0 ? 0 : x > last ? last : x
  const cy = y < 0 ? 0 : y > last ? last : y
  const x0 = cx | 0
  const y0 = cy | 0
  const right = x0 < last ? 1 : 0
  const down = y0 < last ? side : 0
  const at = y0 * side + x0
  const fx = cx - x0
  const above = (plane[at] as number) * (1 - fx) + (plane[at + right] as number) * fx
  const below = (plane[at + down] as number) * (1 - fx) + (plane[at + down + right] as number) * fx
  return above + (below - above) * (cy - y0)
}

/** Means over squares of side 2 radius + 1 about each pixel; beyond the rim the picture goes on as the rim is. */
export function meanFilter(plane: Float32Array, side: number, radius: number): Float32Array {
  return meansOfColumns(meansOfColumns(plane, side, radius), side, radius)
}

/** Means down the columns, the picture turned over, so that two calls are the whole filter. */
function meansOfColumns(plane: Float32Array, side: number, radius: number): Float32Array {
  const into = new Float32Array(plane.length)
  const scale = 1 / (2 * radius + 1)
  const last = side - 1
  for (let x = 0; x < side; x++) {
    let sum = 0
    for (let d = -radius; d <= radius; d++) sum += plane[Math.min(last, Math.max(0, d)) * side + x] as number
    for (let y = 0; y < side; y++) {
      into[x * side + y] = sum * scale
      const enters = Math.min(last, y + radius + 1) * side + x
      const leaves = Math.max(0, y - radius) * side + x
      sum += (plane[enters] as number) - (plane[leaves] as number)
    }
  }
  return into
}
