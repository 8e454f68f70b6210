import { placesWhere } from './select-rows.js'

/** Marks the rows with the largest verdicts, and those that people called strange; never one that they called fine. */
export function strangest(verdict: Float64Array, size: number, labels?: Int8Array): Uint8Array {
  const trimmed = Uint8Array.from(verdict, (_, i) => (labels?.[i] === 1 ? 1 : 0))
  const order = placesWhere(verdict.length, (i) => (labels?.[i] ?? 0) === 0)
  order.sort((a, b) => (verdict[b] as number) - (verdict[a] as number) || a - b)
  for (const place of order.subarray(0, size)) trimmed[place] = 1
  // something must be left to fit to
  return trimmed.includes(0) ? trimmed : trimmed.fill(0)
}
