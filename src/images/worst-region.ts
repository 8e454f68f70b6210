import type { ErrorMap } from './error-map.js'

/** A rectangle of a picture, in its pixels; `x` and `y` of its upper left one. */
export interface Region {
  x: number
  y: number
  width: number
  height: number
  /** The part of the whole error that lies in the rectangle, in 0..1. */
  share: number
}

/** The map is smoothed over squares of about this part of the shorter side, so that areas are more than single pixels. */
const SMOOTHING = 1 / 32

/**
 * The bounding box of the contiguous area that holds most of the error:
 *
 * 1. the map is smoothed by the mean over a square of 3 x 3 pixels (larger for pictures of 64 pixels a side and more);
 * 2. the pixels above the level that parts strong from weak ones best are taken (Otsu, IEEE Transactions on Systems, Man and
 *    Cybernetics 9, 1979);
 * 3. of their areas (pixels that touch, at corners too) the one with the largest sum is chosen, of equals the first,
 *    row by row.
 *
 * @returns undefined where there is no error
 */
export function worstRegion(map: ErrorMap): Region | undefined {
  const { width, height, values } = map
  const total = values.reduce((sum, value) => sum + value, 0)
  if (!(total > 0)) return undefined
  const smooth = smoothed(map, Math.max(1, Math.round(Math.min(width, height) * SMOOTHING)))
  const area = strongestArea(smooth, width, height, levelOf(smooth))
  let share = 0
  for (let y = area.top; y <= area.bottom; y++) {
    for (let x = area.left; x <= area.right; x++) share += values[y * width + x] as number
  }
  return {
    x: area.left,
    y: area.top,
    width: area.right - area.left + 1,
    height: area.bottom - area.top + 1,
    share: Math.min(1, share / total),
  }
}

/** Means over squares of 2 radius + 1 a side, cut off at the borders; rows first, then columns. */
function smoothed({ width, height, values }: ErrorMap, radius: number): Float64Array {
  const rows = new Float64Array(values.length)
  const both = new Float64Array(values.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows[y * width + x] = meanOf(values, y * width, 1, x, width, radius)
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) both[y * width + x] = meanOf(rows, x, width, y, height, radius)
  }
  return both
}

/** The mean of up to 2 radius + 1 values around position `at` of a line. */
function meanOf(
  values: ArrayLike<number>,
  start: number,
  step: number,
  at: number,
  length: number,
  radius: number,
): number {
  const [from, to] = [Math.max(0, at - radius), Math.min(length - 1, at + radius)]
  let sum = 0
  for (let i = from; i <= to; i++) sum += values[start + i * step] as number
  return sum / (to - from + 1)
}

/** Otsu's level: the least value of the stronger class where the variance between the two classes is largest. */
function levelOf(values: Float64Array): number {
  const ascending = values.toSorted()
  const count = ascending.length
  const total = ascending.reduce((sum, value) => sum + value, 0)
  let [level, most, below] = [ascending[0] as number, 0, 0]
  for (let i = 1; i < count; i++) {
    below += ascending[i - 1] as number
    if (ascending[i] === ascending[i - 1]) continue
    const between = i * (count - i) * ((total - below) / (count - i) - below / i) ** 2
    if (between > most) [level, most] = [ascending[i] as number, between]
  }
  return level
}

interface Area {
  left: number
  right: number
  top: number
  bottom: number
  sum: number
}

function strongestArea(values: Float64Array, width: number, height: number, level: number): Area {
  const seen = new Uint8Array(values.length)
  let best: Area = { left: 0, right: width - 1, top: 0, bottom: height - 1, sum: 0 }
  for (let start = 0; start < values.length; start++) {
    if (seen[start] === 1 || (values[start] as number) < level) continue
    const area: Area = { left: width, right: 0, top: height, bottom: 0, sum: 0 }
    const open = [start]
    seen[start] = 1
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)]
      area.sum += values[at] as number
      area.left = Math.min(area.left, x)
      area.right = Math.max(area.right, x)
      area.top = Math.min(area.top, y)
      area.bottom = Math.max(area.bottom, y)
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx
          if (seen[next] === 1 || (values[next] as number) < level) continue
          seen[next] = 1
          open.push(next)
        }
      }
    }
    if (area.sum > best.sum) best = area
  }
  return best
}
