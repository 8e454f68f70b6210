import type { Detector, Rows } from '../../core/detection.js'
import type { Random } from '../../core/random.js'
import type { Fitted, Stored } from '../fitted.js'
import { packFloats, unpackFloats } from '../pack.js'
import { samplePlaces } from '../sample-rows.js'
import { numberSetting } from '../settings.js'

export const TREES = 300
/** Rows of a tree: more bring nothing (Liu, Ting, Zhou, Isolation Forest, ICDM 2008, 4.1). */
export const TREE_ROWS = 256

/** Rows that pass through all trees together, so that rows stay in the cache while trees pass. */
const BLOCK = 64

/**
 * How few random cuts part a row from the others (Liu, Ting, Zhou 2008): 2^(-E[depth] / c(n)), in (0, 1). Columns that do
 * not vary in a node are not cut there.
 */
export function fitForest(rows: Rows, { random }: { random: Random }): Fitted {
  const nodes: number[] = []
  const sample = Math.min(TREE_ROWS, rows.count)
  const limit = Math.ceil(Math.log2(Math.max(2, sample)))
  for (let tree = 0; tree < TREES; tree++) {
    grow(nodes, { rows, places: samplePlaces(rows.count, sample, random).slice(), depth: 0, limit, random })
  }
  const detector = new Forest(Float32Array.from(nodes), { sample, dim: rows.dim })
  return { detector, scores: detector.score(rows) }
}

export function loadForest({ settings, files }: Stored): Detector {
  const shape = { sample: numberSetting(settings, 'sample'), dim: numberSetting(settings, 'dim') }
  return new Forest(unpackFloats(files, 'nodes'), shape)
}

/** Numbers of a node: column (-1 in a leaf), threshold (depth in a leaf), place of the right child; the left is next. */
const NODE = 3

interface Growth {
  rows: Rows
  places: Uint32Array
  depth: number
  limit: number
  random: Random
}

function grow(nodes: number[], { rows, places, depth, limit, random }: Growth): void {
  const at = nodes.length
  const cut = depth < limit && places.length > 1 ? drawCut(rows, places, random) : undefined
  if (cut === undefined) {
    nodes.push(-1, depth + averageDepth(places.length), 0)
    return
  }
  const middle = partition(rows, places, cut)
  nodes.push(cut.column, cut.threshold, 0)
  grow(nodes, { rows, places: places.subarray(0, middle), depth: depth + 1, limit, random })
  nodes[at + 2] = nodes.length / NODE
  grow(nodes, { rows, places: places.subarray(middle), depth: depth + 1, limit, random })
}

/** Random draws of a column before the columns are taken in turn, so that the search ends. */
const VAIN_DRAWS = 8

interface Cut {
  column: number
  threshold: number
}

/** A column that varies, and a value between its least and its largest: both uniform. */
function drawCut({ values, dim }: Rows, places: Uint32Array, random: Random): Cut | undefined {
  const start = random.int(dim)
  for (let tried = 0; tried < dim + VAIN_DRAWS; tried++) {
    const column = tried < VAIN_DRAWS ? random.int(dim) : (start + tried) % dim
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let i = 0; i < places.length; i++) {
      const value = values[(places[i] as number) * dim + column] as number
      if (value < low) low = value
      if (value > high) high = value
    }
    if (high > low) {
      const threshold = Math.fround(low + random.uniform() * (high - low))
      return { column, threshold: threshold > low ? threshold : high }
    }
  }
  return undefined
}

/** Brings rows below the threshold to the front. @returns how many there are */
function partition({ values, dim }: Rows, places: Uint32Array, { column, threshold }: Cut): number {
  let middle = 0
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number
    if ((values[place * dim + column] as number) >= threshold) continue
    places[i] = places[middle] as number
    places[middle++] = place
  }
  return middle
}

/** c(n): the mean depth of an unsuccessful search in a binary tree of n keys, which a leaf of n rows stands for. */
function averageDepth(n: number): number {
  if (n <= 1) return 0
  if (n === 2) return 1
  return 2 * (Math.log(n - 1) + 0.5772156649) - (2 * (n - 1)) / n
}

class Forest implements Detector {
  readonly name = 'forest'
  readonly #nodes: Float32Array
  readonly #columns: Int32Array
  readonly #right: Int32Array
  /** Of a leaf, its depth. */
  readonly #thresholds: Float32Array
  readonly #roots: number[] = []
  readonly #sample: number
  readonly #dim: number

  constructor(nodes: Float32Array, { sample, dim }: { sample: number; dim: number }) {
    this.#nodes = nodes
    this.#sample = sample
    this.#dim = dim
    const count = nodes.length / NODE
    this.#columns = Int32Array.from({ length: count }, (_, i) => nodes[NODE * i] as number)
    this.#thresholds = Float32Array.from({ length: count }, (_, i) => nodes[NODE * i + 1] as number)
    this.#right = Int32Array.from({ length: count }, (_, i) => nodes[NODE * i + 2] as number)
    for (let at = 0; at < count; ) {
      this.#roots.push(at)
      at = this.#endOf(at)
    }
  }

  /** A tree ends with the leaf that closes its last open right branch. */
  #endOf(root: number): number {
    let at = root
    while ((this.#columns[at] as number) >= 0) at = this.#right[at] as number
    return at + 1
  }

  score({ values, count, dim }: Rows): Float64Array {
    const scores = new Float64Array(count)
    const thresholds = this.#thresholds
    const columns = this.#columns
    const right = this.#right
    for (let from = 0; from < count; from += BLOCK) {
      const to = Math.min(count, from + BLOCK)
      for (const root of this.#roots) {
        for (let i = from; i < to; i++) {
          let at = root
          for (let column = columns[at] as number; column >= 0; column = columns[at] as number)
            at =
              (values[i * dim + column] as number) < (thresholds[at] as number)
                ? at + 1
                : (right[at] as number)
          scores[i] = (scores[i] as number) + (thresholds[at] as number)
        }
      }
    }
    const usual = Math.max(averageDepth(this.#sample), Number.MIN_VALUE) * this.#roots.length
    return scores.map((depth) => (this.#sample < 2 ? 0.5 : 2 ** (-depth / usual)))
  }

  settings(): Record<string, unknown> {
    return { sample: this.#sample, dim: this.#dim }
  }

  files(): Record<string, Uint8Array> {
    return { nodes: packFloats(this.#nodes) }
  }
}
