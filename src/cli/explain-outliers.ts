import { EngineError } from '../core/errors.js'
import type { OutlierAnswer } from '../core/types.js'
import type { Client, WireExplanation } from './client.js'
import type { Context } from './context.js'
import { startProgress } from './progress.js'
import type { StagedFolder } from './staged-folder.js'

/** An item's explanation as it is written: `picture` is the name of a file beside it. */
type Written = Omit<WireExplanation, 'hasPicture'> & { rank: number; picture?: string }

/**
 * Writes why each outlier seems strange into a folder: `explanations.json`, `explanations.md`, and of pictures `001.png` and so
 * on by rank (an id is never a file's name): the item, its reconstruction and where they differ, side by side.
 *
 * @param folder all are kept in it, or, where this throws, none
 * @throws EngineError FILE_UNREADABLE, DISK_FULL where the folder cannot be written; CANCELLED
 */
export async function explainOutliers(
  context: Context,
  client: Client,
  { collection, answer, folder }: { collection: string; answer: OutlierAnswer; folder: StagedFolder },
): Promise<void> {
  const { outliers, space } = answer
  const written: Written[] = []
  const bar = await startProgress(context.output, 'explaining', 'items')
  try {
    for (const [i, { id, flagged }] of outliers.entries()) {
      if (context.signal.aborted) throw new EngineError('CANCELLED', 'interrupted')
      const { hasPicture, ...explanation } = await client.explanation(collection, id, space)
      const picture = hasPicture ? `${String(i + 1).padStart(3, '0')}.png` : undefined
      if (picture) await folder.write(picture, await client.explanationImage(collection, id, space))
      // an explanation tells the stored flag, the answer the one that was asked
      const anomaly = { ...explanation.anomaly, flagged }
      written.push({ rank: i + 1, ...explanation, anomaly, ...(picture ? { picture } : {}) })
      bar.update(i + 1, outliers.length)
    }
    await folder.write('explanations.json', `${JSON.stringify(written, null, 2)}\n`)
    await folder.write('explanations.md', written.map(toMarkdown).join('\n'))
    await folder.keep()
  } finally {
    bar.stop()
  }
  context.output.note(`${written.length} explanations are in ${folder.path}`)
}

function toMarkdown({ rank, id, anomaly, reasons, nearest, picture }: Written): string {
  const flagged = anomaly.flagged ? ', flagged' : ''
  const lines = [
    `## ${rank}. ${JSON.stringify(id)}`,
    '',
    `p-value ${anomaly.pValue?.toPrecision(2)}${flagged}`,
    '',
  ]
  lines.push(...reasons.map(({ text }) => `- ${text}`))
  if (nearest.length > 0)
    lines.push(`- nearest normal items: ${nearest.map((item) => JSON.stringify(item.id)).join(', ')}`)
  if (picture) lines.push('', `![picture, reconstruction, error](${picture})`)
  return `${lines.join('\n')}\n`
}
