import type { DetectionRows } from '../core/detection.js'
import { entriesOf } from './joint-verdict.js'
import { rowsAt } from './sample-rows.js'

/** A copy of some rows with all that belongs to them. */
export function selectRows(rows: DetectionRows, places: Uint32Array): DetectionRows {
  const columns = Object.fromEntries(
    entriesOf(rows.columns).map(([name, scores]) => [
      name,
      Float64Array.from(places, (place) => scores[place] as number),
    ]),
  )
  const width = rows.nearest === undefined || rows.count === 0 ? 0 : rows.nearest.length / rows.count
  return {
    ...rowsAt(rows, places),
    columns,
    ...(rows.texts === undefined ? {} : { texts: rows.texts }),
    ...(rows.ownError === undefined ? {} : { ownError: rows.ownError }),
    ...(rows.nearest && {
      nearest: rowsAt({ values: rows.nearest, count: rows.count, dim: width }, places).values,
    }),
  }
}

/** Places of `count` rows for which `wanted` holds, ascending. */
export function placesWhere(count: number, wanted: (place: number) => boolean): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i).filter(wanted)
}
