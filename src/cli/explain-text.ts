import type { SearchAnswer } from '../core/types.js'

const RESOLVED = {
  kept: 'known from before',
  memory: 'found in indexed fields',
  metadata: 'found by reading metadata',
} as const

/** For people: how an answer was found. */
export function explainText({ plan, tookMs }: SearchAnswer): string {
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
  if (hint !== undefined) lines.push(`hint: ${hint}`)
  return lines.join('\n')
}
