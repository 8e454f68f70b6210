import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DetectionThread } from '../anomaly/detection-thread.js'
import { neighbourCount, spareNeighbours } from '../anomaly/neighbour-count.js'
import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { DetectionReport } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import type { JobContext } from '../core/jobs.js'
import { LIMITS } from '../core/limits.js'
import { seededRandom } from '../core/random.js'
import type { DetectResult } from '../core/types.js'
import { type CheckedDetect, OUTLIER_SPACE, thresholdOf } from './detect-request.js'
import {
  correctionsMark,
  type DetectionPlace,
  type DetectionSettings,
  TRIMMED_FILE,
} from './detection-service.js'
import {
  asksIndex,
  columnNames,
  columnsOf,
  type DetectionSource,
  itemVector,
  nearestOf,
  type Subject,
  scoringSpaces,
  toRows,
} from './detection-source.js'
import type { EngineContext } from './engine-context.js'
import { fitAndSwap } from './fit-job.js'
import { fittedOn } from './fitted-settings.js'
import { judgeRest, type KnownItems, toJudgements } from './judge-items.js'
import { throwIfAborted } from './pace.js'
import { startAlone } from './start-alone.js'

/** Fewer items than this say nothing about what is usual. */
export const LEAST_ITEMS = 10
/** Detectors are fitted to at most so many items, drawn at random where there are more: time and memory stay bounded. */
const MOST_ITEMS = 20_000
/** Items read at once. */
const READ_STEP = 250
/** How many times as many pictures ask for the descriptor to be fitted again. */
const DESCRIBE_GROWTH = 2
/** How often it begins anew because the space's encoder became another. */
const TRIES = 3

/**
 * Fits detectors to a space's items and judges all of them, as a job; searches and lists go on with the detection before
 * until the new one has judged everything. Cancelled or failed, it leaves all as it was.
 *
 * @param job `redetect` where it begins by itself: a user's takes its place
 * @throws EngineError CONFLICT where the space's detectors are being fitted already
 */
export function startDetect(
  context: EngineContext,
  record: CollectionRecord,
  asked: CheckedDetect,
  job: 'detect' | 'redetect' = 'detect',
): { id: string; finished: Promise<DetectResult> } {
  const { name: space } = asked.space
  return startAlone(
    context,
    {
      key: detectKey(record.name, space),
      doing: `is fitting the detectors of space "${space}" of collection "${record.name}"`,
      details: { space },
      // what a user asks comes before what began by itself
      givesWay: ({ kind }) => job === 'detect' && kind === 'redetect',
    },
    { kind: job, collection: record.name, unit: 'items', recorded: job === 'detect' },
    (work) => fitAnew(context, record.name, asked, work),
  )
}

/** Begins anew where the space's encoder became another meanwhile. */
async function fitAnew(
  context: EngineContext,
  collection: string,
  asked: CheckedDetect,
  work: JobContext,
): Promise<DetectResult> {
  for (let tries = 1; ; tries++) {
    await describeWhenDue(context, collection, asked.space.name, work)
    const now = await context.records.read(collection)
    const space = now.spaces.find(({ name }) => name === asked.space.name) ?? asked.space
    try {
      return await fitAndJudge(context, now, { ...asked, space }, work)
    } catch (error) {
      const swapped = error instanceof EngineError && error.code === 'ENCODER_MISMATCH'
      if (!swapped || tries === TRIES) throw error
      context.records.forget(collection)
    }
  }
}

/**
 * Fits the descriptor that tells strangers, where it is not there or the pictures have become twice as many since.
 *
 * @throws EngineError TOO_FEW_ITEMS
 */
