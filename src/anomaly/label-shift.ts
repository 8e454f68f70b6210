import { quantileOf } from '../core/ascending.js'
import type { Rows } from '../core/detection.js'
import type { Random } from '../core/random.js'
import { packFloats, unpackFloats } from './pack.js'
import { rowsAt, samplePlaces } from './sample-rows.js'
import { eachScaledBlock, fitScaling, type Scaling, scaled } from './scaling.js'

/** Corrected rows that are kept at most. */
const MOST_CORRECTED = 300
/** Rows that a corrected one's surroundings are measured among, at most. */
const SURROUNDINGS = 2_000
/** Neighbours whose mean distance is a corrected row's radius. */
const NEIGHBOURS = 10
/** Part of the radius at which a correction counts half. */
const HALF_AT = 0.75
/** Part of the radius beyond which a correction counts nothing (less than a thousandth). */
const END_AT = 1.5
/** Quantile of verdicts that what is like a strange row is brought to. */
const STRANGE = 0.995

interface Parts {
  /** Corrected rows, scaled. */
  rows: Rows
  /** By corrected row: 1 strange, -1 fine, and the mean distance to its neighbours. */
  labels: Float32Array
  radii: Float32Array
  scaling: Scaling
  /** Verdicts of what is usual and of what is strange. */
  usual: number
  strange: number
}

/**
 * What people said of rows, carried to rows like them: a verdict moves towards the usual near rows that are fine, and up to
 * strange near strange ones, by k = exp(-ln 2 (d / (0.75 r))^4), where d is the distance (Euclidean over standardised columns) and r the mean
 * distance of the corrected row to its ten neighbours. So a correction reaches what is nearer to it than ordinary rows are,
 * and hardly further.
 */
export class LabelShift {
  readonly #parts: Parts

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * @param labels one a row: 1 strange, -1 fine, 0 nothing
   * @param verdicts one a row, before the shift
   * @returns undefined where nothing is corrected
   */
  static of(
    rows: Rows,
    { labels, verdicts, random }: { labels: Int8Array; verdicts: Float64Array; random: Random },
  ): LabelShift | undefined {
    const corrected = [...labels.keys()].filter((i) => labels[i] !== 0)
    if (corrected.length === 0) return undefined
    const kept = samplePlaces(corrected.length, MOST_CORRECTED, random)
    const places = Uint32Array.from(kept, (i) => corrected[i] as number)
    const ordinary = Uint32Array.from(labels.keys()).filter((i) => labels[i] !== 1)
    const around = Uint32Array.from(
      samplePlaces(ordinary.length, SURROUNDINGS, random),
      (i) => ordinary[i] as number,
    )
    const scaling = fitScaling(around.length > 1 ? rowsAt(rows, around) : rows)
    const inside = scaledRows(rowsAt(rows, places), scaling)
    const bank = scaledRows(rowsAt(rows, around), scaling)
    const radii = Float32Array.from(places, (place, i) => radius(inside, i, { bank, around, place }))
    const ascending = verdicts.filter(Number.isFinite).sort()
    return new LabelShift({
      rows: inside,
      labels: Float32Array.from(places, (place) => labels[place] as number),
      radii,
      scaling,
      usual: Math.fround(quantileOf(ascending, 0.5)),
      strange: Math.fround(quantileOf(ascending, STRANGE)),
    })
  }

  /** @throws EngineError ENCODER_INVALID if a file is missing or cut short */
  static load(files: Record<string, Uint8Array>, dim: number): LabelShift | undefined {
    if (files['labels-rows'] === undefined) return undefined
    const labels = unpackFloats(files, 'labels-labels')
    const [usual = 0, strange = 0] = unpackFloats(files, 'labels-verdicts', 2)
    return new LabelShift({
      rows: {
        values: unpackFloats(files, 'labels-rows', labels.length * dim),
        count: labels.length,
        dim,
      },
      labels,
      radii: unpackFloats(files, 'labels-radii', labels.length),
      scaling: {
        means: unpackFloats(files, 'labels-means', dim),
        deviations: unpackFloats(files, 'labels-deviations', dim),
      },
      usual,
      strange,
    })
  }

  files(): Record<string, Uint8Array> {
    const { rows, labels, radii, scaling, usual, strange } = this.#parts
    return {
      'labels-rows': packFloats(rows.values),
      'labels-labels': packFloats(labels),
      'labels-radii': packFloats(radii),
      'labels-means': packFloats(scaling.means),
      'labels-deviations': packFloats(scaling.deviations),
      'labels-verdicts': packFloats(Float32Array.of(usual, strange)),
    }
  }

  /** @returns verdicts after the shift, of new rows or of those that were corrected */
  apply(rows: Rows, verdicts: Float64Array): Float64Array {
    const { rows: corrected, labels, radii, scaling, usual, strange } = this.#parts
    const shifted = Float64Array.from(verdicts)
    eachScaledBlock(rows, scaling, (block, from) => {
      const inside = { values: block, count: block.length / rows.dim, dim: rows.dim }
      for (let i = 0; i < inside.count; i++) {
        let fine = 0
        let odd = 0
        for (let j = 0; j < corrected.count; j++) {
          const reach = radii[j] as number
          const near = nearness(distance(inside, i, corrected, j, END_AT * reach), reach)
          if (labels[j] === 1) odd = Math.max(odd, near)
          else fine = Math.max(fine, near)
        }
        const verdict = verdicts[from + i] as number
        const raised = verdict + odd * (1 - fine) * Math.max(0, strange - verdict)
        shifted[from + i] = raised - fine * (1 - odd) * Math.max(0, raised - usual)
      }
    })
    return shifted
  }
}

function nearness(between: number, radius: number): number {
  if (between === 0) return 1
  if (between >= END_AT * radius) return 0
  return Math.exp(-Math.LN2 * (between / (HALF_AT * radius)) ** 4)
}

function radius(
  inside: Rows,
  i: number,
  { bank, around, place }: { bank: Rows; around: Uint32Array; place: number },
): number {
  const distances: number[] = []
  for (let j = 0; j < bank.count; j++) {
    if (around[j] !== place) distances.push(distance(inside, i, bank, j))
  }
  const nearest = distances.sort((a, b) => a - b).slice(0, NEIGHBOURS)
  return nearest.reduce((sum, value) => sum + value, 0) / Math.max(1, nearest.length)
}

function scaledRows(rows: Rows, scaling: Scaling): Rows {
  return { values: scaled(rows, scaling, 0, rows.count), count: rows.count, dim: rows.dim }
}

/** Infinity where it is above `end`. */
function distance(a: Rows, i: number, b: Rows, j: number, end = Number.POSITIVE_INFINITY): number {
  const { dim } = a
  const most = end * end
  let sum = 0
  for (let k = 0, x = i * dim, y = j * dim; k < dim; k++, x++, y++) {
    sum += ((a.values[x] as number) - (b.values[y] as number)) ** 2
    if (sum > most) return Number.POSITIVE_INFINITY
  }
  return Math.sqrt(sum)
}
