import type { StoredDetection } from '../anomaly/detection-thread.js'
import { neighbourCount } from '../anomaly/neighbour-count.js'
import type { CollectionRecord, JudgedItem, Judgement, UnjudgedItem } from '../core/backend.js'
import type { DetectionScores } from '../core/detection.js'
import type { DetectionPlace } from './detection-service.js'
import {
  asksIndex,
  columnsOf,
  type DetectionSource,
  itemVector,
  nearestOf,
  type Subject,
  scoringSpaces,
  toRows,
} from './detection-source.js'
import type { EngineContext } from './engine-context.js'
import { readWhere } from './filters.js'
import { throwIfAborted } from './pace.js'

/** Items judged and written together, and how often before others have their turn. */
const STEP = 250
const MOST_STEPS = 40

/** What is known of items, by id, as long as they have the same vector. */
export type KnownItems = Map<string, { vector: Float32Array; judgements: Judgement[] }>

/**
 * Judges the items that a detection has not judged, and keeps what it says, until there is none, or after 10,000 of them.
 *
 * @param options.known what is known already; it is used up
 * @returns p-values of the verdicts, and whether there may be more items
 */
export async function judgeRest(
  context: EngineContext,
  record: CollectionRecord,
  place: DetectionPlace,
  options: {
    signal?: AbortSignal | undefined
    onProgress?: (judged: number) => void
    known?: KnownItems
  } = {},
): Promise<{ pValues: number[]; more: boolean }> {
  const { backend } = context
  const { collection, space, version } = place
  const pValues: number[] = []
  for (let step = 0; step < MOST_STEPS; step++) {
    throwIfAborted(options.signal)
    const items = await backend.unjudged(collection, space.name, version, { limit: STEP })
    if (items.length === 0) return { pValues, more: false }
    const rows = await judge(context, record, place, items, options)
    await backend.judge(collection, space.name, version, rows)
    for (const { judgements } of rows) pValues.push(judgements[0]?.pValue ?? 1)
    options.onProgress?.(rows.length)
  }
  return { pValues, more: true }
}

async function judge(
  context: EngineContext,
  record: CollectionRecord,
  place: DetectionPlace,
  items: readonly UnjudgedItem[],
  { signal, known }: { signal?: AbortSignal | undefined; known?: KnownItems },
): Promise<JudgedItem[]> {
  const judged = new Map<UnjudgedItem, Judgement[]>()
  const rest: { item: UnjudgedItem; vector: Float32Array }[] = []
  for (const item of items) {
    const vector = itemVector(item.vectors, place.space)
    const found = known?.get(item.id)
    known?.delete(item.id)
    if (found && equal(found.vector, vector)) judged.set(item, found.judgements)
    else rest.push({ item, vector })
  }
  if (rest.length > 0) {
    const subjects = rest.map(({ item: { id }, vector }) => ({ id, vector }))
    const scoring = scoringSpaces(record, place.space)
    const ids = subjects.map(({ id }) => id)
    const stored =
      scoring.size === 0 ? new Map() : await context.backend.get(record.name, ids, { anomaly: true })
    const columns = columnsOf(
      ids.map((id) => stored.get(id)),
      scoring,
    )
    const scores = await scoreSubjects(context, record, place, { subjects, columns, signal })
    for (const [i, { item }] of rest.entries())
      judged.set(item, toJudgements(scores, i, place.settings.threshold))
  }
  return items.map((item) => ({ id: item.id, mark: item.mark, judgements: judged.get(item) ?? [] }))
}

/** What a detection says of vectors. */
export async function scoreSubjects(
  context: EngineContext,
  record: CollectionRecord,
  place: DetectionPlace,
  asked: {
    subjects: readonly Subject[]
    columns: ReturnType<typeof columnsOf>
    signal?: AbortSignal | undefined
  },
): Promise<DetectionScores> {
  const { subjects, columns, signal } = asked
  const { space } = place
  const source = sourceOf(record, place)
  const neighbours = neighbourCount(place.settings.items)
  const nearest = asksIndex(space)
    ? await nearestOf(context, source, subjects, { neighbours, signal })
    : undefined
  return context.detections.thread.score(storedDetection(place), toRows(space, subjects, columns, nearest))
}

function equal(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** The items beside which a detection judges. */
export function sourceOf(
  record: CollectionRecord,
  { collection, space, settings, trimmed }: DetectionPlace,
): DetectionSource {
  return { collection, space, filter: readWhere(settings.where, record, space), trimmed }
}

/** A detection as the thread that judges takes it. */
export function storedDetection({ key, settings, files }: DetectionPlace): StoredDetection {
  return { key, read: async () => ({ settings: settings.detectors, files: await files() }) }
}

/** What is kept of one row: the verdict, then each detector. */
export function toJudgements(
  { verdict, pValues, detectors }: DetectionScores,
  row: number,
  threshold: number,
): Judgement[] {
  const pValue = pValues[row] ?? 1
  const joint = { detector: 'verdict', score: verdict[row] ?? 0, pValue, flagged: pValue <= threshold }
  const single = Object.entries(detectors).flatMap(([detector, { scores, pValues: own }]) => {
    const [score = Number.NaN, p = Number.NaN] = [scores[row], own[row]]
    // an encoder has nothing to say of an item that is not of its kind
    return Number.isNaN(score) || Number.isNaN(p)
      ? []
      : [{ detector, score, pValue: p, flagged: p <= threshold }]
  })
  return [joint, ...single]
}
