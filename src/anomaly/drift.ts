/** Whether items are still of the kind that detectors were fitted to. */
export function driftOf({
  fittedTo,
  items,
}: {
  recent: readonly number[]
  fittedTo: number
  items: number
}): {
  drifted: boolean
  grown: boolean
} {
  return { drifted: false, grown: items >= 1.5 * fittedTo }
}
