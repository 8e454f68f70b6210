import type {
  CollectionRecord,
  EncodedItem,
  ImageWrite,
  ItemStamp,
  ItemWrite,
  SpaceRecord,
} from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { AddReceipt } from '../core/types.js'
import { type EngineContext, isImageSpace, isTextSpace } from './engine-context.js'
import { ensureImageSpace, refitWhenDue } from './image-spaces.js'
import { ImageTable, liveVersions } from './image-table.js'
import { Pace, throwIfAborted } from './pace.js'
import { PassageTable } from './passage-table.js'
import type { PreparedItem } from './prepare-item.js'
import { renderAll } from './render-all.js'

/** Ids asked in one call, so that a backend that answers on this thread holds it only shortly. */
const STAMPS_STEP = 250
/** After so many conflicts nothing is kept any more: all is encoded anew and the write cannot conflict. */
const MAX_CONFLICTS = 10
/** How often a write begins anew because a space got another encoder meanwhile. */
const MAX_SWAPS = 10

export interface AddOptions {
  signal?: AbortSignal
  /** Called as items are encoded, and at last, after the commit, with all of them. */
  onProgress?: (done: number, total: number) => void
}

/** An item to write, and what is there of it. */
interface Pending {
  item: PreparedItem
  /** Of the item that it replaces, where something of it can be kept. */
  stamp: ItemStamp | undefined
}

/** What has been made of a call's items, kept while the write is tried. */
interface Encoded {
  passages: PassageTable
  images: ImageTable
  /** By hash. */
  rendered: Map<string, ImageWrite>
}

/**
 * Writes checked items all or nothing: what is the same is left, texts and pictures that are the same keep their
 * vectors, the others are encoded first and then everything is written at once.
 */
export async function addItems(
  context: EngineContext,
  collection: string,
  items: readonly PreparedItem[],
  options: AddOptions = {},
): Promise<AddReceipt> {
  const { signal, onProgress } = options
  const encoded: Encoded = { passages: new PassageTable(), images: new ImageTable(), rendered: new Map() }
  let conflicts = 0
  let swaps = 0
  for (;;) {
    let record = await context.records.read(collection)
    const pending = await changedItems(context, record, items, { signal, keep: conflicts < MAX_CONFLICTS })
    const unchanged = items.length - pending.length
    if (pending.length > 0) {
      record = await renderImages(context, record, pending, encoded.rendered, signal)
      const report = onProgress && ((done: number) => onProgress(unchanged + done, items.length))
      await encodePending(context, record, pending, encoded, { signal, onProgress: report })
      const writes = await toWrites(record, pending, encoded, signal)
      throwIfAborted(signal)
      try {
        await context.backend.upsert(collection, writes)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        if (error.code === 'CONFLICT' && ++conflicts <= MAX_CONFLICTS + 1) continue
        if (error.code !== 'ENCODER_MISMATCH' || ++swaps > MAX_SWAPS) throw error
        context.records.forget(collection)
        continue
      }
      if (encoded.rendered.size > 0) await refitWhenDue(context, collection)
    }
    onProgress?.(items.length, items.length)
    return { upserted: pending.length, unchanged }
  }
}

async function changedItems(
  context: EngineContext,
  record: CollectionRecord,
  items: readonly PreparedItem[],
  { signal, keep }: { signal: AbortSignal | undefined; keep: boolean },
): Promise<Pending[]> {
  const pace = new Pace(signal)
  const texts = record.spaces.filter(isTextSpace)
  const images = record.spaces.filter(isImageSpace)
  const pending: Pending[] = []
  for (let from = 0; from < items.length; from += STAMPS_STEP) {
    if (pace.due) await pace.rest()
    const step = items.slice(from, from + STAMPS_STEP)
    const stamps = await context.backend.stamps(
      record.name,
      step.map((item) => item.id),
    )
    for (const item of step) {
      const stamp = stamps.get(item.id)
      const spaces = [...(item.text === null ? [] : texts), ...(item.image === null ? [] : images)]
      const whole =
        spaces.every((space) => stamp?.spaces.includes(space.name)) &&
        (item.image === null || images.length > 0)
      if (stamp?.fingerprint === item.fingerprint && whole) continue
      pending.push({ item, stamp: keep ? stamp : undefined })
    }
  }
  return pending
}

/** Whether the vectors that the backend holds of this item are still right. */
function keeps({ item, stamp }: Pending, space: { name: string; input: string }): boolean {
  if (!stamp?.spaces.includes(space.name)) return false
  return space.input === 'image'
    ? item.image !== null && stamp.imageHash === item.image.hash
    : item.textHash !== null && stamp.textHash === item.textHash
}

/** Whether the picture that the backend holds is the same and need not even be rendered. */
function keepsImage(entry: Pending, record: CollectionRecord): boolean {
  const spaces = record.spaces.filter(isImageSpace)
  return spaces.length > 0 && spaces.every((space) => keeps(entry, space))
}

