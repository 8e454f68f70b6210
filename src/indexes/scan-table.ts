import type { Metric } from '../core/metrics.js'
import { clampCosine, distance } from '../core/metrics.js'
import type { Neighbour } from '../core/vector-index.js'
import { dotAt, norm } from '../core/vectors.js'
import { blockProducts, blockSquares } from './block-kernel.js'
import { BoundedHeap } from './bounded-heap.js'
import { checkK, checkVector } from './check-input.js'
import { eachGathered } from './gather-rows.js'
import type { TableChunk } from './table-chunk.js'
import type { VectorTable } from './vector-table.js'

export interface ScanOptions {
  /** First row; default 0. */
  from?: number
  /** Row after the last; default all. */
  to?: number
  /** Only labels for which it is true are found. Asked only of rows that would be among the nearest. */
  filter?: (label: number) => boolean
}

/** An item found by comparing all its vectors; smaller distance is nearer. */
export interface ItemHit {
  /** The item's slot. */
  item: number
  distance: number
  /** Of its best vector; the earliest where several are equally near. */
  label: number
  passage: number
  row: number
}

export interface ItemScan {
  /** At least one, each of shape [dim]; a row's distance is the least over all of them. */
  vectors: readonly Float32Array[]
  metric: Metric
  /** Items, not vectors. */
  k: number
  from?: number
  to?: number
  /** Only these, ascending; in shared memory where the scan crosses threads. Default: all. */
  rows?: Uint32Array | undefined
  /** Whether an item may have several live rows. Default true. */
  passages?: boolean
  /** The largest distance that is looked for; default any. A little beyond it may be found too. */
  within?: number | undefined
  /** Slots of items that must not be found. */
  excludeItems?: ReadonlySet<number>
  /** Asked between blocks of 512 rows; the scan ends early once it is true, and what it returns is worthless. */
  stopped?: () => boolean
}

/** By how much a block's distances may differ from those of `core/metrics.ts`. */
const ROUNDING = 1e-5

/** Rows whose distances are computed before they are looked at. */
const BLOCK = 512
/** So few rows are compared one by one, exactly at once. */
const FEW_ROWS = 24

/**
 * The `k` nearest live rows of a table, each compared. Blocks: about 10 ms for 30,000 x 384.
 *
 * @returns nearest first, ties by ascending label; distances exactly those of `core/metrics.ts`
 * @throws EngineError DIMENSION_MISMATCH, INVALID_VECTOR, ZERO_VECTOR (cosine), INVALID_REQUEST (k)
 */
export function scanTable(
  table: VectorTable,
  query: Float32Array,
  metric: Metric,
  k: number,
  options: ScanOptions = {},
): Neighbour[] {
  checkK(k)
  checkVector(query, table.dim, metric, 'query')
  const { filter } = options
  const heap = new BoundedHeap(k)
  const queryNorm = norm(query)
  eachBlock(table, { ...options, metric, vectors: [query] }, (chunk, start, rows, first, distances) => {
    for (let i = 0; i < rows; i++) {
      const at = start + i
      const label = chunk.labels[at] as number
      if (chunk.dead[at] !== 0 || !heap.admits(distances[i] as number, label)) continue
      if (!filter || filter(label)) heap.push(distances[i] as number, label, first + i)
    }
  })
  return heap.entries
    .map(({ key, row }) => ({ label: key, distance: rowDistance(table, row, metric, query, queryNorm) }))
    .sort((a, b) => a.distance - b.distance || a.label - b.label)
}

/**
 * The `k` nearest items of a table, each by the best of its live rows.
 *
 * @returns nearest first, ties by ascending slot
 * @throws as {@link scanTable}
 */
