/**
 * The largest p-value up to which items are flagged so that at most `fdr` of those flagged are expected to be normal
 * (Benjamini & Hochberg 1995).
 *
 * @returns 0 where no item can be flagged
 */
export function falseDiscoveryThreshold(pValues: Float64Array, fdr: number): number {
  const ascending = Float64Array.from(pValues).sort()
  let threshold = 0
  for (const [i, p] of ascending.entries()) if (p <= (fdr * (i + 1)) / ascending.length) threshold = p
  return threshold
}
