import type { Metric } from '../../core/metrics.js'
import { norm } from '../../core/vectors.js'
import { nearestOfEach } from '../../indexes/nearest-of-each.js'
import type { ScanPool } from '../../indexes/scan-pool.js'
import { type ItemHit, rowDistance, scanItems } from '../../indexes/scan-table.js'
import type { VectorTable } from '../../indexes/vector-table.js'
import type { EncoderKeys } from './collection-keys.js'
import { type IndexSource, MetricIndex } from './metric-index.js'
import { indexFrom } from './plan-build.js'
import { searchMatching } from './search-matching.js'
import type { SpaceAnswer, SpaceSearch } from './space-search.js'

/** Numbers that a scan may read on the answering thread: 8,000 x 384, 3 to 8 milliseconds. */
const SCAN_HERE = 8_000 * 384
/** From so many on it is faster elsewhere, if nobody else scans. */
const SCAN_ELSEWHERE = 4_000 * 384
/** Where more than this part of the vectors is asked for, comparing all is faster than the index. */
const PART_FOR_SCAN = 0.1

/** The vectors of one encoder version of a space in memory, and the indexes over them. */
export class SpaceVectors implements IndexSource {
  readonly keys: EncoderKeys
  readonly indexes: readonly MetricIndex[]
  readonly #scans: ScanPool
  table: VectorTable
  seq: number
  stamp: string
  /** Whether an item may have several vectors here. */
  #passages = false

  constructor(options: {
    keys: EncoderKeys
    table: VectorTable
    seq: number
    stamp: string
    cacheDir: string
    epoch: string
    scans: ScanPool
  }) {
    this.keys = options.keys
    this.table = options.table
    this.seq = options.seq
    this.stamp = options.stamp
    this.#scans = options.scans
    const { cacheDir, epoch } = options
    this.indexes = indexMetrics(options.keys).map(
      (metric) => new MetricIndex({ metric, space: options.keys, source: this, cacheDir, epoch }),
    )
    for (let row = 0; row < this.table.rows && !this.#passages; row++) {
      this.#passages = this.table.passageAt(row) > 0
    }
  }

  append(label: number, slot: number, passage: number, vector: Float32Array): void {
    this.table.append(label, slot, passage, vector)
    if (passage > 0) this.#passages = true
  }

  remove(label: number): void {
    if (!this.table.kill(label)) return
    for (const index of this.indexes) index.remove(label)
  }

  /** The k nearest items; asks the index where that is faster and scans what it does not hold. */
  async search(search: SpaceSearch): Promise<SpaceAnswer> {
    const index = search.exact ? undefined : this.#indexFor(search.metric)
    if (search.found) {
      const scan = (rows: Uint32Array) => this.#scan(search, 0, rows)
      const space = { table: this.table, index, passages: this.#passages, scan }
      return searchMatching(space, search, search.found)
    }
    if (index && index.segments.length > 0) {
      const found = await this.#searchIndex(index, search)
      if (found) return found
    }
    const hits = await this.#scan(search, 0)
    return { hits, strategy: 'exact', scanned: this.table.live }
  }

  /** Vectors that every index holds; all of a space that is too small to need one. */
  get indexed(): number {
    if (this.table.live < indexFrom(this.keys)) return this.table.live
    return this.indexes.length === 0 ? 0 : Math.min(...this.indexes.map((index) => index.indexed))
  }

  #indexFor(metric: Metric): MetricIndex | undefined {
    return this.keys.unit ? this.indexes[0] : this.indexes.find((index) => index.metric === metric)
  }

  /** Widens until k items are sure; undefined where the index cannot tell and all must be compared. */
  async #searchIndex(index: MetricIndex, search: SpaceSearch): Promise<SpaceAnswer | undefined> {
    const tailRow = index.tailRow()
    const scanned = this.table.rows - tailRow
    const limit = this.table.live * PART_FOR_SCAN
    const breadth = search.ef ?? index.efFor(search.targetRecall)
    let fetch = (this.#passages ? 2 * search.k : search.k) + search.exclude.size
    let tail: ItemHit[] | undefined
    for (; fetch <= limit; fetch *= 2) {
      const ef = Math.max(breadth, fetch)
      const found: ItemHit[] = []
      const horizon = this.#collect(index, search, { fetch, ef, found })
      // of the tail only what is nearer than k that are known: nothing else can be among them
      tail ??= scanned === 0 ? [] : await this.#scan(search, tailRow, undefined, farthestOf(found, search.k))
      found.push(...tail)
      const hits = nearestOfEach(found)
      hits.length = Math.min(hits.length, search.k)
      const last = hits[search.k - 1]
      if (horizon === Number.POSITIVE_INFINITY || (last && last.distance <= horizon)) {
        return { hits, strategy: 'hnsw', ef, scanned }
      }
    }
    return undefined
  }

  /** @returns the distance within which everything the index knows was seen; infinity where it was all */
  #collect(
    index: MetricIndex,
    { vectors, metric, exclude }: SpaceSearch,
    { fetch, ef, found }: { fetch: number; ef: number; found: ItemHit[] },
  ): number {
    const { table } = this
    let horizon = Number.POSITIVE_INFINITY
    for (const vector of vectors) {
      const length = norm(vector)
      for (const segment of index.segments) {
        const neighbours = segment.index.candidates(vector, fetch, { ef })
        let farthest = Number.NEGATIVE_INFINITY
        for (const { label } of neighbours) {
          const row = table.rowOf(label)
          if (row < 0 || !table.isLive(row)) continue
          const distance = rowDistance(table, row, metric, vector, length)
          if (distance > farthest) farthest = distance
          const item = table.itemAt(row)
          if (!exclude.has(item)) found.push({ item, distance, label, passage: table.passageAt(row), row })
        }
        if (neighbours.length < segment.index.count && farthest < horizon) horizon = farthest
      }
    }
    return horizon
  }

  /** Compares with every row from `from` on, or with some of them: here where that is quick, else in a thread. */
  async #scan(search: SpaceSearch, from: number, rows?: Uint32Array, within?: number): Promise<ItemHit[]> {
    const { vectors, metric, k, exclude, signal } = search
    const { table } = this
    const passages = this.#passages
    const scan = { vectors, metric, k, from, to: table.rows, rows, passages, within, excludeItems: exclude }
    const numbers = (rows?.length ?? table.rows - from) * table.dim * vectors.length
    // an index that is finished soon is worth more than scans that are divided
    const divide = !this.indexes.some(({ building }) => building)
    const elsewhere =
      numbers > SCAN_HERE || (numbers > SCAN_ELSEWHERE && divide && this.#scans.isReady(table))
    if (!elsewhere) return scanItems(table, scan)
    return this.#scans.scan(table, scan, { signal, divide })
  }
}

/** The distance within which `k` items were found; undefined where fewer were. */
function farthestOf(found: readonly ItemHit[], k: number): number | undefined {
  return nearestOfEach([...found])[k - 1]?.distance
}

/** The metrics that have an index of their own: one serves all where every vector has length 1. */
export function indexMetrics(space: EncoderKeys): Metric[] {
  return space.unit && space.metrics.length > 0 ? ['cosine'] : space.metrics
}
