import { boxBlur } from './box-blur.js'

export interface FilterEnergyOptions {
  /** Width and height of the picture, in pixels; halved from scale to scale. */
  size: number
  /** Octaves of detail, the finest first. */
  scales: number
  /** Directions at each scale. */
  orientations: number
  /** Cells a side over which energies are averaged. */
  grid: number
}

/** Half the taps of a filter, without the middle. */
const REACH = 4

/** Distance of two taps in the units of the formulas, as Freeman and Adelson sample them. */
const SPACING = 0.67

/** Keeps flat areas flat when the contrast is made even, as in Oliva and Torralba's own program. */
const CONTRAST_FLOOR = 0.2

/** What is slower than so many cycles a picture is taken out first, as in Oliva and Torralba's own program. */
const SLOWEST_CYCLES = 4

/** Filters in one direction: `even` ones are mirrored, odd ones mirrored with the sign changed. */
interface Taps {
  /** Weights at distance 0, 1, … */
  weights: number[]
  even: boolean
}

/** The parts that second derivatives of Gaussians and their Hilbert transforms are products of. */
const PARTS = {
  second: taps(true, (x) => 0.9213 * (2 * x * x - 1)),
  linear: taps(false, (x) => x),
  gauss: taps(true, () => 1),
  cubic: taps(false, (x) => 0.978 * (x * x - 2.254) * x),
  offset: taps(true, (x) => 0.978 * (x * x - 0.7515)),
}

function taps(even: boolean, formula: (x: number) => number): Taps {
  const weights = Array.from({ length: REACH + 1 }, (_, i) => {
    const x = i * SPACING
    return formula(x) * Math.exp(-x * x)
  })
  return { weights, even }
}

/**
 * How much detail of each scale and direction there is in each part of a picture: the "gist" of a scene (Oliva and
 * Torralba 2001), with steerable quadrature filters in place of Gabor filters (second derivative of a Gaussian and
 * its Hilbert transform: Freeman and Adelson 1991, tables III and IV), which are sums of separable ones.
 */
export class FilterEnergies {
  /** Numbers of one picture: scales * orientations * grid^2. */
  readonly length: number
  readonly #options: FilterEnergyOptions
  readonly #planes: Float32Array[]
  readonly #rows: {
    second: Float32Array
    linear: Float32Array
    gauss: Float32Array
    cubic: Float32Array
    offset: Float32Array
  }
  readonly #basis: Float32Array[]
  /** For each orientation the weights of the three even and the four odd basis filters. */
  readonly #steer: Float32Array

  constructor(options: FilterEnergyOptions) {
    const { size, scales, orientations, grid } = options
    this.#options = options
    this.length = scales * orientations * grid * grid
    const pixels = size * size
    const plane = (): Float32Array => new Float32Array(pixels)
    this.#planes = [plane(), plane(), plane()]
    this.#rows = { second: plane(), linear: plane(), gauss: plane(), cubic: plane(), offset: plane() }
    this.#basis = Array.from({ length: 7 }, plane)
    this.#steer = new Float32Array(orientations * 7)
    for (let o = 0; o < orientations; o++) {
      const c = Math.cos((o * Math.PI) / orientations)
      const s = Math.sin((o * Math.PI) / orientations)
      this.#steer.set(
        [c * c, -2 * c * s * 1.843, s * s, c ** 3, -3 * c * c * s, 3 * c * s * s, -(s ** 3)],
        o * 7,
      )
    }
  }

  /**
   * @param plane shape [size, size], in 0..1
   * @param into where to, from `offset` on
   */
  compute(plane: Float32Array, into: Float32Array, offset: number): void {
    const { scales, orientations, grid } = this.#options
    const [current, ...scratch] = this.#planes as [Float32Array, Float32Array, Float32Array]
    let { size } = this.#options
    for (let i = 0; i < size * size; i++) current[i] = Math.log1p(255 * (plane[i] as number))
    evenContrast(current, size, scratch)
    let at = offset
    for (let scale = 0; scale < scales; scale++) {
      this.#filter(current, size)
      this.#average(size, into, at)
      at += orientations * grid * grid
      halve(current, size, scratch[0])
      size >>= 1
    }
  }

  #filter(plane: Float32Array, size: number): void {
    const rows = this.#rows
    const [b0, b1, b2, b3, b4, b5, b6] = this.#basis as Planes7
    along(plane, rows.second, size, PARTS.second)
    along(plane, rows.linear, size, PARTS.linear)
    along(plane, rows.gauss, size, PARTS.gauss)
    along(plane, rows.cubic, size, PARTS.cubic)
    along(plane, rows.offset, size, PARTS.offset)
    down(rows.second, b0, size, PARTS.gauss)
    down(rows.linear, b1, size, PARTS.linear)
    down(rows.gauss, b2, size, PARTS.second)
    down(rows.cubic, b3, size, PARTS.gauss)
    down(rows.offset, b4, size, PARTS.linear)
    down(rows.linear, b5, size, PARTS.offset)
    down(rows.gauss, b6, size, PARTS.cubic)
  }

  /** Mean of sqrt(even^2 + odd^2) over each cell of the grid, for each direction. */
  #average(size: number, into: Float32Array, at: number): void {
    const { orientations, grid } = this.#options
    const [b0, b1, b2, b3, b4, b5, b6] = this.#basis as Planes7
    const cells = grid * grid
    into.fill(0, at, at + orientations * cells)
    const scale = cells / (size * size)
    for (let o = 0; o < orientations; o++) {
      const [k0, k1, k2, k3, k4, k5, k6] = this.#steer.subarray(o * 7, o * 7 + 7) as unknown as Numbers7
      const sums = at + o * cells
      for (let y = 0; y < size; y++) {
        const line = sums + Math.floor((y * grid) / size) * grid
        for (let cell = 0; cell < grid; cell++) {
          const end = y * size + Math.ceil(((cell + 1) * size) / grid)
          let sum = 0
          for (let i = y * size + Math.ceil((cell * size) / grid); i < end; i++) {
            const even = k0 * (b0[i] as number) + k1 * (b1[i] as number) + k2 * (b2[i] as number)
            const odd =
              k3 * (b3[i] as number) +
              k4 * (b4[i] as number) +
              k5 * (b5[i] as number) +
              k6 * (b6[i] as number)
            sum += Math.sqrt(even * even + odd * odd)
          }
          into[line + cell] = (into[line + cell] as number) + sum * scale
        }
      }
    }
  }
}

