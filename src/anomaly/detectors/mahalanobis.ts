import type { DetectionRows, Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import { RowSums } from '../../core/row-sums.js'
import type { Fitted, Stored } from '../fitted.js'
import { inverseRoot } from '../inverse-root.js'
import { ledoitWolf } from '../ledoit-wolf.js'
import { packFloats, unpackFloats } from '../pack.js'
import { rowsAt, samplePlaces } from '../sample-rows.js'
import { eachScaledBlock, fitScaling, type Scaling, scaled } from '../scaling.js'
import { numberSetting } from '../settings.js'
import { drawSketch, type Sketch, sketched } from '../sketch.js'
import { spaceKind } from '../space-kind.js'

/** Rows that the covariance is of at most: its error is then that of a few parts in a hundred. */
const COVARIANCE_ROWS = 5_000

/** Columns at most: beyond that groups of columns are added up, so that the matrix stays small enough to invert. */
const WIDTH = 1_024

/** Least that is left of the denominator when a row is taken out of the covariance. */
const LEAST = 1e-3

/**
 * Mahalanobis distance from the mean under a covariance with Ledoit and Wolf's shrinkage, over standardised columns: a
 * row is strange by breaking with how columns go together. Where rows belong to the covariance, their score is as if they
 * did not (Sherman and Morrison's formula, the shrinkage held). An encoder's columns have one scale, which is kept: standardised,
 * principal components have nothing left to shrink but noise.
 */
export function fitMahalanobis(rows: DetectionRows, { random }: { random: Random }): Fitted {
  const seed = random.int(2 ** 31)
  const places = samplePlaces(rows.count, COVARIANCE_ROWS, random)
  const sample = places.length === rows.count ? rows : rowsAt(rows, places)
  const scaling = fitScaling(sample)
  if (spaceKind(rows) === 'encoder') scaling.deviations.fill(1)
  const sketch = rows.dim > WIDTH ? drawSketch(rows.dim, WIDTH, seed) : undefined
  const plain = scaled(sample, scaling, 0, sample.count)
  const { matrix, shrinkage } = ledoitWolf(
    sketch ? sketched(plain, sketch) : plain,
    sketch?.width ?? rows.dim,
  )
  const detector = new Mahalanobis({
    root: inverseRoot(matrix, sketch?.width ?? rows.dim),
    scaling,
    sketch,
    seed,
  })
  const scores = detector.score(rows)
  for (const place of places) scores[place] = withoutItself(scores[place] as number, sample.count, shrinkage)
  return { detector, scores }
}

/** S without x x' / n, and a mean without x: d^2 grows to (n / (n - 1))^2 d^2 / (1 - (1 - shrinkage) d^2 / n). */
function withoutItself(distance: number, n: number, shrinkage: number): number {
  if (n < 2) return distance
  const rest = Math.max(LEAST, 1 - ((1 - shrinkage) * distance * distance) / n)
  return ((n / (n - 1)) * distance) / Math.sqrt(rest)
}

export function loadMahalanobis({ settings, files }: Stored): Detector {
  const [dim, seed] = [numberSetting(settings, 'dim'), numberSetting(settings, 'seed')]
  const width = Math.min(dim, WIDTH)
  return new Mahalanobis({
    root: unpackFloats(files, 'root', width * width),
    scaling: {
      means: unpackFloats(files, 'means', dim),
      deviations: unpackFloats(files, 'deviations', dim),
    },
    sketch: dim > WIDTH ? drawSketch(dim, WIDTH, seed) : undefined,
    seed,
  })
}

/** Rows of the root that are multiplied together: the columns after the last of them are 0. */
const BAND = 64

/** @param root lower triangular, shape [width, width] */
function bandsOf(root: Float32Array, width: number): RowSums[] {
  const bands: RowSums[] = []
  for (let from = 0; from < width; from += BAND) {
    const to = Math.min(width, from + BAND)
    const kept = new Float32Array((to - from) * to)
    for (let i = from; i < to; i++) kept.set(root.subarray(i * width, i * width + to), (i - from) * to)
    bands.push(new RowSums('products', kept, { dim: to }))
  }
  return bands
}

interface Parts {
  /** Lower triangular, shape [width, width]. */
  root: Float32Array
  scaling: Scaling
  sketch: Sketch | undefined
  seed: number
}

class Mahalanobis implements Detector {
  readonly name = 'mahalanobis'
  readonly #parts: Parts
  readonly #bands: RowSums[]

  constructor(parts: Parts) {
    this.#parts = parts
    this.#bands = bandsOf(parts.root, parts.sketch?.width ?? parts.scaling.means.length)
  }

  score(rows: Rows): Float64Array {
    const { scaling, sketch } = this.#parts
    const scores = new Float64Array(rows.count)
    eachScaledBlock(rows, scaling, (block, from) => {
      const whole = sketch ? sketched(block, sketch) : block
      for (const band of this.#bands) {
        const add = (row: number, products: Float32Array): void => {
          let sum = 0
          for (let j = 0; j < products.length; j++) sum += (products[j] as number) ** 2
          scores[from + row] = (scores[from + row] as number) + sum
        }
        band.with(whole, add, sketch?.width ?? rows.dim)
      }
    })
    return scores.map(Math.sqrt)
  }

  settings(): Record<string, unknown> {
    return { dim: this.#parts.scaling.means.length, seed: this.#parts.seed }
  }

  files(): Record<string, Uint8Array> {
    const { root, scaling } = this.#parts
    return {
      root: packFloats(root),
      means: packFloats(scaling.means),
      deviations: packFloats(scaling.deviations),
    }
  }
}
