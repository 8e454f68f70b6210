import type { HeldOutScores } from '../anomaly/held-out-scores.js'

/** How many images an encoder was fitted on; 0 for one that was not fitted. */
export function fittedOn(settings: Record<string, unknown> | undefined): number {
  const count = settings?.fittedOn
  return typeof count === 'number' ? count : 0
}

/** Names of a space's dimensions, where the user who brings its vectors has named them. */
export function columnsOf(settings: Record<string, unknown> | undefined): string[] | undefined {
  const columns = settings?.columns
  return Array.isArray(columns) ? columns.map(String) : undefined
}

/**
 * The held-out scores among an encoder's settings, if it reconstructs.
 *
 * @param of reconstructions, or of a VAE negative evidence lower bounds
 */
export function heldOutOf(
  settings: Record<string, unknown> | undefined,
  of: 'held' | 'heldNelbo' = 'held',
): HeldOutScores | undefined {
  const held = settings?.[of]
  if (typeof held !== 'object' || held === null) return undefined
  const { scores, count } = held as { scores?: unknown; count?: unknown }
  if (!Array.isArray(scores) || scores.length === 0 || typeof count !== 'number') return undefined
  return { scores: scores.map(Number), count }
}