export async function describeWhenDue(
  context: EngineContext,
  collection: string,
  space: string,
  work: JobContext,
): Promise<void> {
  if (space !== OUTLIER_SPACE) return
  // whoever comes meanwhile waits, and finds it there
  await context.queues.run(`describe ${collection}`, async () => {
    const known = (await context.records.read(collection)).spaces.find(({ name }) => name === space)
    if (known && known.settings?.strangers !== true) return
    const pictures = await context.backend.countImages(collection)
    if (known && pictures < fittedOn(known.settings) * DESCRIBE_GROWTH) return
    if (pictures < LEAST_ITEMS) throw tooFew(`collection "${collection}"`, pictures, { space })
    throwIfAborted(work.signal)
    await fitAndSwap(context, collection, space, { kind: 'descriptor', strangers: true }, work)
  })
}

/** By what `context.fits` knows the job that fits a space's detectors. */
export function detectKey(collection: string, space: string): string {
  return JSON.stringify([collection, space, 'detect'])
}

/** Where a detection is that was just fitted. */
export function placeOf(
  collection: string,
  space: SpaceRecord,
  version: number,
  { settings, trimmed, files }: FittedDetection,
): DetectionPlace {
  return { collection, space, version, settings, trimmed, key: randomUUID(), files: async () => files }
}

async function fitAndJudge(
  context: EngineContext,
  record: CollectionRecord,
  asked: CheckedDetect,
  { signal, progress }: JobContext,
): Promise<DetectResult> {
  const { backend } = context
  const { space } = asked
  const fitted = await fitDetectors(context, record, asked, { signal, progress })
  const { settings, files, report } = fitted
  const version = await backend.stageDetection(record.name, space.name, space.version, {
    settings: { ...settings },
    report: { ...report },
    files,
  })
  const place = placeOf(record.name, space, version, fitted)
  try {
    const total = await backend.count(record.name)
    progress({ done: 0, total, message: 'judging' })
    let done = 0
    const onProgress = (judged: number): void => {
      done += judged
      progress({ done, total: Math.max(total, done) })
    }
    do {
      throwIfAborted(signal)
      await judgeRest(context, record, place, { signal, onProgress, known: fitted.known })
    } while (!(await backend.promoteDetection(record.name, space.name, version)))
  } catch (error) {
    await backend.dropDetection(record.name, space.name, version).catch(() => undefined)
    throw error
  } finally {
    context.records.forget(record.name)
  }
  context.detections.restart(record.name, space.name)
  const counts = await backend.countAnomalies(record.name, space.name, 'verdict')
  return { space: space.name, detection: version, threshold: settings.threshold, report, ...counts }
}

/** A detection that was fitted, before it is stored. */
export interface FittedDetection {
  settings: DetectionSettings
  report: DetectionReport
  files: Record<string, Uint8Array>
  /** Ids that were left out as strange. */
  trimmed: ReadonlySet<string>
  /** What was found of the items that it was fitted to. */
  known: KnownItems
}

