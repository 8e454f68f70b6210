import type { SearchAnswer } from '../core/types.js'

const RESOLVED = {
  kept: 'known from before',
  memory: 'found in indexed fields',
  metadata: 'found by reading metadata',
} as const

/** For people: how an answer was found. */
export function explainText(answer: SearchAnswer): string {
  const { plan, tookMs } = answer
  const { strategy, space, spaces, metric, ef, scanned, filter, hint } = plan
  const where = spaces ? `spaces ${spaces.map((name) => `"${name}"`).join(' and ')}` : `space "${space}"`
  const how = strategy === 'exact' ? `compared ${scanned} vectors` : `asked the index (ef ${ef})`
  const beside =
    strategy === 'hnsw' && scanned > 0 ? ` and compared ${scanned} that it does not hold yet` : ''
  const lines = [
    `${how}${beside} in ${where} by ${metric ?? 'their own metrics'}, ${tookMs.toFixed(1)} ms in all`,
  ]
  if (filter) {
    const part = `${(filter.selectivity * 100).toPrecision(2)} %`
    lines.push(
      `filter: ${filter.matches} items match (${part}), ${RESOLVED[filter.resolved]}; search expected to take ${filter.estimatedMs} ms`,
    )
  }
  const judged = judgedText(answer)
  if (judged !== '') lines.push(judged)
  if (hint !== undefined) lines.push(`hint: ${hint}`)
  return lines.join('\n')
}

/** For people: how sure it is that a text was answered, and why. */
function judgedText({ match, matchReason }: SearchAnswer): string {
  if (!match || !matchReason) return ''
  const { likelihood, percentile, deviations, words } = matchReason
  const reasons = [
    deviations === undefined
      ? ''
      : `the best is ${Math.abs(deviations).toFixed(1)} standard deviations ${deviations < 0 ? 'below' : 'above'} what random words reach`,
    words === undefined ? '' : `has ${Math.round(100 * words)} % of the words by their rarity`,
    percentile === undefined
      ? ''
      : `is nearer than ${percentile.toFixed(1)} % of the items are to their nearest other`,
  ].filter((reason) => reason !== '')
  return `match: ${match} (likelihood ${likelihood.toFixed(2)})${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`
}
