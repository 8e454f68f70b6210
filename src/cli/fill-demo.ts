import { EngineError } from '../core/errors.js'
import type { CollectionSummary } from '../core/types.js'
import type { ReadRecord } from '../datasets/read-record.js'
import { addRecords, type Tally } from './add-records.js'
import type { Client } from './client.js'
import type { Context } from './context.js'
import { durationWords, startProgress } from './progress.js'

/** A set that ships with kindred. */
export interface DemoSet {
  collection: string
  /** Items that it has. */
  count: number
  /** Metadata that keyword search reads, of a collection that is made. */
  keywords?: string[]
  /** What they are called. */
  unit: string
  read: () => AsyncIterable<ReadRecord>
}

/**
 * Fills a demo collection if it is not complete.
 *
 * @returns how many items were added
 */
export async function fillDemo(context: Context, client: Client, set: DemoSet): Promise<number> {
  const { collection, count, unit, read, keywords } = set
  const { items } = await ensureDemo(client, collection, keywords)
  if (items >= count) return 0
  const started = performance.now()
  const tally: Tally = { added: 0, unchanged: 0, failed: [] }
  const label = `reading ${count.toLocaleString('en')} ${unit}`
  context.output.phase(`${label} into the collection "${collection}"`)
  const progress = await startProgress(context.output, label, 'items')
  try {
    await addRecords({ client, collection }, read(), {
      signal: context.signal,
      tally,
      onBatch: () => progress.update(tally.added + tally.unchanged, count),
    })
  } catch (error) {
    progress.stop()
    if (context.signal.aborted)
      context.output.note(
        `interrupted: added ${tally.added} ${unit}; these stay, and kindred demo goes on from here`,
      )
    throw error
  }
  progress.stop()
  const [failure] = tally.failed
  if (failure) throw new EngineError(failure.code, `${failure.source}: ${failure.reason}`)
  const seconds = (performance.now() - started) / 1000
  context.output.note(`added ${tally.added} ${unit} in ${durationWords(seconds)}`)
  return tally.added
}

/** A demo collection that an earlier version made, without keywords, goes on as it is. */
async function ensureDemo(client: Client, name: string, keywords?: string[]): Promise<CollectionSummary> {
  try {
    return await client.createCollection(name, { keywords })
  } catch (error) {
    if (error instanceof EngineError && error.code === 'COLLECTION_EXISTS') return client.collection(name)
    throw error
  }
}
