import { rateThreshold } from '../anomaly/conformal.js'
import { mixFalseAlarms } from '../anomaly/contamination.js'
import type { CollectionRecord, DetectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { DetectionReport } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { Anomaly, DetectOptions, OutlierAnswer } from '../core/types.js'
import { parseWhere } from '../query/parse-where.js'
import { detectKey, startDetect } from './detect-job.js'
import { checkDetect, checkFlags, checkReference, findDetectSpace, thresholdOf } from './detect-request.js'
import { type FlagRule, readDetection } from './detection-service.js'
import type { EngineContext } from './engine-context.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'
import { showAnomaly } from './show-item.js'

const FIELDS: ReadonlySet<string> = new Set([
  'space',
  'limit',
  'flagged',
  'where',
  'rate',
  'fdr',
  'reference',
  'detector',
])

/**
 * The strangest items of a space. Detectors are fitted first where there are none, or others are asked.
 *
 * @throws EngineError INVALID_REQUEST, SPACE_NOT_FOUND, INVALID_FILTER, TOO_FEW_ITEMS
 */
export async function findOutliers(
  context: EngineContext,
  record: CollectionRecord,
  input: unknown,
): Promise<OutlierAnswer> {
  const options = checkFields(input, FIELDS, 'outlier options')
  const limit = options.limit === undefined ? 10 : checkInteger(options.limit, 'limit', 1, LIMITS.pageItems)
  if (options.flagged !== undefined && typeof options.flagged !== 'boolean') {
    throw invalid('flagged', `flagged must be true or false, got ${show(options.flagged)}`)
  }
  const asked = {
    space: findDetectSpace(record, options.space).name,
    reference: checkReference(options.reference),
    flags: checkFlags(options.rate, options.fdr),
  }
  const anomaly = { space: asked.space, detector: 'verdict' }
  const where = options.where === undefined ? undefined : parseWhere(options.where, { anomaly })
  const { space, detection } = await withDetection(context, record, asked)
  const { settings, report } = readDetection(detection)
  const detector = checkDetector(options.detector, report)
  const { backend } = context
  const rule = await ruleOf(context, record.name, space, asked.flags)
  const upTo = rule.stored ? undefined : rule.threshold
  const found = await backend.strangest(record.name, space.name, {
    ...{ detector, limit, where, upTo },
    ...(options.flagged ? { flagged: true } : {}),
  })
  const ids = found.map(({ id }) => id)
  const items = await backend.get(record.name, ids, { anomaly: true })
  const outliers = ids.flatMap((id) => {
    const shown = shownOutlier(items.get(id), space.name, rule)
    return shown ? [shown] : []
  })
  const counts = await backend.countAnomalies(record.name, space.name, 'verdict', upTo)
  return {
    outliers,
    ...{ space: space.name, detection: detection.version, reference: settings.reference },
    threshold: { pValue: rule.threshold, ...rule.flags },
    scored: counts.scored,
    flagged: counts.flagged,
    report,
    ...falseAlarmsOf(rule.flags, report),
    notes: notesOf(report, rule.note),
  }
}

/** How an answer's flags come about. */
interface AppliedRule {
  flags: FlagRule
  threshold: number
  /** Whether it is the rule of the flags that are stored. */
  stored: boolean
  note?: string
}

async function ruleOf(
  { backend }: EngineContext,
  collection: string,
  { name, detection }: JudgedSpace,
  asked: FlagRule | undefined,
): Promise<AppliedRule> {
  const { settings, report } = readDetection(detection)
  const flags = asked ?? settings.flags
  const stored = JSON.stringify(flags) === JSON.stringify(settings.flags)
  if (stored && 'rate' in flags) return { flags, threshold: settings.threshold, stored }
  const pValues = await backend.pValues(collection, name)
  const { threshold, note } = thresholdOf(flags, pValues, report)
  return { flags, threshold, stored: false, ...(note === undefined ? {} : { note }) }
}

function shownOutlier(
  item: StoredItem | undefined,
  space: string,
  { threshold, stored }: AppliedRule,
): (Anomaly & { id: string }) | undefined {
  const anomaly = item && showAnomaly(item, space)
  if (!item || !anomaly) return undefined
  const decided = stored || anomaly.correction !== undefined
  const flagged = decided ? anomaly.flagged : (anomaly.pValue ?? 1) <= threshold
  return { id: item.id, ...anomaly, flagged }
}

/** A space that has a detection. */
type JudgedSpace = SpaceRecord & { detection: DetectionRecord }

/** How often it begins anew because another encoder or detection took the place of the one before. */
const TRIES = 5

/** The space with a detection of the kind that is asked, which has judged what was written; it is fitted where there is none. */
export async function withDetection(
  context: EngineContext,
  record: CollectionRecord,
  asked: { space: string; reference: DetectOptions['reference']; flags: FlagRule | undefined },
): Promise<{ space: JudgedSpace; detection: DetectionRecord }> {
  let now = record
  for (let tries = 0; tries < TRIES; tries++) {
    const space = now.spaces.find(({ name }) => name === asked.space)
    const detection = space?.detection
    if (
      space &&
      detection &&
      (asked.reference ?? detection.settings.reference) === detection.settings.reference
    ) {
      await context.detections.caughtUp(record.name, space.name)
      now = await context.records.read(record.name)
      const current = now.spaces.find(({ name }) => name === asked.space)
      if (current?.version === space.version && current.detection?.version === detection.version) {
        return { space: { ...space, detection }, detection }
      }
      continue
    }
    const running = context.fits.get(detectKey(record.name, asked.space))
    if (running === undefined) {
      const options: DetectOptions = { space: asked.space, ...asked.flags }
      if (asked.reference) options.reference = asked.reference
      await startDetect(context, now, checkDetect(options, now)).finished
    } else {
      for await (const job of context.jobs.watch(running)) void job
    }
    now = await context.records.read(record.name)
  }
  throw new EngineError(
    'CONFLICT',
    `the detectors of space "${asked.space}" of collection "${record.name}" became others ${TRIES} times meanwhile; ask again`,
  )
}

function checkDetector(name: unknown, { weights }: DetectionReport): string {
  if (name === undefined || name === 'verdict') return 'verdict'
  const known = Object.keys(weights)
  if (typeof name === 'string' && known.includes(name)) return name
  throw invalid('detector', `detector must be one of verdict, ${known.join(', ')}; got ${show(name)}`)
}

/** Of normal items, the part that a rate flags: what is expected, and the range that it lies in. */
export function falseAlarmsOf(
  flags: FlagRule,
  { reference, calibratedOn }: DetectionReport,
): Pick<OutlierAnswer, 'falseAlarms'> {
  if (!('rate' in flags)) return {}
  const falseAlarms =
    reference === 'mixed'
      ? mixFalseAlarms(flags.rate)
      : rateThreshold(new Float64Array(calibratedOn), flags.rate).falseAlarms
  return { falseAlarms }
}

/** What should be known beside an answer's numbers. */
export function notesOf({ reference, contamination }: DetectionReport, note: string | undefined): string[] {
  const notes = note === undefined ? [] : [note]
  if (reference === 'mixed') {
    const [low, high] = [contamination.low, contamination.high].map((part) => `${(100 * part).toFixed(1)} %`)
    notes.push(
      `the collection may hold strangers itself (about ${low} to ${high} seem strange), so no rate of false alarms can be promised; say "clean" as the reference if all of it is normal`,
    )
  }
  return notes
}
