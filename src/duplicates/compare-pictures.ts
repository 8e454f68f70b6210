import { dot } from '../core/vectors.js'
import { isTooFar, PARAMETERS, reachOf, scaling, type Warp, withoutStep } from './affine-warp.js'
import { COLOUR_SIDE, coloursOf, lightOf, PRINT_SIDE, printedSide } from './picture-print.js'
import { meanFilter, valueAt } from './planes.js'
import { COUNT, INNER, makeTemplate, normalize, RIM, type Template } from './template.js'

/** Steps of Gauss and Newton in the coarse and in the fine plane, at most; few pairs take all. */
const STEPS = 8
/** A step that moves no corner by more pixels is the last. */
const STILL = 0.02
/** A pair that is less alike than this in the coarse plane is spared the fine one. */
const HOPELESS = 0.8
/** Points that come to lie so near to the other picture's rim, or beyond it, do not count in the end. */
const FAR_RIM = 3
/** Fewer points than this share are no ground to judge on. */
const LEAST_OVERLAP = 0.5
/** Side of the grid whose worst cell counts. */
const BLOCKS = 4
/** Just within the last pixel. */
const LAST = PRINT_SIDE - 1.001
/** Points of the colour grid that are compared, along a side. */
const COLOUR_POINTS = 8
/** Brightness times this makes colours as much stronger. */
const GAINS = [0.8, 1.25] as const

/** How much two pictures have in common where they lie best on each other. */
export interface Likeness {
  /** Of the brightness, in [-1, 1]. */
  correlation: number
  /** Of what is left of the brightness when all that is coarse is taken away: edges and texture. In [-1, 1]. */
  detail: number
  /** What is left of the worst of 4 x 4 parts, as a share of the mean part; 0 is best. */
  residue: number
  /** Root of the mean squared difference of colours, in 255ths. */
  colour: number
  /** Strength of the colours that they differ by; of the same unit. */
  colourfulness: number
  /** The longer side of the smaller rendition, in pixels. */
  side: number
}

const NOTHING = { detail: 0, residue: BLOCKS * BLOCKS, colour: 0, colourfulness: 0 }

/** A picture's planes, made once for all its comparisons. */
export interface PicturePlanes {
  coarse: Float32Array
  fine: Float32Array
  detail: Float32Array
  colours: [Float32Array, Float32Array]
  side: number
}

/** A picture made ready for others to be laid on it. */
export interface PictureTemplate extends PicturePlanes {
  coarseTemplate: Template
  fineTemplate: Template
  /** What lies inside the rim. */
  ownFine: Float32Array
  ownDetail: Float32Array
}

export function planesOf(print: Uint8Array): PicturePlanes {
  const light = lightOf(print)
  const once = meanFilter(light, PRINT_SIDE, 1)
  const wide = meanFilter(meanFilter(light, PRINT_SIDE, 2), PRINT_SIDE, 2)
  return {
    coarse: wide,
    fine: meanFilter(once, PRINT_SIDE, 1),
    detail: once.map((value, i) => value - (wide[i] as number)),
    colours: coloursOf(print),
    side: printedSide(print),
  }
}

export function templateOf(planes: PicturePlanes): PictureTemplate {
  return {
    ...planes,
    coarseTemplate: makeTemplate(planes.coarse),
    fineTemplate: makeTemplate(planes.fine),
    ownFine: warped(planes.fine, scaling(1)),
    ownDetail: warped(planes.detail, scaling(1)),
  }
}

/**
 * Lays a picture on another by the affine warp that makes their correlation largest, and tells what they have in common
 * then. The warp is found by Gauss-Newton (inverse compositional: Baker and Matthews, IJCV 56, 2004; on normalised values,
 * so that brightness and contrast do not count: Evangelidis and Psarakis, PAMI 30, 2008).
 *
 * @param scale where to begin: pixels of `other` for a pixel of `template`
 */
export function comparePictures(template: PictureTemplate, other: PicturePlanes, scale: number): Likeness {
  const side = Math.min(template.side, other.side)
  const start = scaling(scale)
  const coarse = descend(template.coarseTemplate, other.coarse, start)
  if (coarse.correlation < HOPELESS) {
    return { ...NOTHING, correlation: coarse.correlation, side }
  }
  const { warp, correlation } = descend(template.fineTemplate, other.fine, coarse.warp)
  if (correlation < HOPELESS) return { ...NOTHING, correlation, side }
  const common = overlap(warp)
  if (common.length < LEAST_OVERLAP * COUNT) return { ...NOTHING, correlation, side }
  const ours = gather(template.ownFine, common)
  const others = gather(warped(other.fine, warp), common)
  const fine = dot(ours, others)
  const detail = dot(gather(template.ownDetail, common), gather(warped(other.detail, warp), common))
  const residue = worstBlock({ common, ours, others, correlation: fine })
  return {
    correlation: fine,
    detail,
    residue,
    ...compareColours(template.colours, other.colours, warp),
    side,
  }
}

/** Moves the warp to where the correlation is largest, as far as a few steps go. */
function descend(
  { values, slopes, inverse }: Template,
  plane: Float32Array,
  start: Warp,
): { warp: Warp; correlation: number } {
  let at = start
  let sampled = unitWarped(plane, at)
  let best = { warp: at, correlation: dot(values, sampled) }
  for (let step = 0; inverse && step < STEPS; step++) {
    const move = stepOf(slopes, inverse, sampled, best.correlation)
    at = withoutStep(at, move)
    if (isTooFar(at, PRINT_SIDE)) break
    sampled = unitWarped(plane, at)
    const correlation = dot(values, sampled)
    const worse = correlation < best.correlation - 0.05
    if (correlation > best.correlation) best = { warp: at, correlation }
    if (worse || reachOf(move, PRINT_SIDE) < STILL) break
  }
  return best
}

