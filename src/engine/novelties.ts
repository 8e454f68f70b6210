import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import type { DetectionReport, DetectionRows, DetectionScores } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import type { JobContext } from '../core/jobs.js'
import { LIMITS } from '../core/limits.js'
import { checkName } from '../core/names.js'
import type { Anomaly, OutlierAnswer } from '../core/types.js'
import { describeWhenDue, fitDetectors, placeOf } from './detect-job.js'
import {
  type CheckedDetect,
  checkDetect,
  checkFlags,
  checkReference,
  DEFAULT_RATE,
  thresholdOf,
} from './detect-request.js'
import { type DetectionPlace, type FlagRule, readDetection } from './detection-service.js'
import { itemVector, type Subject, scoringSpaces } from './detection-source.js'
import { type EngineContext, isImageSpace, isTextSpace, loadSpaceEncoder } from './engine-context.js'
import { currentVersion } from './image-table.js'
import { scoreSubjects, toJudgements } from './judge-items.js'
import { falseAlarmsOf, notesOf } from './outliers.js'
import { throwIfAborted } from './pace.js'
import { checkFields, checkInteger, invalid, isPlainObject, show } from './requests.js'

const FIELDS: ReadonlySet<string> = new Set(['space', 'limit', 'rate', 'fdr', 'reference', 'against'])
const AGAINST_FIELDS: ReadonlySet<string> = new Set(['collection', 'where'])
/** Items read and judged at once. */
const STEP = 250

/** What judges. */
interface Judge {
  record: CollectionRecord
  place: DetectionPlace
  report: DetectionReport
}

/** Items of a page, as vectors of the judge's encoder. */
interface Page {
  subjects: (Subject & { id: string })[]
  columns: DetectionRows['columns']
}

/**
 * The items of a collection that are strange beside another one, or beside the part of it that matches. It runs as a job
 * and keeps nothing.
 *
 * @throws EngineError COLLECTION_NOT_FOUND, SPACE_NOT_FOUND, INVALID_REQUEST, DIMENSION_MISMATCH, TOO_FEW_ITEMS
 */
export async function findNovelties(
  context: EngineContext,
  record: CollectionRecord,
  input: unknown,
): Promise<OutlierAnswer> {
  const options = checkFields(input, FIELDS, 'outlier options of a comparison')
  const limit = options.limit === undefined ? 10 : checkInteger(options.limit, 'limit', 1, LIMITS.pageItems)
  const { collection, where } = checkAgainst(options.against)
  const good = await context.records.read(collection)
  const flags = checkFlags(options.rate, options.fdr)
  const reference = checkReference(options.reference) ?? 'clean'
  const asked = checkDetect(
    { space: options.space, reference, where, ...(flags ?? { rate: DEFAULT_RATE }) },
    good,
  )
  checkComparable(record, good, asked.space)
  const { finished } = context.jobs.start(
    { kind: 'novelty', collection: record.name, unit: 'items' },
    async (work) => {
      const judge = await findJudge(context, good, asked, work)
      return judgeAll(context, record, judge, { limit, flags: asked.flags, work })
    },
  )
  return finished
}

function checkAgainst(against: unknown): { collection: string; where: unknown } {
  if (typeof against === 'string') return { collection: checkName(against, 'collection'), where: undefined }
  if (!isPlainObject(against)) {
    throw invalid(
      'against',
      `against must be the name of a collection, or {collection, where}; got ${show(against)}`,
    )
  }
  const { collection, where } = checkFields(against, AGAINST_FIELDS, 'against')
  return { collection: checkName(collection, 'collection'), where }
}

function checkComparable(record: CollectionRecord, good: CollectionRecord, space: SpaceRecord): void {
  if (space.encoder !== null) return
  const own = record.spaces.find(({ name }) => name === space.name)
  if (own?.encoder === null && own.dim === space.dim) return
  const found = own ? `has ${own.dim} dimensions there` : 'is not there'
  throw new EngineError(
    'DIMENSION_MISMATCH',
    `space "${space.name}" of collection "${good.name}" holds vectors of ${space.dim} dimensions that you bring, and ${found} in "${record.name}": name a space that both have`,
    { details: { space: space.name } },
  )
}

async function findJudge(
  context: EngineContext,
  good: CollectionRecord,
  asked: CheckedDetect,
  work: JobContext,
): Promise<Judge> {
  await describeWhenDue(context, good.name, asked.space.name, work)
  const record = await context.records.read(good.name)
  const space = record.spaces.find(({ name }) => name === asked.space.name) ?? asked.space
  const { detection } = space
  if (asked.filter === undefined && detection?.settings.reference === asked.reference) {
    const place = await context.detections.place(good.name, space, detection)
    return { record, place, report: readDetection(detection).report }
  }
  const fitted = await fitDetectors(context, record, { ...asked, space }, work)
  return { record, place: placeOf(good.name, space, 0, fitted), report: fitted.report }
}

