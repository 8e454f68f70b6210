import { EngineError } from '../core/errors.js'
import { type ItemRecord, type ReadRecord, skippedBy } from '../datasets/read-record.js'
import type { ImageWorkers } from '../images/image-workers.js'

/** Records on their way at the same time, and bytes of their pictures; one that is larger goes alone. */
const IN_FLIGHT = { records: 16, bytes: 64 << 20 }

/**
 * Reads and renders the pictures of records in worker threads, so that what is sent is small; the records keep their
 * order. A picture that cannot be read is skipped, with its reason.
 *
 * @throws EngineError CANCELLED, CLOSED, NATIVE_ADDON_MISSING
 */
export async function* renderRecords(
  records: AsyncIterable<ReadRecord>,
  images: ImageWorkers,
  signal: AbortSignal,
): AsyncGenerator<ReadRecord> {
  const flight: { bytes: number; rendering: Promise<ReadRecord> }[] = []
  let inFlight = 0
  const land = async (): Promise<ReadRecord | undefined> => {
    const first = flight.shift()
    inFlight -= first?.bytes ?? 0
    return first?.rendering
  }
  for await (const record of records) {
    const bytes = 'item' in record ? (record.image?.bytes ?? 0) : 0
    while (flight.length > 0 && (flight.length >= IN_FLIGHT.records || inFlight + bytes > IN_FLIGHT.bytes)) {
      const landed = await land()
      if (landed) yield landed
    }
    const rendering = 'item' in record ? render(record, images, signal) : Promise.resolve(record)
    // whoever stops early never asks how the others ended
    rendering.catch(() => undefined)
    flight.push({ bytes, rendering })
    inFlight += bytes
  }
  while (flight.length > 0) {
    const landed = await land()
    if (landed) yield landed
  }
}

async function render(record: ItemRecord, images: ImageWorkers, signal: AbortSignal): Promise<ReadRecord> {
  const { item, source, image: found } = record
  if (!found) return record
  try {
    const given = await found.read()
    if (signal.aborted) throw new EngineError('CANCELLED', 'interrupted')
    const { width, height, hash, rendition } = await images.render(given)
    const image = { rendition: rendition.bytes, width, height, hash, path: found.path }
    return { ...record, item: { ...item, image } }
  } catch (error) {
    if (error instanceof EngineError && NO_FAULT_OF_ONE.has(error.code)) throw error
    return skippedBy(error, source)
  }
}

/** Errors after which no other picture can be rendered either. */
const NO_FAULT_OF_ONE: ReadonlySet<string> = new Set(['CANCELLED', 'CLOSED', 'NATIVE_ADDON_MISSING'])
