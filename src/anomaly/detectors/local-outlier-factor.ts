import type { Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import { Bank, type BankNeighbours } from '../bank.js'
import type { Fitted, Stored } from '../fitted.js'
import { leadingComponents } from '../leading-components.js'
import { packFloats, unpackFloats } from '../pack.js'
import { invertPlaces, rowsAt, samplePlaces } from '../sample-rows.js'
import { ScaledView } from '../scaled-view.js'
import { fitScaling, plainScaling, scaled } from '../scaling.js'
import { numberSetting } from '../settings.js'

/** The authors' advice is 10 to 50, and scikit-learn's default 20. */
const NEIGHBOURS = 20

/** Columns that distances are over at most: beyond these, the leading principal components of the bank. */
const COMPONENTS = 64

/** Where all rows are equal. */
const LEAST = 1e-12

/** Rows that densities are of. */
const BANK_ROWS = 1_000

/** Part of the mean distance that is added to each, so that equal rows have a finite density. */
const SMALL = 1e-6

/**
 * Local outlier factor (Breunig, Kriegel, Ng, Sander, SIGMOD 2000): how much thinner the rows lie around one than around
 * its neighbours; about 1 where they lie alike. Over standardised columns, among a random sample of the rows,
 * and where there are many columns over the components in which that sample varies most: what local density is about.
 */
export function fitLof(rows: Rows, { random }: { random: Random }): Fitted {
  const places = samplePlaces(rows.count, BANK_ROWS, random)
  const scaling = fitScaling(rows)
  const sample = rowsAt(rows, places)
  const components =
    rows.dim > COMPONENTS
      ? leadingComponents(scaled(sample, scaling, 0, sample.count), {
          dim: rows.dim,
          count: COMPONENTS,
          random,
        })
      : undefined
  const view = new ScaledView(scaling, components)
  const kept = view.of(sample)
  const bank = new Bank(kept, plainScaling(kept.dim))
  const itself = Int32Array.from({ length: kept.count }, (_, i) => i)
  const within = bank.nearest(kept, NEIGHBOURS, itself)
  const reaches = Float32Array.from({ length: kept.count }, (_, i) => furthest(within, i))
  const small = Math.max(SMALL * mean(reaches), LEAST)
  const densities = Float32Array.from({ length: kept.count }, (_, i) =>
    densityOf(within, i, { reaches, small }),
  )
  const detector = new LocalOutlierFactor({ kept, view, bank, reaches, densities, small })
  return { detector, scores: detector.score(rows, invertPlaces(places, rows.count)) }
}

export function loadLof({ settings, files }: Stored): Detector {
  const [count, dim] = [numberSetting(settings, 'bank'), numberSetting(settings, 'dim')]
  const width = Math.min(dim, COMPONENTS)
  const kept = { values: unpackFloats(files, 'bank', count * width), count, dim: width }
  const scaling = {
    means: unpackFloats(files, 'means', dim),
    deviations: unpackFloats(files, 'deviations', dim),
  }
  const components = dim > COMPONENTS ? unpackFloats(files, 'components', width * dim) : undefined
  return new LocalOutlierFactor({
    kept,
    view: new ScaledView(scaling, components),
    bank: new Bank(kept, plainScaling(width)),
    reaches: unpackFloats(files, 'reaches', count),
    densities: unpackFloats(files, 'densities', count),
    small: numberSetting(settings, 'small'),
  })
}

/** Distance of the last neighbour that there is; 0 for a row that has none. */
function furthest({ k, distances }: BankNeighbours, row: number): number {
  for (let j = (row + 1) * k - 1; j >= row * k; j--) {
    const distance = distances[j] as number
    if (Number.isFinite(distance)) return distance
  }
  return 0
}

/** One over the mean reachability distance: max(distance, how far the neighbour's own neighbours are). */
function densityOf(
  { k, distances, places }: BankNeighbours,
  row: number,
  { reaches, small }: { reaches: Float32Array; small: number },
): number {
  let sum = 0
  let found = 0
  for (let j = row * k; j < (row + 1) * k; j++) {
    const place = places[j] as number
    if (place < 0) break
    sum += Math.max(distances[j] as number, reaches[place] as number)
    found++
  }
  return found === 0 ? 1 : 1 / (sum / found + small)
}

function mean(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value / values.length
  return sum
}

interface Parts {
  /** The rows of the bank as they are compared. */
  kept: Rows
  view: ScaledView
  bank: Bank
  /** Of each row of the bank, how far its last neighbour is. */
  reaches: Float32Array
  densities: Float32Array
  small: number
}

class LocalOutlierFactor implements Detector {
  readonly name = 'lof'
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  score(rows: Rows, own?: Int32Array): Float64Array {
    const { bank, densities, view } = this.#parts
    const nearest = bank.nearest(view.of(rows), NEIGHBOURS, own)
    return Float64Array.from({ length: rows.count }, (_, i) => {
      let sum = 0
      let found = 0
      for (let j = i * nearest.k; j < (i + 1) * nearest.k; j++) {
        const place = nearest.places[j] as number
        if (place < 0) break
        sum += densities[place] as number
        found++
      }
      return found === 0 ? 1 : sum / found / densityOf(nearest, i, this.#parts)
    })
  }

  settings(): Record<string, unknown> {
    const { kept, view, small } = this.#parts
    return { bank: kept.count, dim: view.scaling.means.length, small }
  }

  files(): Record<string, Uint8Array> {
    const { kept, view, reaches, densities } = this.#parts
    return {
      bank: packFloats(kept.values),
      means: packFloats(view.scaling.means),
      deviations: packFloats(view.scaling.deviations),
      ...(view.components && { components: packFloats(view.components) }),
      reaches: packFloats(reaches),
      densities: packFloats(densities),
    }
  }
}