async function judgeAll(
  context: EngineContext,
  record: CollectionRecord,
  judge: Judge,
  { limit, flags, work }: { limit: number; flags: FlagRule; work: JobContext },
): Promise<OutlierAnswer> {
  const { place, report } = judge
  const { space } = place
  const itself = record.name === judge.record.name
  const total = await context.backend.count(record.name)
  const pValues: number[] = []
  let top: Omit<Anomaly & { id: string }, 'flagged'>[] = []
  work.progress({ done: 0, total, message: 'judging' })
  for await (const { subjects, columns } of pagesOf(context, record, judge, work.signal)) {
    if (subjects.length > 0) {
      // another collection's item of the same id is no more itself than any other
      const asked = itself ? subjects : subjects.map(({ vector }) => ({ id: undefined, vector }))
      const scores = await scoreSubjects(context, judge.record, place, {
        subjects: asked,
        columns,
        signal: work.signal,
      })
      pValues.push(...scores.pValues)
      const judged = subjects.map(({ id }, i) => ({ id, ...toAnomaly(space, place.version, scores, i) }))
      top = [...top, ...judged].sort((a, b) => b.score - a.score).slice(0, limit)
    }
    work.progress({ done: pValues.length, total })
  }
  const { threshold, note } = thresholdOf(flags, Float64Array.from(pValues), report)
  return {
    outliers: top.map((anomaly) => ({ ...anomaly, flagged: (anomaly.pValue ?? 1) <= threshold })),
    ...{ space: space.name, detection: place.version, reference: report.reference },
    threshold: { pValue: threshold, ...flags },
    scored: pValues.length,
    flagged: pValues.filter((pValue) => pValue <= threshold).length,
    report,
    ...falseAlarmsOf(flags, report),
    notes: notesOf(report, note),
  }
}

/** The collection's items, as the judge's encoders see them. */
async function* pagesOf(
  context: EngineContext,
  record: CollectionRecord,
  { record: good, place }: Judge,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  const { space } = place
  let cursor: string | undefined
  do {
    throwIfAborted(signal)
    const from = cursor === undefined ? {} : { cursor }
    if (isImageSpace(space)) {
      const page = await context.backend.images(record.name, { limit: STEP, ...from })
      cursor = page.cursor
      const ids = page.images.map(({ id }) => id)
      yield encodePictures(context, good, space, {
        ids,
        files: page.images.map((image) => image.rendition),
        signal,
      })
    } else {
      const own = record.spaces.find(({ name }) => name === space.name)
      const same = own?.encoder === space.encoder
      const fields = same ? { vectors: true } : { text: true }
      const page = await context.backend.list(record.name, { limit: STEP, fields, ...from })
      cursor = page.cursor
      const found = same
        ? page.items.map(({ id, vectors }) => ({ id, passages: vectors?.[space.name] ?? [] }))
        : await encodeTexts(context, space, page.items, signal)
      const subjects = found.flatMap(({ id, passages }) =>
        passages.length === 0 ? [] : [{ id, vector: itemVector(passages, space) }],
      )
      yield { subjects, columns: {} }
    }
  } while (cursor !== undefined)
}

async function encodePictures(
  context: EngineContext,
  good: CollectionRecord,
  space: SpaceRecord,
  { ids, files, signal }: { ids: string[]; files: Uint8Array[]; signal: AbortSignal },
): Promise<Page> {
  const encode = (by: SpaceRecord) =>
    context.fitted.use(good.name, by.name, currentVersion(by), (encoder) => encoder.encode(files, { signal }))
  const encoded = await encode(space)
  const columns: DetectionRows['columns'] = {}
  for (const [detector, by] of scoringSpaces(good, space)) {
    const scored = by.name === space.name ? encoded : await encode(by)
    columns[detector] = Float64Array.from(scored, ({ reconstruction }) => {
      return (detector === 'nelbo' ? reconstruction?.nelbo : reconstruction?.score) ?? Number.NaN
    })
  }
  const subjects = ids.flatMap((id, i) => {
    const vector = encoded[i]?.vector
    return vector ? [{ id, vector }] : []
  })
  return { subjects, columns }
}

async function encodeTexts(
  context: EngineContext,
  space: SpaceRecord,
  items: readonly { id: string; text?: string | null }[],
  signal: AbortSignal,
): Promise<{ id: string; passages: Float32Array[] }[]> {
  const texts = items.flatMap(({ id, text }) => (text ? [{ id, text }] : []))
  if (!isTextSpace(space) || texts.length === 0) return []
  const encoder = await loadSpaceEncoder(context, space)
  const encoded = await encoder.encodePassages(
    texts.map(({ text }) => text),
    { signal },
  )
  return texts.map(({ id }, i) => ({ id, passages: (encoded[i] ?? []).map(({ vector }) => vector) }))
}

function toAnomaly(
  { name, version }: SpaceRecord,
  detection: number,
  scores: DetectionScores,
  row: number,
): Omit<Anomaly, 'flagged'> {
  const [verdict, ...single] = toJudgements(scores, row, 0)
  const { score = 0, pValue = 1 } = verdict ?? {}
  const detectors = single.map((said) => [said.detector, { score: said.score, pValue: said.pValue }])
  return {
    ...{ space: name, version, detector: 'verdict', detection, score },
    ...{ error: null, percentile: 100 * (1 - pValue), pValue, detectors: Object.fromEntries(detectors) },
  }
}
