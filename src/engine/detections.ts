import { DetectionThread } from '../anomaly/detection-thread.js'
import { DRIFT_WINDOW, findDrift, hasGrown } from '../anomaly/drift.js'
import type { CollectionRecord, DetectionRecord, SpaceRecord } from '../core/backend.js'
import { EngineError, type ErrorCode } from '../core/errors.js'
import { conditionsOf, type Filter } from '../core/filter.js'
import type { DetectOptions } from '../core/types.js'
import { startDetect } from './detect-job.js'
import { checkDetect } from './detect-request.js'
import {
  correctionsMark,
  type DetectionPlace,
  type DetectionService,
  readDetection,
  TRIMMED_FILE,
} from './detection-service.js'
import { columnNames, scoringSpaces } from './detection-source.js'
import type { EngineContext } from './engine-context.js'
import { judgeRest } from './judge-items.js'

/** Rounds of judging that are waited for: of 10,000 items each. */
const MOST_ROUNDS = 1_000
/** With what judging may fail that is no failure: the collection is gone, its encoder another, the engine closing. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'CLOSED',
  'COLLECTION_NOT_FOUND',
  'DETECTION_NOT_FOUND',
  'ENCODER_MISMATCH',
  'SPACE_NOT_FOUND',
])
/** Detections whose left-out ids are held. */
const HELD = 16
/** After how long a fit that failed is tried again. */
const RETRY_MS = 60_000

/** What goes on in one space that has a detection. */
interface Watched {
  /** Ends it. */
  ending: AbortController
  /** Items are being judged. */
  judging: Promise<void> | undefined
  /** Something was written since it began. */
  again: boolean
  /** P-values of items that came after the fit, the latest last. */
  recent: number[]
  /** Whether the last round left items for the next. */
  more: boolean
  /** What the last round failed with. */
  error: EngineError | undefined
  /** When a fit failed, by `performance.now()`. */
  failedAt: number
}

/**
 * Judges items as they are written, behind the writes, and has detectors fitted again, as a job, when the items have
 * become others than those that they were fitted to.
 */
export class Detections implements DetectionService {
  readonly thread = new DetectionThread()
  readonly #context: () => EngineContext
  /** By collection and space. */
  readonly #watched = new Map<string, Watched>()
  /** By the detection's key; those that were read first go first. */
  readonly #trimmed = new Map<string, Promise<ReadonlySet<string>>>()
  #closed = false

  constructor(context: () => EngineContext) {
    this.#context = context
  }

  changed(collection: string): void {
    const known = this.#context().records.known(collection)
    for (const space of known?.spaces ?? []) if (space.detection) this.#wake(collection, space.name)
  }

  restart(collection: string, space: string): void {
    const watched = this.#watched.get(keyOf(collection, space))
    if (watched) watched.recent = []
    this.#wake(collection, space)
  }

  async renew(before: CollectionRecord, changed: string): Promise<void> {
    const record = await this.#context().records.read(before.name)
    const own = before.spaces.find(({ name }) => name === changed)
    if (own?.detection) this.#refit(record, changed, own.detection)
    // those that ask the encoder find that it is another
    this.changed(before.name)
  }