/** @throws EngineError TOO_FEW_ITEMS, CANCELLED */
export async function fitDetectors(
  context: EngineContext,
  record: CollectionRecord,
  { space, reference, flags, where, filter, seed }: CheckedDetect,
  options: JobContext,
): Promise<FittedDetection> {
  const { signal, progress } = options
  const scoring = scoringSpaces(record, space)
  const corrections = correctionsMark(await context.backend.corrections(record.name))
  const items = await context.backend.count(record.name)
  const { subjects, known } = await readReference(context, record, { space, filter, seed }, options)
  if (subjects.length < LEAST_ITEMS) {
    const where = `space "${space.name}" of collection "${record.name}"`
    throw tooFew(where, subjects.length, { space: space.name, matching: filter !== undefined })
  }
  const total = subjects.length
  const source: DetectionSource = { collection: record.name, space, filter, trimmed: new Set() }
  const onProgress = (done: number): void => progress({ done, total })
  // some will be left out as strange
  const neighbours = neighbourCount(total) + spareNeighbours(neighbourCount(total))
  if (asksIndex(space)) progress({ done: 0, total, message: 'neighbours' })
  const nearest = asksIndex(space)
    ? await nearestOf(context, source, subjects, { neighbours, signal, onProgress })
    : undefined
  progress({ done: 0, total, message: 'fitting' })
  const rows = toRows(space, subjects, columnsOf(known, scoring), nearest)
  const labels = Int8Array.from(known, ({ correction }) =>
    correction === undefined ? 0 : correction === 'strange' ? 1 : -1,
  )
  const thread = new DetectionThread()
  const fit = await thread.fit(rows, { reference, seed, labels, signal }).finally(() => thread.close())
  const trimmed = subjects.flatMap(({ id }, i) => (fit.trimmed[i] ? [id] : []))
  const { threshold } = thresholdOf(flags, fit.scores.pValues, fit.report)
  return {
    settings: {
      ...{ reference, flags, seed, threshold, items, corrections, detectors: fit.settings },
      columns: columnNames(scoring),
      ...(where === undefined ? {} : { where }),
    },
    report: fit.report,
    files: { ...fit.files, [TRIMMED_FILE]: new TextEncoder().encode(JSON.stringify(trimmed)) },
    trimmed: new Set(trimmed),
    known: new Map(
      subjects.map(({ id, vector }, i) => [
        id,
        { vector, judgements: toJudgements(fit.scores, i, threshold) },
      ]),
    ),
  }
}

function tooFew(where: string, items: number, options: { space: string; matching?: boolean }): EngineError {
  const { space, matching = false } = options
  return new EngineError(
    'TOO_FEW_ITEMS',
    `${where} has ${items} items${matching ? ' that match' : ''}; at least ${LEAST_ITEMS} are needed to tell what is usual among them`,
    { details: { space, items, least: LEAST_ITEMS } },
  )
}

/** The items that a detection is fitted to: all, or so many drawn at random. */
async function readReference(
  { backend }: EngineContext,
  { name }: CollectionRecord,
  { space, filter, seed }: Pick<CheckedDetect, 'space' | 'filter' | 'seed'>,
  { signal, progress }: JobContext,
): Promise<{ subjects: (Subject & { id: string })[]; known: StoredItem[] }> {
  const ids = filter
    ? await matchingIds(backend, name, filter, { seed, signal })
    : (await backend.sample(name, space.name, { count: MOST_ITEMS, seed })).ids
  const subjects: (Subject & { id: string })[] = []
  const known: StoredItem[] = []
  progress({ done: 0, total: ids.length, message: 'reading' })
  for (let from = 0; from < ids.length; from += READ_STEP) {
    throwIfAborted(signal)
    const found = await backend.get(name, ids.slice(from, from + READ_STEP), { vectors: true, anomaly: true })
    for (const item of found.values()) {
      const passages = item.vectors?.[space.name] ?? []
      if (passages.length === 0) continue
      subjects.push({ id: item.id, vector: itemVector(passages, space) })
      // the vectors would be held twice
      const { vectors: _, ...rest } = item
      known.push(rest)
    }
    progress({ done: subjects.length, total: ids.length })
    await nextTurn()
  }
  return { subjects, known }
}

/** Ids of items that match: all, or so many drawn at random (reservoir sampling: Vitter, ACM TOMS 1985, algorithm R). */
async function matchingIds(
  backend: EngineContext['backend'],
  collection: string,
  where: NonNullable<CheckedDetect['filter']>,
  { seed, signal }: { seed: number; signal: AbortSignal },
): Promise<string[]> {
  const random = seededRandom(seed)
  const ids: string[] = []
  let seen = 0
  let cursor: string | undefined
  do {
    throwIfAborted(signal)
    const page = await backend.list(collection, {
      ...{ limit: LIMITS.pageItems, fields: {}, where },
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const { id } of page.items) {
      seen++
      const place = ids.length < MOST_ITEMS ? ids.length : random.int(seen)
      if (place < MOST_ITEMS) ids[place] = id
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  return ids
}
