import type { DetectionRows } from '../core/detection.js'

/**
 * Rows whose neighbours are told as if some rows were not there: what is left of each row's distances moves up. Where fewer than
 * were told are left, the rest is at least as far as the farthest that was told, and is taken to be that far.
 *
 * @param leaveOut shape [count]: 1 for rows that are nobody's neighbours; they keep neighbours of their own
 * @returns the same rows where it is not known which rows the neighbours are
 */
export function withoutNeighbours(rows: DetectionRows, leaveOut: Uint8Array): DetectionRows {
  const { nearest, nearestRows, count } = rows
  if (!nearest || !nearestRows || count === 0 || !leaveOut.includes(1)) return rows
  const width = nearest.length / count
  const left = new Float32Array(nearest.length)
  const places = new Int32Array(nearestRows.length)
  for (let from = 0; from < nearest.length; from += width) {
    const end = from + width
    // Infinity where all others were told: then nobody is beyond
    const beyond = nearest[end - 1] as number
    let at = from
    for (let i = from; i < end; i++) {
      const place = nearestRows[i] as number
      if (place >= 0 && leaveOut[place] === 1) continue
      left[at] = nearest[i] as number
      places[at] = place
      at++
    }
    left.fill(beyond, at, end)
    places.fill(-1, at, end)
  }
  return { ...rows, nearest: left, nearestRows: places }
}