  async caughtUp(collection: string, space: string): Promise<void> {
    const running = this.#watched.get(keyOf(collection, space))?.judging
    this.#wake(collection, space)
    // a round that had begun may have passed over what was written meanwhile
    await running
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const watched = this.#watched.get(keyOf(collection, space))
      await watched?.judging
      if (watched?.error) throw watched.error
      if (!watched?.more) return
    }
  }

  async judged(collection: string, filter: Filter | undefined): Promise<void> {
    if (!filter) return
    const spaces = conditionsOf(filter).flatMap(({ field }) =>
      field.kind === 'anomaly' && field.detector === 'verdict' ? [field.space] : [],
    )
    for (const space of new Set(spaces)) await this.caughtUp(collection, space)
  }

  async forget(collection: string): Promise<void> {
    const prefix = `${JSON.stringify(collection)} `
    for (const key of this.#trimmed.keys()) if (key.startsWith(prefix)) this.#trimmed.delete(key)
    for (const [key, watched] of this.#watched) {
      if (!key.startsWith(prefix)) continue
      this.#watched.delete(key)
      watched.ending.abort()
      await watched.judging
    }
  }

  async place(collection: string, space: SpaceRecord, detection: DetectionRecord): Promise<DetectionPlace> {
    const { version, createdAt } = detection
    const key = `${keyOf(collection, space.name)} ${space.version} ${version} ${createdAt}`
    let trimmed = this.#trimmed.get(key)
    if (!trimmed) {
      trimmed = this.#readTrimmed(collection, space.name, version)
      this.#trimmed.set(key, trimmed)
      trimmed.catch(() => this.#trimmed.delete(key))
      for (const old of [...this.#trimmed.keys()].slice(0, -HELD)) this.#trimmed.delete(old)
    }
    const { settings } = readDetection(detection)
    const files = () => this.#context().backend.detectionFiles(collection, space.name, version)
    return { collection, space, version, settings, trimmed: await trimmed, key, files }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { ending } of this.#watched.values()) ending.abort()
    await Promise.all([...this.#watched.values()].map(({ judging }) => judging))
    await this.thread.close()
  }

  #wake(collection: string, space: string): void {
    if (this.#closed) return
    const key = keyOf(collection, space)
    const watched = this.#watched.get(key) ?? newlyWatched()
    this.#watched.set(key, watched)
    if (watched.judging) {
      watched.again = true
      return
    }
    watched.judging = this.#judge(collection, space, watched)
      .catch((error: unknown) => {
        const failure =
          error instanceof EngineError ? error : new EngineError('INTERNAL', String(error), { cause: error })
        if (!PASSING.has(failure.code)) watched.error = failure
      })
      .finally(() => {
        watched.judging = undefined
        if (!watched.again || watched.ending.signal.aborted) return
        watched.again = false
        this.#wake(collection, space)
      })
  }

  async #judge(collection: string, name: string, watched: Watched): Promise<void> {
    const context = this.#context()
    const record = await context.records.read(collection)
    const space = record.spaces.find((known) => known.name === name)
    if (!space?.detection) return
    const place = await this.place(collection, space, space.detection)
    const { pValues, more } = await judgeRest(context, record, place, { signal: watched.ending.signal })
    watched.more = more
    watched.error = undefined
    if (more) watched.again = true
    watched.recent = [...watched.recent, ...pValues].slice(-DRIFT_WINDOW)
    await this.#refitWhenDue(record, space, space.detection, watched)
  }

  async #refitWhenDue(
    record: CollectionRecord,
    space: SpaceRecord,
    detection: DetectionRecord,
    watched: Watched,
  ): Promise<void> {
    const context = this.#context()
    const corrections = correctionsMark(await context.backend.corrections(record.name))
    const items = await context.backend.count(record.name)
    const columns = columnNames(scoringSpaces(record, space))
    const { settings, report } = readDetection(detection)
    const others =
      corrections !== settings.corrections ||
      JSON.stringify(columns) !== JSON.stringify(settings.columns) ||
      hasGrown({ fittedTo: settings.items, items }) ||
      findDrift(watched.recent, report)?.drifted
    if (!others) return
    if (performance.now() - watched.failedAt < RETRY_MS) return
    this.#refit(record, space.name, detection, () => {
      watched.failedAt = performance.now()
    })
  }

  /** Fits the detectors of a space again as they were fitted, unless that is being done. */
  #refit(
    record: CollectionRecord,
    space: string,
    detection: DetectionRecord,
    failed: () => void = () => undefined,
  ): void {
    const { reference, flags, where, seed } = readDetection(detection).settings
    const options: DetectOptions = {
      space,
      reference,
      seed,
      ...flags,
      ...(where === undefined ? {} : { where }),
    }
    try {
      // the job tells of its failure
      startDetect(this.#context(), record, checkDetect(options, record), 'redetect').finished.catch(failed)
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'CONFLICT') throw error
    }
  }

  async #readTrimmed(collection: string, space: string, version: number): Promise<ReadonlySet<string>> {
    const files = await this.#context().backend.detectionFiles(collection, space, version)
    const bytes = files[TRIMMED_FILE]
    return new Set(bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as string[]) : [])
  }
}

function newlyWatched(): Watched {
  return {
    ...{ ending: new AbortController(), judging: undefined, again: false },
    ...{ recent: [], more: false, error: undefined, failedAt: -RETRY_MS },
  }
}

function keyOf(collection: string, space: string): string {
  return `${JSON.stringify(collection)} ${JSON.stringify(space)}`
}