type Planes7 = [
  Float32Array,
  Float32Array,
  Float32Array,
  Float32Array,
  Float32Array,
  Float32Array,
  Float32Array,
]
type Numbers7 = [number, number, number, number, number, number, number]

/** Takes slow changes of light out and divides by the local contrast, in place. */
function evenContrast(plane: Float32Array, size: number, [a, b]: Float32Array[]): void {
  const blurred = a as Float32Array
  const scratch = b as Float32Array
  // a Gaussian that lets half of SLOWEST_CYCLES through, as a standard deviation in pixels
  const sigma = (size * Math.sqrt(2 * Math.LN2)) / (2 * Math.PI * SLOWEST_CYCLES)
  const pixels = size * size
  blurred.set(plane.subarray(0, pixels))
  boxBlur(blurred, size, sigma, scratch)
  for (let i = 0; i < pixels; i++) {
    const value = (plane[i] as number) - (blurred[i] as number)
    plane[i] = value
    blurred[i] = value * value
  }
  boxBlur(blurred, size, sigma, scratch)
  for (let i = 0; i < pixels; i++) {
    plane[i] = (plane[i] as number) / (CONTRAST_FLOOR + Math.sqrt(Math.max(0, blurred[i] as number)))
  }
}

/** Filters each row; beyond its ends the picture is mirrored. */
function along(plane: Float32Array, into: Float32Array, size: number, { weights, even }: Taps): void {
  const sign = even ? 1 : -1
  const [w0, w1, w2, w3, w4] = weights as [number, number, number, number, number]
  for (let y = 0; y < size; y++) {
    const row = y * size
    for (let x = 0; x < size; x++) {
      const i = row + x
      if (x >= REACH && x + REACH < size) {
        into[i] =
          w0 * (plane[i] as number) +
          w1 * ((plane[i + 1] as number) + sign * (plane[i - 1] as number)) +
          w2 * ((plane[i + 2] as number) + sign * (plane[i - 2] as number)) +
          w3 * ((plane[i + 3] as number) + sign * (plane[i - 3] as number)) +
          w4 * ((plane[i + 4] as number) + sign * (plane[i - 4] as number))
      } else {
        let sum = w0 * (plane[i] as number)
        for (let r = 1; r <= REACH; r++) {
          const after = plane[row + mirrored(x + r, size)] as number
          const before = plane[row + mirrored(x - r, size)] as number
          sum += (weights[r] as number) * (after + sign * before)
        }
        into[i] = sum
      }
    }
  }
}

/** Filters each column, row by row, so that memory is read in order. */
function down(plane: Float32Array, into: Float32Array, size: number, { weights, even }: Taps): void {
  const sign = even ? 1 : -1
  const [w0, w1, w2, w3, w4] = weights as [number, number, number, number, number]
  for (let y = 0; y < size; y++) {
    const row = y * size
    const a1 = mirrored(y + 1, size) * size
    const a2 = mirrored(y + 2, size) * size
    const a3 = mirrored(y + 3, size) * size
    const a4 = mirrored(y + 4, size) * size
    const z1 = mirrored(y - 1, size) * size
    const z2 = mirrored(y - 2, size) * size
    const z3 = mirrored(y - 3, size) * size
    const z4 = mirrored(y - 4, size) * size
    for (let x = 0; x < size; x++) {
      into[row + x] =
        w0 * (plane[row + x] as number) +
        w1 * ((plane[a1 + x] as number) + sign * (plane[z1 + x] as number)) +
        w2 * ((plane[a2 + x] as number) + sign * (plane[z2 + x] as number)) +
        w3 * ((plane[a3 + x] as number) + sign * (plane[z3 + x] as number)) +
        w4 * ((plane[a4 + x] as number) + sign * (plane[z4 + x] as number))
    }
  }
}

/** Index inside 0..size-1; for sizes of 4 and more. */
function mirrored(at: number, size: number): number {
  if (at < 0) return -at - 1
  return at < size ? at : 2 * size - 1 - at
}

/** Means of 2 x 2 pixels, after which the picture is half as wide, in place. */
function halve(plane: Float32Array, size: number, scratch: Float32Array | undefined): void {
  const half = size >> 1
  const into = scratch as Float32Array
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const i = 2 * y * size + 2 * x
      into[y * half + x] =
        0.25 *
        ((plane[i] as number) +
          (plane[i + 1] as number) +
          (plane[i + size] as number) +
          (plane[i + size + 1] as number))
    }
  }
  plane.set(into.subarray(0, half * half))
}
