import type { DetectionRows, Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import { Bank } from '../bank.js'
import type { Fitted, Stored } from '../fitted.js'
import { neighbourCount } from '../neighbour-count.js'
import { packFloats, unpackFloats } from '../pack.js'
import { invertPlaces, rowsAt, samplePlaces } from '../sample-rows.js'
import { fitScaling, type Scaling } from '../scaling.js'
import { numberSetting } from '../settings.js'
import { spaceKind } from '../space-kind.js'

/** Neighbours in a bank: a single one is often a fellow stranger; ten seldom are. */
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
 * How far a row's nearest are, on average (Angiulli and Pizzuti, PKDD 2002). Where the rows bring distances of an index
 * (`nearest`) these are taken, of as many as {@link neighbourCount} says; else the {@link NEIGHBOURS} to a random sample of the rows: cosine distances between
 * embeddings, whose direction is what networks are trained by, and Euclidean ones over the standardised columns of tables.
 */
export function fitNeighbours(rows: DetectionRows, { random }: { random: Random }): Fitted {
  const kind = spaceKind(rows)
  if (kind === 'encoder') {
    const detector = new NearestNeighbours(neighbourCount(rows.count))
    return { detector, scores: detector.score(rows) }
  }
  const places = samplePlaces(rows.count, BANK_ROWS, random)
  const detector = new BankedNeighbours(rowsAt(rows, places), kind === 'table' ? fitScaling(rows) : 'cosine')
  return { detector, scores: detector.score(rows, invertPlaces(places, rows.count)) }
}

export function loadNeighbours({ settings, files }: Stored): Detector {
  if (settings.bank === 0)
    return new NearestNeighbours(settings.k === undefined ? NEIGHBOURS : numberSetting(settings, 'k'))
  const [count, dim] = [numberSetting(settings, 'bank'), numberSetting(settings, 'dim')]
  const kept = { values: unpackFloats(files, 'bank', count * dim), count, dim }
  if (settings.metric === 'cosine') return new BankedNeighbours(kept, 'cosine')
  return new BankedNeighbours(kept, {
    means: unpackFloats(files, 'means', dim),
    deviations: unpackFloats(files, 'deviations', dim),
  })
}

class NearestNeighbours implements Detector {
  readonly name = 'neighbours'
  readonly #k: number

  constructor(k: number) {
    this.#k = k
  }

  score(rows: DetectionRows): Float64Array {
    return meanDistances(rows.nearest ?? new Float32Array(0), rows.count, this.#k)
  }

  settings(): Record<string, unknown> {
    return { bank: 0, k: this.#k }
  }

  files(): Record<string, Uint8Array> {
    return {}
  }
}

class BankedNeighbours implements Detector {
  readonly name = 'neighbours'
  readonly #rows: Rows
  readonly #metric: Scaling | 'cosine'
  readonly #bank: Bank

  constructor(rows: Rows, metric: Scaling | 'cosine') {
    this.#rows = rows
    this.#metric = metric
    this.#bank = new Bank(rows, metric)
  }

  score(rows: Rows, own?: Int32Array): Float64Array {
    return meanDistances(this.#bank.nearest(rows, NEIGHBOURS, own).distances, rows.count)
  }

  settings(): Record<string, unknown> {
    const { count, dim } = this.#rows
    return { bank: count, dim, metric: this.#metric === 'cosine' ? 'cosine' : 'standardised' }
  }

  files(): Record<string, Uint8Array> {
    const bank = packFloats(this.#rows.values)
    if (this.#metric === 'cosine') return { bank }
    const { means, deviations } = this.#metric
    return { bank, means: packFloats(means), deviations: packFloats(deviations) }
  }
}
