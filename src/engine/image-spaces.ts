import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { ImageEncoderModel } from '../core/image-encoder.js'
import { introduceEncoder } from './encoder-versions.js'
import { type EngineContext, isImageSpace } from './engine-context.js'
import { startFit } from './fit-job.js'
import { fittedOn } from './fitted-settings.js'

/** The space that a collection with pictures has from the first of them on. */
export const DESCRIPTOR_SPACE = 'descriptor'
/** From how many pictures on the descriptor is fitted to them, and how many times as many ask for the next fit. */
const FIT_FROM = 256
const FIT_GROWTH = 4
/** Renditions by which it is decided whether a collection's pictures are grey. */
const SAMPLE = 64

/**
 * Sees to it that a collection that gets its first picture has a space of images: `descriptor`, not fitted yet.
 *
 * @param renditions of the pictures that come; at least one
 * @returns the record with that space
 */
export async function ensureImageSpace(
  context: EngineContext,
  record: CollectionRecord,
  renditions: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<CollectionRecord> {
  if (record.spaces.some(isImageSpace)) return record
  return context.queues.run(`spaces ${record.name}`, async () => {
    context.records.forget(record.name)
    const now = await context.records.read(record.name)
    if (now.spaces.some(isImageSpace)) return now
    if (now.spaces.some(({ name }) => name === DESCRIPTOR_SPACE)) {
      throw new EngineError(
        'CONFLICT',
        `space "${DESCRIPTOR_SPACE}" of collection "${record.name}" takes your own vectors, but pictures need a space of that name; make the collection anew with another name for it`,
        { details: { field: 'image', space: DESCRIPTOR_SPACE } },
      )
    }
    const { plainDescriptor } = await import('../encoders/images/plain-descriptor.js')
    const model: ImageEncoderModel = await plainDescriptor(renditions.slice(0, SAMPLE))
    await introduceEncoder(context, record.name, DESCRIPTOR_SPACE, model, { signal })
    return context.records.read(record.name)
  })
}

/** Starts to fit the descriptor to the collection's pictures, in the background, where they have become enough. */
export async function refitWhenDue(context: EngineContext, collection: string): Promise<void> {
  const record = await context.records.read(collection)
  const space = record.spaces.find(({ name, input }) => name === DESCRIPTOR_SPACE && input === 'image')
  if (!space || space.staged || !(await isDue(context, collection, space))) return
  const running = context.jobs
    .list()
    .some((job) => job.kind === 'refit' && job.collection === collection && job.state === 'running')
  if (running) return
  const { finished } = startFit(context, record, {
    kind: 'descriptor',
    space: DESCRIPTOR_SPACE,
    job: 'refit',
  })
  // the job tells of its failure; what was added meanwhile may ask for the next
  finished.then(() => refitWhenDue(context, collection)).catch(() => undefined)
}

async function isDue(context: EngineContext, collection: string, space: SpaceRecord): Promise<boolean> {
  const last = fittedOn(space.settings)
  const wanted = last === 0 ? FIT_FROM : last * FIT_GROWTH
  return (await context.backend.countImages(collection)) >= wanted
}