export function scanItems(table: VectorTable, scan: ItemScan): ItemHit[] {
  const { metric, vectors } = scan
  checkK(scan.k)
  const norms = vectors.map((vector) => checkVector(vector, table.dim, metric, 'query'))
  const exact = (row: number): number => {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < vectors.length; i++) {
      const distance = rowDistance(table, row, metric, vectors[i] as Float32Array, norms[i] as number)
      if (distance < least) least = distance
    }
    return least
  }
  const exclude = scan.excludeItems?.size ? scan.excludeItems : undefined
  const heap = new BoundedHeap(scan.k, { unique: scan.passages ?? true })
  const { within = Number.POSITIVE_INFINITY } = scan
  const bound = within + ROUNDING * (1 + Math.abs(within))
  const look = (chunk: TableChunk, at: number, row: number, distance: number): void => {
    if (distance > bound) return
    const item = chunk.items[at] as number
    if (chunk.dead[at] !== 0 || !heap.admits(distance, item)) return
    if (!exclude?.has(item)) heap.push(distance, item, row)
  }
  const { rows: some } = scan
  const few = some !== undefined && some.length <= FEW_ROWS
  if (few) {
    const { from = 0, to = table.rows } = scan
    for (const row of some) {
      if (row >= from && row < to) look(table.chunkOf(row), row % table.chunkRows, row, exact(row))
    }
  } else if (some) {
    eachGathered(table, { ...scan, rows: some }, (chunk, places, count, base, distances) => {
      for (let i = 0; i < count; i++) {
        const at = places[i] as number
        look(chunk, at, base + at, distances[i] as number)
      }
    })
  } else {
    eachBlock(table, scan, (chunk, start, rows, first, distances) => {
      for (let i = 0; i < rows; i++) look(chunk, start + i, first + i, distances[i] as number)
    })
  }
  return heap.entries
    .map(({ key, row, distance }) => ({
      item: key,
      distance: few ? distance : exact(row),
      label: table.labelAt(row),
      passage: table.passageAt(row),
      row,
    }))
    .sort((a, b) => a.distance - b.distance || a.item - b.item)
}

/**
 * The distance of a query to one row, exactly that of `core/metrics.ts`, in one pass: norms are not computed again.
 *
 * @param queryNorm `norm(query)`; only cosine reads it
 */
export function rowDistance(
  table: VectorTable,
  row: number,
  metric: Metric,
  query: Float32Array,
  queryNorm: number,
): number {
  if (metric !== 'cosine') return distance(metric, query, table.vector(row))
  const chunk = table.chunkOf(row)
  const at = row % table.chunkRows
  const norms = queryNorm * (chunk.norms[at] as number)
  return norms === 0 ? 1 : clampCosine(1 - dotAt(query, chunk.vectors, at * table.dim) / norms)
}

interface BlockScan {
  vectors: readonly Float32Array[]
  metric: Metric
  from?: number
  to?: number
  stopped?: () => boolean
}

/** @param start of the block in its chunk. @param first row of the block in the table */
type Visit = (chunk: TableChunk, start: number, rows: number, first: number, distances: Float64Array) => void

function eachBlock(table: VectorTable, scan: BlockScan, visit: Visit): void {
  const { chunkRows } = table
  const last = Math.min(scan.to ?? table.rows, table.rows)
  const measures = scan.vectors.map((vector) => measure(scan.metric, vector))
  const distances = new Float64Array(BLOCK)
  const others = new Float64Array(BLOCK)
  for (let row = Math.max(0, scan.from ?? 0); row < last && !scan.stopped?.(); ) {
    const chunk = table.chunkOf(row)
    const start = row % chunkRows
    const rows = Math.min(BLOCK, chunkRows - start, last - row)
    measures.forEach((into, query) => {
      into(chunk, start, rows, query === 0 ? distances : others)
      if (query > 0)
        for (let i = 0; i < rows; i++) distances[i] = Math.min(distances[i] as number, others[i] as number)
    })
    visit(chunk, start, rows, row, distances)
    row += rows
  }
}

type Measure = (chunk: TableChunk, start: number, rows: number, out: Float64Array) => void

/** Distances of a block of rows; of the last bit only what the order of adding leaves of it. */
function measure(metric: Metric, query: Float32Array): Measure {
  const wide = Float64Array.from(query)
  const dim = wide.length
  if (metric === 'euclidean') {
    return (chunk, start, rows, out) => {
      blockSquares(wide, chunk.vectors, start * dim, rows, out)
      for (let i = 0; i < rows; i++) out[i] = Math.sqrt(out[i] as number)
    }
  }
  const length = norm(query)
  return (chunk, start, rows, out) => {
    blockProducts(wide, chunk.vectors, start * dim, rows, out)
    if (metric === 'dot') {
      for (let i = 0; i < rows; i++) out[i] = -(out[i] as number)
      return
    }
    for (let i = 0; i < rows; i++) {
      const norms = length * (chunk.norms[start + i] as number)
      out[i] = norms === 0 ? 1 : clampCosine(1 - (out[i] as number) / norms)
    }
  }
}
