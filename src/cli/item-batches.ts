import type { ItemInput } from '../core/types.js'
import type { ReadRecord, Skipped } from '../datasets/read-record.js'
import type { WireItem } from './client.js'

/** Items that are sent together, and what could not be read among them. */
export interface ItemBatch {
  items: WireItem[]
  /** Where each item comes from. */
  sources: string[]
  skipped: Skipped[]
  /** About how many bytes the items took where they were read. */
  bytes: number
}

export interface BatchLimits {
  items: number
  /** Of characters of text; a picture or a vector counts for a sixteenth of its characters in JSON. */
  weight: number
}

/** A few seconds of encoding on two cores: enough to fill the encoder, not too much to lose by Ctrl-C. */
const LIMITS: BatchLimits = { items: 512, weight: 1 << 18 }

/** Groups what is read into batches; one that is too heavy stands alone. */
export async function* itemBatches(
  records: AsyncIterable<ReadRecord>,
  limits: BatchLimits = LIMITS,
): AsyncGenerator<ItemBatch> {
  let batch = emptyBatch()
  let weight = 0
  for await (const record of records) {
    if ('skipped' in record) {
      batch.skipped.push(record.skipped)
      continue
    }
    const item = toWire(record.item)
    const heavy = weightOf(item)
    if (batch.items.length > 0 && (batch.items.length >= limits.items || weight + heavy > limits.weight)) {
      yield batch
      batch = emptyBatch()
      weight = 0
    }
    batch.items.push(item)
    batch.sources.push(record.source)
    batch.bytes += record.image?.bytes ?? bytesOf(item)
    weight += heavy
  }
  if (batch.items.length > 0 || batch.skipped.length > 0) yield batch
}

/** Asks for the next value while the one before is being worked on; never further ahead. */
export async function* readAhead<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]()
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = iterator.next()
    // Whoever stops early never asks how this ended.
    asked.catch(() => undefined)
    return asked
  }
  let next = ask()
  try {
    for (let result = await next; !result.done; result = await next) {
      next = ask()
      yield result.value
    }
  } finally {
    await iterator.return?.()
  }
}

function toWire({ image, vectors, ...rest }: ItemInput): WireItem {
  const item: WireItem = rest
  if (image) {
    const file = image instanceof Uint8Array
    const base64 = toBase64(file ? image : image.rendition)
    item.image = file ? base64 : { ...image, rendition: base64 }
  }
  if (vectors) {
    item.vectors = Object.fromEntries(
      Object.entries(vectors).map(([space, vector]) => [space, Array.from(vector)]),
    )
  }
  return item
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function imageLength(image: WireItem['image']): number {
  return (typeof image === 'string' ? image : image?.rendition)?.length ?? 0
}

function emptyBatch(): ItemBatch {
  return { items: [], sources: [], skipped: [], bytes: 0 }
}

/** Without the path, which is not in the file. */
function bytesOf({ text, image, metadata, vectors }: WireItem): number {
  const { path: _path, ...others } = metadata ?? {}
  const rest =
    Object.keys(others).length + Object.keys(vectors ?? {}).length > 0 ? { ...others, vectors } : ''
  return Buffer.byteLength(text ?? '') + imageLength(image) + Buffer.byteLength(JSON.stringify(rest))
}

function weightOf({ text, image, vectors }: WireItem): number {
  const numbers = Object.values(vectors ?? {}).reduce((sum, vector) => sum + vector.length * 10, 0)
  return (text?.length ?? 0) + (imageLength(image) + numbers) / 16
}
