import { EngineError } from '../core/errors.js'
import type { ItemRecord, ReadRecord } from '../datasets/read-record.js'
import { skippedBy } from '../datasets/read-record.js'
import type { ImageWorkers } from '../images/image-workers.js'

/** Pictures read and rendered at the same time; bounds what lies in memory. */
const IN_FLIGHT = 16

/**
 * Reads and renders the pictures of records in worker threads, so that what is sent is small; the records keep their
 * order. A picture that cannot be read is skipped, with its reason.
 *
 * @throws EngineError CANCELLED, NATIVE_ADDON_MISSING
 */
export async function* renderRecords(
  records: AsyncIterable<ReadRecord>,
  images: ImageWorkers,
  signal: AbortSignal,
): AsyncGenerator<ReadRecord> {
  const flight: Promise<ReadRecord>[] = []
  for await (const record of records) {
    const rendering = 'image' in record ? render(record, images, signal) : Promise.resolve(record)
    // whoever stops early never asks how the others ended
    rendering.catch(() => undefined)
    flight.push(rendering)
    const first = flight.length >= IN_FLIGHT ? flight.shift() : undefined
    if (first) yield await first
  }
  for (const rest of flight) yield await rest
}

async function render(record: ItemRecord, images: ImageWorkers, signal: AbortSignal): Promise<ReadRecord> {
  const { item, source, image: found } = record
  if (!found) return record
  if (signal.aborted) throw new EngineError('CANCELLED', 'interrupted')
  try {
    const { width, height, hash, rendition } = await images.render(await found.read())
    const image = { rendition: rendition.bytes, width, height, hash, path: found.path }
    return { item: { ...item, image }, source }
  } catch (error) {
    if (error instanceof EngineError && (error.code === 'CANCELLED' || error.code === 'NATIVE_ADDON_MISSING'))
      throw error
    return skippedBy(error, source)
  }
}
