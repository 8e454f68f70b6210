import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CollectionRecord, StoredImage } from '../core/backend.js'
import type { ImageEncoderKind, ImageEncoderModel } from '../core/image-encoder.js'
import type { JobContext, JobProgress } from '../core/jobs.js'
import type { FitOptions, FitProgress, ImageSource } from '../encoders/images/fit-image-encoder.js'
import { introduceEncoder } from './encoder-versions.js'
import type { EngineContext } from './engine-context.js'
import { startAlone } from './start-alone.js'

/** Pictures read at once. */
const READ_STEP = 256
/** Labels read for the report on how well neighbours agree; more would not make it surer. */
const MAX_LABELS = 20_000

/** What to fit; what is left out is chosen from the pictures. */
export interface FitRequest extends Omit<FitOptions, 'signal' | 'onProgress' | 'labels'> {
  kind: ImageEncoderKind
  space: string
  /** The job's kind: `train` where a user asked for it. */
  job: 'train' | 'refit'
}

/** What fitting an encoder came to. */
export interface FitResult {
  space: string
  encoder: string
  version: number
  dim: number
  /** What was found: losses, held-out errors, comparisons. */
  report: Record<string, unknown>
  /** Items scored and flagged, where the encoder reconstructs. */
  scored?: number
  flagged?: number
}

/**
 * Fits an encoder to a collection's pictures, as a job: reads them, fits in a worker, encodes all of them and swaps the
 * version in. Cancelled or failed, it leaves the collection as it was.
 */
export function startFit(
  context: EngineContext,
  record: CollectionRecord,
  request: FitRequest,
): { id: string; finished: Promise<FitResult> } {
  const { space, job, ...options } = request
  const doing = `is fitting space "${space}" of collection "${record.name}"`
  return startAlone(
    context,
    { key: `${record.name} ${space}`, doing, details: { space } },
    { kind: job, collection: record.name, unit: 'images', recorded: job === 'train' },
    (work) => fitAndSwap(context, record.name, space, options, work),
  )
}

/** Fits an encoder, encodes all pictures with it, and makes it the space's current one; within a job. */
export async function fitAndSwap(
  context: EngineContext,
  collection: string,
  space: string,
  options: Omit<FitRequest, 'space' | 'job'>,
  { signal, progress }: JobContext,
): Promise<FitResult> {
  const { backend } = context
  const count = await backend.countImages(collection)
  const { fitImageEncoder } = await import('../encoders/images/fit-image-encoder.js')
  const model: ImageEncoderModel = await fitImageEncoder(imagesOf(context, collection, count), {
    ...options,
    labels: await labelsOf(context, collection),
    signal,
    onProgress: (update) => progress(shown(update)),
  })
  progress({ done: 0, total: count, message: 'encoding', metrics: {} })
  const version = await introduceEncoder(context, collection, space, model, {
    signal,
    onProgress: (done, total) => progress({ done, total }),
  })
  const result = { space, encoder: model.id, version, dim: model.dim, report: model.report }
  if (model.settings.held === undefined) return result
  return { ...result, ...(await backend.countAnomalies(collection, space, 'reconstruction')) }
}

function imagesOf({ backend }: EngineContext, collection: string, count: number): ImageSource {
  return {
    count,
    async *batches() {
      for await (const page of pages(backend, collection)) yield page.map(({ rendition }) => rendition)
    },
  }
}

async function* pages(
  backend: EngineContext['backend'],
  collection: string,
): AsyncGenerator<StoredImage[], void, undefined> {
  let cursor: string | undefined
  do {
    const page = await backend.images(collection, {
      limit: READ_STEP,
      ...(cursor === undefined ? {} : { cursor }),
    })
    yield page.images
    cursor = page.cursor
  } while (cursor !== undefined)
}

/** The metadata `label` of each picture, in their order; null where there is none. */
async function labelsOf(context: EngineContext, collection: string): Promise<(string | null)[]> {
  const { backend } = context
  const labels: (string | null)[] = []
  let cursor: string | undefined
  do {
    const page = await backend.list(collection, {
      limit: READ_STEP,
      ...(cursor === undefined ? {} : { cursor }),
      fields: { metadata: true },
    })
    for (const { hasImage, metadata } of page.items) {
      const label = metadata?.label
      const known = typeof label === 'string' || typeof label === 'number'
      if (hasImage) labels.push(known ? String(label) : null)
    }
    cursor = page.cursor
    await nextTurn()
  } while (cursor !== undefined && labels.length < MAX_LABELS)
  return labels
}

function shown(update: FitProgress): Partial<JobProgress> {
  const { phase, done, total, ...figures } = update
  const metrics = Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined))
  return { done, total, message: phase, metrics: metrics as Record<string, number> }
}
