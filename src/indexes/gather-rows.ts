import { countBelow } from '../core/ascending.js'
import { clampCosine, type Metric } from '../core/metrics.js'
import { norm } from '../core/vectors.js'
import { gatherProducts, gatherSquares } from './block-kernel.js'
import type { TableChunk } from './table-chunk.js'
import type { VectorTable } from './vector-table.js'

/** Rows whose distances are computed before they are looked at. */
const BLOCK = 512

// used by one scan at a time: a scan does not wait for anything
const places = new Uint32Array(BLOCK)
const distances = new Float64Array(BLOCK)
const others = new Float64Array(BLOCK)
let widened = new Float64Array(0)

export interface RowsScan {
  vectors: readonly Float32Array[]
  metric: Metric
  /** Ascending. */
  rows: Uint32Array
  from?: number
  to?: number
  stopped?: () => boolean
}

/** @param places of the block's rows in their chunk. @param base the table's row of the chunk's first */
type Visit = (
  chunk: TableChunk,
  places: Uint32Array,
  count: number,
  base: number,
  distances: Float64Array,
) => void

/** Compares with some of a table's rows, those of a chunk side by side. */
export function eachGathered(table: VectorTable, scan: RowsScan, visit: Visit): void {
  const { rows } = scan
  const { chunkRows } = table
  const end = Math.min(scan.to ?? table.rows, table.rows)
  const measures = scan.vectors.map((vector) => measure(scan.metric, vector, scan.vectors.length > 1))
  for (let at = countBelow(rows, scan.from ?? 0); at < rows.length && !scan.stopped?.(); ) {
    const row = rows[at] as number
    if (row >= end) return
    const base = row - (row % chunkRows)
    const chunk = table.chunkOf(row)
    const before = Math.min(end, base + chunkRows)
    let count = 0
    while (count < BLOCK && at < rows.length && (rows[at] as number) < before) {
      places[count++] = (rows[at++] as number) - base
    }
    measures[0]?.(chunk, places, count, distances)
    for (let query = 1; query < measures.length; query++) {
      measures[query]?.(chunk, places, count, others)
      for (let i = 0; i < count; i++) distances[i] = Math.min(distances[i] as number, others[i] as number)
    }
    visit(chunk, places, count, base, distances)
  }
}

type Measure = (chunk: TableChunk, places: Uint32Array, count: number, out: Float64Array) => void

/** @param several whether the scan has more queries, so that each needs room of its own */
function measure(metric: Metric, query: Float32Array, several: boolean): Measure {
  const wide = wideOf(query, several)
  if (metric === 'euclidean') {
    return (chunk, places, count, out) => {
      gatherSquares(wide, chunk.vectors, places, count, out)
      for (let i = 0; i < count; i++) out[i] = Math.sqrt(out[i] as number)
    }
  }
  const length = norm(query)
  return (chunk, places, count, out) => {
    gatherProducts(wide, chunk.vectors, places, count, out)
    if (metric === 'dot') {
      for (let i = 0; i < count; i++) out[i] = -(out[i] as number)
      return
    }
    for (let i = 0; i < count; i++) {
      const norms = length * (chunk.norms[places[i] as number] as number)
      out[i] = norms === 0 ? 1 : clampCosine(1 - (out[i] as number) / norms)
    }
  }
}

/** A query as doubles; setting memory aside for it would take longer than comparing it with ten rows. */
function wideOf(query: Float32Array, several: boolean): Float64Array {
  if (several) return new Float64Array(query)
  if (widened.length !== query.length) widened = new Float64Array(query.length)
  widened.set(query)
  return widened
}
