import type { Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import { BATCH, type DenseNetwork, loadNetwork } from '../dense-network.js'
import type { Fitted, Stored } from '../fitted.js'
import { packFloats, unpackFloats } from '../pack.js'
import { rowsAt, samplePlaces } from '../sample-rows.js'
import { eachScaledBlock, fitScaling, type Scaling, scaled } from '../scaling.js'
import { numberSetting } from '../settings.js'
import { trainAutoencoder } from '../train-autoencoder.js'

/** Rows that the networks learn from at most, half of them each. */
const ROWS = 4_000
/** Widths of the hidden layers and of the bottleneck: wider, and strangers pass it too; narrower, and others do not. */
const HIDDEN = 128
const BOTTLENECK = 32
/** Batches at most, and how often a row is seen at most: few rows are learned in less time. */
const STEPS = 200
const EPOCHS = 30
const RATE = 0.005

/**
 * The squared error with which an autoencoder of dense layers (dim, 128, 32, 128, dim) gives a row back (Hawkins and others, DaWaK
 * 2002): it spends its few numbers on what most rows are like. Columns are centred and share one scale, so that the error is that
 * of the vectors themselves. Two networks learn from a half of the rows each. A row that one has learned from is judged by the
 * other, so that it is judged as if it had not been there; any other row by the mean of both.
 */
export function fitAutoencoder(rows: Rows, { random }: { random: Random }): Fitted {
  const places = samplePlaces(rows.count, ROWS, random)
  const scaling = fitSharedScale(rowsAt(rows, places))
  const widths = widthsOf(rows.dim)
  const halves = halvesOf(places, random)
  const networks = halves.map((half) => {
    const part = rowsAt(rows, half)
    const steps = Math.min(STEPS, EPOCHS * Math.ceil(part.count / BATCH))
    const learned = { ...part, values: scaled(part, scaling, 0, part.count) }
    return trainAutoencoder(learned, { widths, steps, rate: RATE, random })
  })
  const detector = new Autoencoder(networks, scaling)
  const errors = detector.errors(rows)
  const scores = meanOf(errors, rows.count)
  for (const [i, half] of halves.entries()) {
    const other = errors[(i + 1) % errors.length] as Float64Array
    for (const place of half) scores[place] = other[place] as number
  }
  return { detector, scores }
}

export function loadAutoencoder({ settings, files }: Stored): Detector {
  const dim = numberSetting(settings, 'dim')
  const networks = Array.from({ length: numberSetting(settings, 'networks') }, (_, i) =>
    loadNetwork(widthsOf(dim), (length) => unpackFloats(files, `network-${i}`, length)),
  )
  return new Autoencoder(networks, {
    means: unpackFloats(files, 'means', dim),
    deviations: unpackFloats(files, 'deviations', dim),
  })
}

/** A single row is both halves' own. */
function halvesOf(places: Uint32Array, random: Random): Uint32Array[] {
  if (places.length < 2) return [places]
  const first = new Set(samplePlaces(places.length, places.length >> 1, random))
  return [places.filter((_, i) => first.has(i)), places.filter((_, i) => !first.has(i))]
}

/** Narrower than the rows, so that not everything passes. */
function widthsOf(dim: number): number[] {
  const bottleneck = Math.max(1, Math.min(BOTTLENECK, dim >> 1))
  const hidden = Math.min(HIDDEN, Math.max(bottleneck, dim))
  return [dim, hidden, bottleneck, hidden, dim]
}

/** Centres each column, and divides all by the root of their mean variance. */
function fitSharedScale(rows: Rows): Scaling {
  const { means, deviations } = fitScaling(rows)
  const variance = deviations.reduce((sum, deviation) => sum + deviation ** 2 / rows.dim, 0)
  return { means, deviations: deviations.fill(Math.sqrt(variance)) }
}

function meanOf(errors: readonly Float64Array[], count: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, i) => errors.reduce((sum, own) => sum + (own[i] as number), 0) / errors.length,
  )
}

class Autoencoder implements Detector {
  readonly name = 'autoencoder'
  readonly #networks: readonly DenseNetwork[]
  readonly #scaling: Scaling

  constructor(networks: readonly DenseNetwork[], scaling: Scaling) {
    this.#networks = networks
    this.#scaling = scaling
  }

  score(rows: Rows): Float64Array {
    return meanOf(this.errors(rows), rows.count)
  }

  /** By network, the squared error of each row. */
  errors(rows: Rows): Float64Array[] {
    const errors = this.#networks.map(() => new Float64Array(rows.count))
    eachScaledBlock(rows, this.#scaling, (block, from) => {
      for (const [n, network] of this.#networks.entries())
        errors[n]?.set(network.errors({ values: block, count: block.length / rows.dim, dim: rows.dim }), from)
    })
    return errors
  }

  settings(): Record<string, unknown> {
    return { dim: this.#scaling.means.length, networks: this.#networks.length }
  }

  files(): Record<string, Uint8Array> {
    const networks = this.#networks.map((network, i) => [`network-${i}`, packFloats(network.parameters())])
    return {
      ...(Object.fromEntries(networks) as Record<string, Uint8Array>),
      means: packFloats(this.#scaling.means),
      deviations: packFloats(this.#scaling.deviations),
    }
  }
}
