import type { SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { ImageEncoderModel } from '../core/image-encoder.js'
import { METRICS, type Metric } from '../core/metrics.js'
import type { EngineContext } from './engine-context.js'
import type { FittedVersion } from './fitted-encoders.js'
import { toEncodedItem } from './image-table.js'
import { throwIfAborted } from './pace.js'

/** Pictures encoded and written together. */
const FILL_STEP = 256

export interface FillOptions {
  signal?: AbortSignal
  /** Pictures that the version has by now, of how many. */
  onProgress?: (done: number, total: number) => void
}

/**
 * Adds an encoder version to a space of images (and the space, if it is new), encodes all pictures with it while
 * searches go on in the version before, and makes it current when it is whole. What is added meanwhile goes to both.
 * If anything fails or is cancelled, the version is dropped and all is as it was.
 *
 * @returns its number
 * @throws EngineError CONFLICT where another version is being filled, CANCELLED, …
 */
export async function introduceEncoder(
  context: EngineContext,
  collection: string,
  space: string,
  model: ImageEncoderModel,
  options: FillOptions = {},
): Promise<number> {
  const { id: encoder, kind: encoderName, dim, unit, settings, report, files } = model
  // the index of unit vectors serves every metric; otherwise cosine is what similar pictures are asked by, and the distance
  // itself what tells strangers
  const other = settings.strangers ? 'euclidean' : 'cosine'
  const metrics: Metric[] = unit ? [...METRICS] : [other]
  const version = await context.backend.stageEncoder(collection, space, {
    encoder,
    encoderName,
    dim,
    metrics,
    unit,
    settings,
    report,
    files,
  })
  context.records.forget(collection)
  const before = await context.records.read(collection)
  const fitted = { version, encoder, encoderName, dim, unit, settings }
  try {
    await fillAndPromote(context, { collection, space, version: fitted }, options)
  } catch (error) {
    await context.backend.dropEncoder(collection, space, version).catch(() => undefined)
    throw error
  } finally {
    context.records.forget(collection)
  }
  await context.detections.renew(before, space)
  return version
}

/**
 * Brings an encoder version back that was replaced: what was added since is encoded with it, then it is current again.
 *
 * @throws EngineError ENCODER_NOT_FOUND if it is not kept any more, CANCELLED
 */
export async function revertEncoder(
  context: EngineContext,
  collection: string,
  space: SpaceRecord,
  version: number | undefined,
  options: FillOptions = {},
): Promise<number> {
  const versions = await context.backend.encoderVersions(collection, space.name)
  const retired = versions.filter(({ state }) => state === 'retired')
  const chosen = version === undefined ? retired[0] : retired.find((known) => known.version === version)
  if (!chosen) {
    const kept = retired.map((known) => known.version).join(', ') || 'none'
    const asked = version === undefined ? 'no earlier version' : `no earlier version ${version}`
    throw new EngineError(
      'ENCODER_NOT_FOUND',
      `space "${space.name}" has ${asked} that could be brought back; kept are: ${kept}`,
      { details: { space: space.name, version } },
    )
  }
  const before = await context.records.read(collection)
  try {
    await fillAndPromote(context, { collection, space: space.name, version: chosen }, options)
  } finally {
    context.records.forget(collection)
  }
  await context.detections.renew(before, space.name)
  return chosen.version
}

async function fillAndPromote(
  context: EngineContext,
  place: { collection: string; space: string; version: FittedVersion },
  { signal, onProgress }: FillOptions,
): Promise<void> {
  const { collection, space, version } = place
  let done = 0
  do {
    let cursor: string | undefined
    do {
      throwIfAborted(signal)
      const page = await context.backend.images(collection, {
        limit: FILL_STEP,
        ...(cursor === undefined ? {} : { cursor }),
        lacking: { space, version: version.version },
      })
      cursor = page.cursor
      if (page.images.length === 0) break
      const encoded = await context.fitted.use(collection, space, version, (encoder) =>
        encoder.encode(
          page.images.map(({ rendition }) => rendition),
          { signal },
        ),
      )
      const rows = page.images.flatMap(({ id, revision }, i) => {
        const image = encoded[i]
        return image ? [{ id, revision, encoded: toEncodedItem(image, version) }] : []
      })
      done += await context.backend.fill(collection, space, version.version, rows)
      onProgress?.(done, Math.max(done, await context.backend.countImages(collection)))
    } while (cursor !== undefined)
    throwIfAborted(signal)
  } while (!(await context.backend.promoteEncoder(collection, space, version.version)))
}