/** The least-squares step for the residual of the two, of which the slopes see only what is not along the values. */
function stepOf(
  slopes: Float32Array,
  inverse: Float64Array,
  sampled: Float32Array,
  correlation: number,
): Warp {
  const gradient = new Float64Array(PARAMETERS)
  for (let p = 0; p < PARAMETERS; p++) {
    let sum = 0
    const from = p * COUNT
    for (let i = 0; i < COUNT; i++) sum += (slopes[from + i] as number) * (sampled[i] as number)
    gradient[p] = sum / Math.max(correlation, 0.2)
  }
  const step = new Float64Array(PARAMETERS)
  for (let i = 0; i < PARAMETERS * PARAMETERS; i++) {
    const p = Math.floor(i / PARAMETERS)
    step[p] = (step[p] as number) + (inverse[i] as number) * (gradient[i % PARAMETERS] as number)
  }
  return step
}

/** The inner part of a picture as it lies under a warp. */
function warped(plane: Float32Array, warp: Warp): Float32Array {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp
  const centre = (PRINT_SIDE - 1) / 2
  const into = new Float32Array(COUNT)
  const x = RIM - centre
  for (let row = 0; row < INNER; row++) {
    const y = RIM + row - centre
    let u = centre + x + p0 + p1 * x + p2 * y
    let v = centre + y + p3 + p4 * x + p5 * y
    for (let column = 0; column < INNER; column++) {
      // valueAt, written out: nearly all the time of a comparison is spent here
      const cx = u < 0 ? 0 : u > LAST ? LAST : u
      const cy = v < 0 ? 0 : v > LAST ? LAST : v
      const x0 = cx | 0
      const y0 = cy | 0
      const fx = cx - x0
      const at = y0 * PRINT_SIDE + x0
      const above = (plane[at] as number) * (1 - fx) + (plane[at + 1] as number) * fx
      const below =
        (plane[at + PRINT_SIDE] as number) * (1 - fx) + (plane[at + PRINT_SIDE + 1] as number) * fx
      into[row * INNER + column] = above + (below - above) * (cy - y0)
      u += 1 + p1
      v += p4
    }
  }
  return into
}

/** As {@link warped}, of zero mean and length 1. */
function unitWarped(plane: Float32Array, warp: Warp): Float32Array {
  const values = warped(plane, warp)
  normalize(values)
  return values
}

/** Which points of the inner part come to lie well within the other picture. */
function overlap(warp: Warp): Uint16Array {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp
  const reach = (PRINT_SIDE - 1) / 2 - FAR_RIM
  const points = new Uint16Array(COUNT)
  let count = 0
  for (let i = 0; i < COUNT; i++) {
    const x = RIM + (i % INNER) - (PRINT_SIDE - 1) / 2
    const y = RIM + Math.floor(i / INNER) - (PRINT_SIDE - 1) / 2
    const u = x + p0 + p1 * x + p2 * y
    const v = y + p3 + p4 * x + p5 * y
    if (Math.abs(u) <= reach && Math.abs(v) <= reach) points[count++] = i
  }
  return points.subarray(0, count)
}

/** The values of some points, of zero mean and length 1. */
function gather(values: Float32Array, points: Uint16Array): Float32Array {
  const some = new Float32Array(points.length)
  for (let i = 0; i < points.length; i++) some[i] = values[points[i] as number] as number
  normalize(some)
  return some
}

/** Squared residual of the worst part, over what a part has on average. */
function worstBlock(laid: {
  common: Uint16Array
  ours: Float32Array
  others: Float32Array
  correlation: number
}): number {
  const { common, ours, others, correlation } = laid
  const residues = new Float64Array(BLOCKS * BLOCKS)
  for (const [k, i] of common.entries()) {
    const row = Math.floor((Math.floor(i / INNER) * BLOCKS) / INNER)
    const block = row * BLOCKS + Math.floor(((i % INNER) * BLOCKS) / INNER)
    const left = (ours[k] as number) - correlation * (others[k] as number)
    residues[block] = (residues[block] as number) + left * left
  }
  return Math.max(...residues) * BLOCKS * BLOCKS
}

function compareColours(
  ours: readonly Float32Array[],
  others: readonly Float32Array[],
  warp: Warp,
): { colour: number; colourfulness: number } {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = warp
  const scale = COLOUR_SIDE / PRINT_SIDE
  const centre = (COLOUR_SIDE - 1) / 2
  const reach = COLOUR_SIDE / 2 - RIM * scale
  let [aa, bb, ab] = [0, 0, 0]
  for (let i = 0; i < COLOUR_POINTS * COLOUR_POINTS; i++) {
    const x = (((i % COLOUR_POINTS) + 0.5) / COLOUR_POINTS - 0.5) * 2 * reach
    const y = ((Math.floor(i / COLOUR_POINTS) + 0.5) / COLOUR_POINTS - 0.5) * 2 * reach
    const u = centre + x + p0 * scale + p1 * x + p2 * y
    const v = centre + y + p3 * scale + p4 * x + p5 * y
    for (const [c, plane] of ours.entries()) {
      const a = valueAt(plane, COLOUR_SIDE, centre + x, centre + y)
      const b = valueAt(others[c] as Float32Array, COLOUR_SIDE, u, v)
      aa += a * a
      bb += b * b
      ab += a * b
    }
  }
  const gain = Math.min(GAINS[1], Math.max(GAINS[0], bb > 0 ? ab / bb : 1))
  const points = COLOUR_POINTS * COLOUR_POINTS
  return {
    colour: Math.sqrt(Math.max(0, aa - 2 * gain * ab + gain * gain * bb) / points),
    colourfulness: Math.sqrt(Math.max(aa, bb) / points),
  }
}
