import type { CollectionStats } from '../core/backend.js'
import type { CollectionSummary } from '../core/types.js'
import { columnsOf } from './fitted-settings.js'

/** What a collection holds, as it is shown. */
export function summarize(stats: CollectionStats): CollectionSummary {
  const spaces = stats.spaces.map(
    ({ name, encoder, encoderName, input, version, dim, metrics, settings }) => {
      const { live, indexed } = stats.vectors[name] ?? { live: 0, indexed: 0 }
      const columns = input === 'vectors' ? columnsOf(settings) : undefined
      return {
        ...{ name, encoder, encoderName, input, version, dim, metrics: [...metrics] },
        ...(columns ? { columns } : {}),
        ...{ vectors: live, indexed },
      }
    },
  )
  const { name, items, keywords, indexed } = stats
  return {
    ...{ name, items, spaces },
    ...(keywords ? { keywords: [...keywords] } : {}),
    ...(indexed ? { indexed: [...indexed] } : {}),
  }
}
