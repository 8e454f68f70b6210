import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../core/errors.js'
import type { AddReceipt } from '../core/types.js'
import type { ReadRecord, Skipped } from '../datasets/read-record.js'
import type { Client, WireItem } from './client.js'
import { itemBatches, readAhead } from './item-batches.js'
import { type BatchOutcome, InterruptedBatch, sendBatch } from './send-batch.js'

/** What was acknowledged so far, and what could not be taken. */
export interface Tally {
  added: number
  unchanged: number
  failed: Skipped[]
}

export interface AddRecordsOptions {
  signal: AbortSignal
  /** Counted on while it goes, so that it is right however this ends. */
  tally: Tally
  /** Called after each batch with about how many bytes its items took where they were read. */
  onBatch?: (bytes: number) => void
}

/**
 * Adds everything that is read, batch by batch; the next is read while one is being encoded. What cannot be read or
 * is refused lands in the tally and does not stop the rest.
 *
 * @throws EngineError CANCELLED, or what made it impossible to go on
 */
export async function addRecords(
  target: { client: Client; collection: string },
  records: AsyncIterable<ReadRecord>,
  { signal, tally, onBatch }: AddRecordsOptions,
): Promise<void> {
  const send = (items: readonly WireItem[]): Promise<AddReceipt> =>
    whenNotBusy(() => target.client.addItems(target.collection, items, signal), signal)
  for await (const { items, sources, skipped, bytes } of readAhead(itemBatches(records))) {
    if (signal.aborted) throw new EngineError('CANCELLED', 'interrupted')
    tally.failed.push(...skipped)
    const sourceOf = new Map(items.map((item, i) => [item.id, sources[i] ?? item.id]))
    const count = ({ upserted, unchanged, refused }: BatchOutcome): void => {
      tally.added += upserted
      tally.unchanged += unchanged
      for (const { id, error } of refused)
        tally.failed.push({ source: sourceOf.get(id) ?? id, code: error.code, reason: error.message })
    }
    try {
      count(await sendBatch(send, items))
    } catch (error) {
      if (!(error instanceof InterruptedBatch)) throw error
      count(error.outcome)
      throw error.cause
    }
    onBatch?.(bytes)
  }
}

const MOST_BUSY_TRIES = 30

/** Tries again, ever more slowly, while the engine says that it has too much to do. */
async function whenNotBusy<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      const busy = error instanceof EngineError && error.code === 'BUSY'
      if (!busy || tries >= MOST_BUSY_TRIES) throw error
      await sleep(Math.min(100 * tries, 2000), undefined, { signal }).catch(() => {
        throw new EngineError('CANCELLED', 'interrupted')
      })
    }
  }
}
