import type { CollectionRecord, ItemStamp, ItemWrite } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { AddReceipt } from '../core/types.js'
import { type EncodedSpace, type EngineContext, isEncoded } from './engine-context.js'
import { Pace, throwIfAborted } from './pace.js'
import { PassageTable } from './passage-table.js'
import type { PreparedItem } from './prepare-item.js'

/** Ids asked in one call, so that a backend that answers on this thread holds it only shortly. */
const STAMPS_STEP = 250
/** After so many conflicts nothing is kept any more: all texts are encoded and the write cannot conflict. */
const MAX_CONFLICTS = 10

export interface AddOptions {
  signal?: AbortSignal
  /** Called as texts are encoded, and at last, after the commit, with all of them. */
  onProgress?: (done: number, total: number) => void
}

/** An item to write. */
interface Pending {
  item: PreparedItem
  /** Of the item that it replaces, if its text is the same: vectors can be kept. */
  same: ItemStamp | undefined
}

/**
 * Writes checked items all or nothing: what is the same is left, texts that are the same keep their vectors, the
 * others are encoded first and then everything is written at once.
 */
export async function addItems(
  context: EngineContext,
  record: CollectionRecord,
  items: readonly PreparedItem[],
  options: AddOptions = {},
): Promise<AddReceipt> {
  const { signal, onProgress } = options
  const spaces = record.spaces.filter(isEncoded)
  const pending = await changedItems(context, record.name, items, spaces, signal)
  const unchanged = items.length - pending.length
  const table = new PassageTable()
  for (let conflicts = 0; pending.length > 0; conflicts++) {
    const report = onProgress && ((part: number) => onProgress(unchanged + part, items.length))
    await encodePending(context, pending, spaces, table, { signal, onProgress: report })
    const writes = await toWrites(pending, spaces, table, signal)
    throwIfAborted(signal)
    try {
      await context.backend.upsert(record.name, writes)
      break
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'CONFLICT') throw error
      if (!forgetStamps(pending, error, conflicts >= MAX_CONFLICTS)) throw error
    }
  }
  onProgress?.(items.length, items.length)
  return { upserted: pending.length, unchanged }
}

async function changedItems(
  context: EngineContext,
  collection: string,
  items: readonly PreparedItem[],
  spaces: readonly EncodedSpace[],
  signal: AbortSignal | undefined,
): Promise<Pending[]> {
  const pace = new Pace(signal)
  const pending: Pending[] = []
  for (let from = 0; from < items.length; from += STAMPS_STEP) {
    if (pace.due) await pace.rest()
    const step = items.slice(from, from + STAMPS_STEP)
    const stamps = await context.backend.stamps(
      collection,
      step.map((item) => item.id),
    )
    for (const item of step) {
      const stamp = stamps.get(item.id)
      const whole = item.text === null || spaces.every((space) => stamp?.spaces.includes(space.name))
      if (stamp?.fingerprint === item.fingerprint && whole) continue
      const same = item.textHash !== null && stamp?.textHash === item.textHash ? stamp : undefined
      pending.push({ item, same })
    }
  }
  return pending
}

/** Whether the vectors that the backend holds of this item are still right. */
function keeps({ same }: Pending, space: EncodedSpace): boolean {
  return same?.spaces.includes(space.name) ?? false
}

async function encodePending(
  context: EngineContext,
  pending: readonly Pending[],
  spaces: readonly EncodedSpace[],
  table: PassageTable,
  options: { signal?: AbortSignal; onProgress?: (done: number) => void },
): Promise<void> {
  const { signal, onProgress } = options
  for (const [position, space] of spaces.entries()) {
    const texts = new Map<string, string>()
    for (const entry of pending) {
      const { text, textHash } = entry.item
      if (text !== null && textHash !== null && !keeps(entry, space)) texts.set(textHash, text)
    }
    const idle = pending.length - texts.size
    const report =
      onProgress &&
      ((done: number) => onProgress(Math.floor((position * pending.length + idle + done) / spaces.length)))
    await table.encode(context, space, texts, { signal, onProgress: report })
  }
}

async function toWrites(
  pending: readonly Pending[],
  spaces: readonly EncodedSpace[],
  table: PassageTable,
  signal: AbortSignal | undefined,
): Promise<ItemWrite[]> {
  const pace = new Pace(signal)
  const writes: ItemWrite[] = []
  for (const entry of pending) {
    if (pace.due) await pace.rest()
    writes.push(toWrite(entry, spaces, table))
  }
  return writes
}

function toWrite(entry: Pending, spaces: readonly EncodedSpace[], table: PassageTable): ItemWrite {
  const { id, text, textHash, metadata, image, fingerprint } = entry.item
  const vectors: ItemWrite['vectors'] = {}
  for (const [space, vector] of entry.item.vectors) {
    vectors[space] = { encoder: null, passages: [{ vector, start: 0, end: text?.length ?? 0 }] }
  }
  let kept = false
  for (const space of textHash === null ? [] : spaces) {
    if (keeps(entry, space)) {
      vectors[space.name] = 'keep'
      kept = true
    } else {
      const passages = table.get(space.encoder, textHash ?? '')
      if (passages === undefined) {
        throw new EngineError('INTERNAL', `encoder "${space.encoderName}" gave no vector for item "${id}"`)
      }
      vectors[space.name] = { encoder: space.encoder, passages }
    }
  }
  const write: ItemWrite = { id, text, textHash, metadata, image, fingerprint, vectors }
  if (kept && entry.same) write.ifRevision = entry.same.revision
  return write
}

/**
 * The items that were changed meanwhile keep nothing: their texts are encoded, and their next write is unconditional.
 *
 * @returns whether there was one
 */
function forgetStamps(pending: readonly Pending[], conflict: EngineError, all: boolean): boolean {
  const ids = conflict.details?.ids
  const changed = new Set(Array.isArray(ids) && !all ? ids : pending.map((entry) => entry.item.id))
  let found = false
  for (const entry of pending) {
    if (entry.same === undefined || !changed.has(entry.item.id)) continue
    entry.same = undefined
    found = true
  }
  return found
}
