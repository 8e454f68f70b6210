import type { DetectionRows, Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import { Bank } from '../bank.js'
import type { Fitted, Stored } from '../fitted.js'
import { packFloats, unpackFloats } from '../pack.js'
import { invertPlaces, rowsAt, samplePlaces } from '../sample-rows.js'
import { fitScaling, type Scaling } from '../scaling.js'
import { numberSetting } from '../settings.js'

/** A single neighbour is often a fellow stranger; ten seldom are. */
export const NEIGHBOURS = 10

/**
 * Rows of a bank. Ten of these are as many of all rows as there are more rows, which is why a sample finds strangers that
 * come in groups, and often better than all rows do (Sugiyama and Borgwardt, NeurIPS 2013; Aggarwal and Sathe, SIGKDD
 * Explorations 2015).
 */
export const BANK_ROWS = 1_000

/** Mean of the finite ones among the first k distances of each row; 0 for a row that has none. */
export function meanDistances(distances: Float32Array, count: number, k = NEIGHBOURS): Float64Array {
  const width = count === 0 ? 0 : distances.length / count
  return Float64Array.from({ length: count }, (_, i) => {
    let sum = 0
    let found = 0
    for (let j = i * width; j < i * width + Math.min(k, width); j++) {
      const distance = distances[j] as number
      if (!Number.isFinite(distance)) break
      sum += distance
      found++
    }
    return found === 0 ? 0 : sum / found
  })
}

/**
 * How far a row's {@link NEIGHBOURS} nearest are, on average (Angiulli and Pizzuti, PKDD 2002). Where the rows bring
 * distances of an index (`nearest`) these are taken; else those to a random sample of the rows, over standardised columns.
 */
export function fitNeighbours(rows: DetectionRows, { random }: { random: Random }): Fitted {
  if (rows.nearest !== undefined) {
    return { detector: new NearestNeighbours(), scores: meanDistances(rows.nearest, rows.count) }
  }
  const places = samplePlaces(rows.count, BANK_ROWS, random)
  const detector = new BankedNeighbours(rowsAt(rows, places), fitScaling(rows))
  return { detector, scores: detector.score(rows, invertPlaces(places, rows.count)) }
}

export function loadNeighbours({ settings, files }: Stored): Detector {
  if (settings.bank === 0) return new NearestNeighbours()
  const [count, dim] = [numberSetting(settings, 'bank'), numberSetting(settings, 'dim')]
  return new BankedNeighbours(
    { values: unpackFloats(files, 'bank', count * dim), count, dim },
    {
      means: unpackFloats(files, 'means', dim),
      deviations: unpackFloats(files, 'deviations', dim),
    },
  )
}

class NearestNeighbours implements Detector {
  readonly name = 'neighbours'

  score(rows: DetectionRows): Float64Array {
    return meanDistances(rows.nearest ?? new Float32Array(0), rows.count)
  }

  settings(): Record<string, unknown> {
    return { bank: 0 }
  }

  files(): Record<string, Uint8Array> {
    return {}
  }
}

class BankedNeighbours implements Detector {
  readonly name = 'neighbours'
  readonly #rows: Rows
  readonly #scaling: Scaling
  readonly #bank: Bank

  constructor(rows: Rows, scaling: Scaling) {
    this.#rows = rows
    this.#scaling = scaling
    this.#bank = new Bank(rows, scaling)
  }

  score(rows: Rows, own?: Int32Array): Float64Array {
    return meanDistances(this.#bank.nearest(rows, NEIGHBOURS, own).distances, rows.count)
  }

  settings(): Record<string, unknown> {
    return { bank: this.#rows.count, dim: this.#rows.dim }
  }

  files(): Record<string, Uint8Array> {
    return {
      bank: packFloats(this.#rows.values),
      means: packFloats(this.#scaling.means),
      deviations: packFloats(this.#scaling.deviations),
    }
  }
}