/** @returns the record, with a space for images if there is a picture and was none */
async function renderImages(
  context: EngineContext,
  record: CollectionRecord,
  pending: readonly Pending[],
  rendered: Map<string, ImageWrite>,
  signal: AbortSignal | undefined,
): Promise<CollectionRecord> {
  const fresh = pending.filter((entry) => entry.item.image !== null && !keepsImage(entry, record))
  if (fresh.length === 0) return record
  await renderAll(
    context.images,
    fresh.map(({ item }) => item),
    rendered,
    signal,
  )
  const sample = Array.from(rendered.values(), ({ rendition }) => rendition.bytes)
  return ensureImageSpace(context, record, sample, signal)
}

async function encodePending(
  context: EngineContext,
  record: CollectionRecord,
  pending: readonly Pending[],
  { passages, images, rendered }: Encoded,
  options: { signal?: AbortSignal; onProgress?: (done: number) => void },
): Promise<void> {
  const { signal, onProgress } = options
  const texts = record.spaces.filter(isTextSpace)
  const pictures = images.plan(
    record.spaces.filter(isImageSpace).flatMap((space) => {
      const renditions = freshPictures(pending, space, rendered)
      return liveVersions(space).map((version) => ({ space: space.name, version, renditions }))
    }),
  )
  const rounds = texts.length + pictures.length
  let round = 0
  // encoders count what they were given; the others of a round are done at once
  const reportOf = (given: number) => {
    const before = round++ * pending.length + (pending.length - given)
    return onProgress && ((done: number) => onProgress(Math.floor((before + done) / rounds)))
  }
  for (const space of texts) {
    const missing = new Map<string, string>()
    for (const entry of pending) {
      const { text, textHash } = entry.item
      if (text !== null && textHash !== null && !keeps(entry, space)) missing.set(textHash, text)
    }
    await passages.encode(context, space, missing, { signal, onProgress: reportOf(missing.size) })
  }
  for (const picture of pictures) {
    const onPicture = reportOf(picture.renditions.size)
    await images.encode(context, record.name, picture, { signal, onProgress: onPicture })
  }
}

/** Renditions of the pictures that a space has no vectors of yet, by hash. */
function freshPictures(
  pending: readonly Pending[],
  space: SpaceRecord,
  rendered: ReadonlyMap<string, ImageWrite>,
): Map<string, Uint8Array> {
  const fresh = new Map<string, Uint8Array>()
  for (const entry of pending) {
    const image = entry.item.image && rendered.get(entry.item.image.hash)
    if (image && !keeps(entry, space)) fresh.set(image.hash, image.rendition.bytes)
  }
  return fresh
}

async function toWrites(
  record: CollectionRecord,
  pending: readonly Pending[],
  encoded: Encoded,
  signal: AbortSignal | undefined,
): Promise<ItemWrite[]> {
  const pace = new Pace(signal)
  const writes: ItemWrite[] = []
  for (const entry of pending) {
    if (pace.due) await pace.rest()
    writes.push(toWrite(record, entry, encoded))
  }
  return writes
}

function toWrite(record: CollectionRecord, entry: Pending, encoded: Encoded): ItemWrite {
  const { id, text, textHash, metadata, fingerprint } = entry.item
  const vectors: ItemWrite['vectors'] = {}
  for (const [space, vector] of entry.item.vectors) {
    vectors[space] = [{ encoder: null, passages: [{ vector, start: 0, end: text?.length ?? 0 }] }]
  }
  for (const space of record.spaces) {
    const has = isTextSpace(space) ? textHash !== null : isImageSpace(space) && entry.item.image !== null
    if (has) vectors[space.name] = keeps(entry, space) ? 'keep' : vectorsOf(entry, space, encoded)
  }
  const image = imageOf(record, entry, encoded)
  const write: ItemWrite = { id, text, textHash, metadata, image, fingerprint, vectors }
  const kept = image === 'keep' || Object.values(vectors).includes('keep')
  if (kept && entry.stamp) write.ifRevision = entry.stamp.revision
  return write
}

function imageOf(record: CollectionRecord, entry: Pending, { rendered }: Encoded): ItemWrite['image'] {
  const { image } = entry.item
  if (image === null) return null
  return keepsImage(entry, record) ? 'keep' : (rendered.get(image.hash) ?? missing(entry, 'rendition'))
}

function vectorsOf(
  entry: Pending,
  space: CollectionRecord['spaces'][number],
  { passages, images }: Encoded,
): EncodedItem[] {
  const { textHash, image } = entry.item
  if (isTextSpace(space)) {
    const found = passages.get(space.encoder, textHash ?? '') ?? missing(entry, space.name)
    return [{ encoder: space.encoder, passages: found }]
  }
  return liveVersions(space).map(
    ({ encoder }) => images.get(encoder ?? '', image?.hash ?? '') ?? missing(entry, space.name),
  )
}

function missing({ item }: Pending, what: string): never {
  throw new EngineError('INTERNAL', `item "${item.id}" has no ${what} after it was encoded`)
}
