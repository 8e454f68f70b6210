/** How large a batch may grow. */
export interface BatchLimits {
  /** Texts of a batch. */
  texts: number
  /** Tokens of a batch, padding included; one text may have more. */
  tokens: number
}

/**
 * Groups texts into batches of about the same length, so that little is padded.
 *
 * @param lengths tokens of each text
 * @returns indexes into `lengths`, longest texts first; each once
 */
export function tokenBatches(lengths: readonly number[], limits: BatchLimits): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b)
  const batches: number[][] = []
  let batch: number[] = []
  for (const index of order) {
    // the first is the longest, to which the others are padded
    const longest = lengths[batch[0] ?? index] ?? 0
    const full = batch.length >= limits.texts || (batch.length + 1) * longest > limits.tokens
    if (batch.length > 0 && full) {
      batches.push(batch)
      batch = []
    }
    batch.push(index)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
