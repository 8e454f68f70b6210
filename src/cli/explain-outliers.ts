import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import type { OutlierAnswer } from '../core/types.js'
import type { Client, WireExplanation } from './client.js'
import type { Context } from './context.js'
import { startProgress } from './progress.js'

/** An item's explanation as it is written: `picture` is the name of a file beside it. */
type Written = Omit<WireExplanation, 'hasPicture'> & { rank: number; picture?: string }

/**
 * Writes why each outlier seems strange into a folder: `explanations.json`, `explanations.md`, and of pictures `001.png` and so
 * on by rank (an id is never a file's name): the item, its reconstruction and where they differ, side by side.
 *
 * @throws EngineError FILE_UNREADABLE where the folder cannot be written
 */
export async function explainOutliers(
  context: Context,
  client: Client,
  { collection, answer, folder }: { collection: string; answer: OutlierAnswer; folder: string },
): Promise<void> {
  const { outliers, space } = answer
  const out = resolve(folder)
  const written: Written[] = []
  const bar = await startProgress(context.output, 'explaining', 'items')
  try {
    for (const [i, { id, flagged }] of outliers.entries()) {
      if (context.signal.aborted) throw new EngineError('CANCELLED', 'interrupted')
      const { hasPicture, ...explanation } = await client.explanation(collection, id, space)
      const picture = hasPicture ? `${String(i + 1).padStart(3, '0')}.png` : undefined
      if (picture) await writeFile(join(out, picture), await client.explanationImage(collection, id, space))
      // an explanation tells the stored flag, the answer the one that was asked
      const anomaly = { ...explanation.anomaly, flagged }
      written.push({ rank: i + 1, ...explanation, anomaly, ...(picture ? { picture } : {}) })
      bar.update(i + 1, outliers.length)
    }
    await writeFile(join(out, 'explanations.json'), `${JSON.stringify(written, null, 2)}\n`)
    await writeFile(join(out, 'explanations.md'), written.map(toMarkdown).join('\n'))
  } catch (error) {
    throw error instanceof EngineError ? error : notWritten(out, error)
  } finally {
    bar.stop()
  }
  context.output.note(`${written.length} explanations are in ${out}`)
}

/** Makes the folder, before anything that takes long. @throws EngineError FILE_UNREADABLE */
export async function makeFolder(folder: string): Promise<void> {
  const out = resolve(folder)
  try {
    await mkdir(out, { recursive: true })
  } catch (error) {
    throw notWritten(out, error)
  }
}

function notWritten(path: string, error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : String(error)
  return new EngineError('FILE_UNREADABLE', `${path} cannot be written: ${reason}`, { cause: error })
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
