import type {
  CollectionRecord,
  Correction,
  DetectionVersion,
  EncoderVersion,
  SpaceRecord,
} from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { IMAGE_ENCODERS, type ImageEncoderModel } from '../core/image-encoder.js'
import { LIMITS } from '../core/limits.js'
import { checkId } from '../core/names.js'
import type {
  AddReceipt,
  CollectionSummary,
  DetectOptions,
  DetectResult,
  DuplicateOptions,
  DuplicatePage,
  DuplicateSummary,
  Include,
  Item,
  ItemInput,
  OutlierAnswer,
  OutlierExplanation,
  OutlierOptions,
  SearchAnswer,
  SearchRequest,
} from '../core/types.js'
import { type AddOptions, addItems } from './add-items.js'
import { summarize } from './collection-summary.js'
import { correctItems } from './correct-items.js'
import { startDetect } from './detect-job.js'
import { checkDetect, findDetectSpace } from './detect-request.js'
import { checkDuplicates, readAllDuplicates, readDuplicates, startDuplicates } from './duplicates.js'
import { revertEncoder } from './encoder-versions.js'
import { type EngineContext, isImageSpace } from './engine-context.js'
import { explainOutlier } from './explain-outlier.js'
import {
  checkIndexed,
  countFacets,
  type FacetAnswer,
  type FacetOptions,
  readDeletion,
  readWhere,
} from './filters.js'
import { type FitResult, startFit } from './fit-job.js'
import { currentVersion } from './image-table.js'
import { findNovelties } from './novelties.js'
import { findOutliers } from './outliers.js'
import { throwIfAborted } from './pace.js'
import { type ItemChanges, patchItem, prepareChanges } from './patch-item.js'
import { unknownSpace } from './prepare-item.js'
import { prepareItems } from './prepare-items.js'
import { reconstructingSpace } from './reconstructing-space.js'
import { checkFields, checkInteger, invalid, isPlainObject, show } from './requests.js'
import { searchMany } from './search-many.js'
import { checkInclude } from './search-request.js'
import { answerWhole, checkWhole } from './shaped-search.js'
import { showItem } from './show-item.js'
import { Space } from './space.js'
import { checkTrain, type TrainOptions } from './train-request.js'

const DEFAULT_INCLUDE: readonly Include[] = ['metadata', 'text']
const ITEM_INCLUDE: readonly Include[] = ['metadata', 'text', 'anomaly']
const DEFAULT_PAGE = 100
/** How often a search begins anew because a space's encoder became another while it ran. */
const SEARCH_TRIES = 3
const VERSION_FIELDS: ReadonlySet<string> = new Set(['version'])
const GET_FIELDS: ReadonlySet<string> = new Set(['include'])
const LIST_FIELDS: ReadonlySet<string> = new Set(['limit', 'cursor', 'include', 'where'])
const REMOVE_FIELDS: ReadonlySet<string> = new Set(['where'])

/** Items under one name. Made by {@link Kindred.collection}; every method throws CLOSED after the engine's end. */
export class Collection {
  readonly name: string
  readonly #context: EngineContext

  /** For the engine alone. */
  constructor(context: EngineContext, name: string) {
    this.name = name
    this.#context = context
  }

  /**
   * Writes items; one that is there already is replaced whole. All or nothing: one that is refused refuses all.
   * Resolves after the commit. Texts that have not changed are not encoded again, items that have not changed are
   * not written.
   *
   * @param items must not be changed until it has resolved; afterwards nothing of them is held
   * @throws EngineError naming the item, with `details: { index, id, field }`
   */
  async add(items: readonly ItemInput[], options: AddOptions = {}): Promise<AddReceipt> {
    return this.#context.lifetime.write(async () => {
      const record = await this.#context.records.read(this.name)
      const prepared = await prepareItems(items, record, options.signal)
      const receipt = await addItems(this.#context, this.name, prepared, options)
      this.#changed(receipt.upserted)
      return receipt
    })
  }

  /**
   * Changes one item: what is named is replaced, metadata is merged (RFC 7396), null takes away, the rest stays.
   * Patches of one item at the same time all land.
   *
   * @throws EngineError ITEM_NOT_FOUND
   */
  async patch(id: string, changes: ItemChanges): Promise<void> {
    return this.#context.lifetime.write(async () => {
      checkId(id)
      const record = await this.#context.records.read(this.name)
      const prepared = await prepareChanges(this.#context, changes, record)
      await this.#context.queues.run(JSON.stringify([this.name, id]), () =>
        patchItem(this.#context, this.name, id, prepared),
      )
      this.#changed(1)
    })
  }

  /** @param options.include default: metadata, text and anomaly */
  async get(id: string, options: { include?: Include[] } = {}): Promise<Item | undefined> {
    this.#context.lifetime.check()
    checkId(id)
    const { include = ITEM_INCLUDE } = checkFields(options, GET_FIELDS, 'options')
    const fields = checkInclude(include)
    const stored = (await this.#context.backend.get(this.name, [id], fields)).get(id)
    return stored && showItem(stored, fields)
  }

  /**
   * A page of items in the order of their first writing, which is stable under writes.
   *
   * @param options.limit 1 to 1,000, default 100
   * @param options.cursor of the page before; the last page has none
   * @param options.include default: metadata and text
   * @param options.where only items that match
   */
  async list(
    options: { limit?: number; cursor?: string; include?: Include[]; where?: unknown } = {},
  ): Promise<{ items: Item[]; cursor?: string }> {
    this.#context.lifetime.check()
    const {
      limit = DEFAULT_PAGE,
      cursor,
      include = DEFAULT_INCLUDE,
      where,
    } = checkFields(options, LIST_FIELDS, 'options')
    if (cursor !== undefined && typeof cursor !== 'string') {
      throw invalid('cursor', `cursor must be a string from the page before, got ${show(cursor)}`)
    }
    const fields = checkInclude(include)
    const filter = readWhere(where, await this.#context.records.read(this.name))
    await this.#context.detections.judged(this.name, filter)
    const query = { limit: checkInteger(limit, 'limit', 1, LIMITS.pageItems), cursor, fields, where: filter }
    const page = await this.#context.backend.list(this.name, query)
    const items = page.items.map((item) => showItem(item, fields))
    return page.cursor === undefined ? { items } : { items, cursor: page.cursor }
  }

  /**
   * Removes items by their ids, or all that match a filter at one moment.
   *
   * @returns how many were there
   * @throws EngineError INVALID_FILTER, for an empty filter too
   */
  async remove(ids: readonly string[] | { where: unknown }): Promise<{ deleted: number }> {
    return this.#context.lifetime.write(async () => {
      if (isPlainObject(ids)) {
        const { where } = checkFields(ids, REMOVE_FIELDS, 'deletion')
        const filter = readDeletion(where, await this.#context.records.read(this.name))
        await this.#context.detections.judged(this.name, filter)
        const deleted = await this.#context.backend.removeWhere(this.name, filter)
        this.#changed(deleted)
        return { deleted }
      }
      if (!Array.isArray(ids)) throw invalid('ids', `ids must be an array of ids, got ${show(ids)}`)
      const distinct = [...new Set((ids as readonly unknown[]).map(checkId))]
      const removed = await this.#context.backend.remove(this.name, distinct)
      this.#changed(removed.length)
      return { deleted: removed.length }
    })
  }

  /**
   * The picture as it was given, with its media type; a rendition of at most 256 pixels a side where that is asked, or
   * where the file was not kept.
   */
  async image(
    id: string,
    options: { rendition?: boolean } = {},
  ): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    this.#context.lifetime.check()
    return this.#context.backend.image(this.name, checkId(id), options)
  }

  /**
   * The picture that an encoder makes of an item's, as a PNG.
   *
   * @param options.space default: the first of autoencoder, vae, pca that is there
   * @throws EngineError ITEM_NOT_FOUND, NOT_FOUND (it has no picture), SPACE_NOT_FOUND, INVALID_REQUEST
   */
  async reconstruction(id: string, options: { space?: string } = {}): Promise<Uint8Array> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    const space = reconstructingSpace(record, options.space)
    const image = await this.#context.backend.image(this.name, checkId(id), { rendition: true })
    if (!image) {
      const there = (await this.#context.backend.get(this.name, [id], {})).has(id)
      if (there) throw new EngineError('NOT_FOUND', `item ${JSON.stringify(id)} has no picture`)
      throw new EngineError('ITEM_NOT_FOUND', `there is no item ${JSON.stringify(id)} in "${this.name}"`)
    }
    return this.#context.fitted.use(this.name, space.name, currentVersion(space), (encoder) =>
      encoder.reconstruct(image.bytes),
    )
  }

  /**
   * Fits an encoder to the collection's pictures, as a job: it trains, encodes all pictures while searches go on, and
   * is then swapped in. Cancelled or failed, it leaves the collection as it was.
   *
   * @returns the job's id, and a promise of what came out
   * @throws EngineError INVALID_REQUEST, INVALID_NAME, CONFLICT where the space is being trained already; the promise:
   * TOO_FEW_IMAGES, TRAINING_DIVERGED, CANCELLED, NATIVE_ADDON_MISSING (tfjs-node)
   */
  async train(options: TrainOptions): Promise<{ job: string; finished: Promise<FitResult> }> {
    this.#context.lifetime.check()
    const request = checkTrain(options)
    const record = await this.#context.records.read(this.name)
    const space = record.spaces.find(({ name }) => name === request.space)
    if (space && !isImageSpace(space)) {
      throw new EngineError(
        'CONFLICT',
        `space "${request.space}" of collection "${this.name}" is not of images; choose another name with "space"`,
        { details: { field: 'space' } },
      )
    }
    const { id, finished } = startFit(this.#context, record, request)
    finished.catch(() => undefined)
    return { job: id, finished }
  }

  /**
   * Fits the detectors of a space to its items and judges all of them, as a job: see docs/outliers.md. What is added
   * later is judged as it comes, and the detectors are fitted again when the items have become others.
   *
   * @returns the job's id, and a promise of what came out
   * @throws EngineError INVALID_REQUEST, SPACE_NOT_FOUND, CONFLICT where they are being fitted; the promise: TOO_FEW_ITEMS, CANCELLED
   */
  async detect(options: DetectOptions = {}): Promise<{ job: string; finished: Promise<DetectResult> }> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    const { id, finished } = startDetect(this.#context, record, checkDetect(options, record))
    finished.catch(() => undefined)
    return { job: id, finished }
  }

  /**
   * The strangest items of a space, by the joint verdict of its detectors; they are fitted first where there are none.
   * With `against`, those of this collection that are strange beside another one.
   *
   * @throws EngineError SPACE_NOT_FOUND, INVALID_REQUEST, INVALID_FILTER, TOO_FEW_ITEMS
   */
  async outliers(options: OutlierOptions = {}): Promise<OutlierAnswer> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    if (isPlainObject(options) && options.against !== undefined)
      return findNovelties(this.#context, record, options)
    return findOutliers(this.#context, record, options)
  }

  /**
   * Why an item seems strange: which detectors object and how strongly, dimensions out of their range, its nearest normal
   * items, of a text the passage that stands out, of a picture where its reconstruction differs.
   *
   * @throws EngineError ITEM_NOT_FOUND, NOT_FOUND where the item was not judged in the space, SPACE_NOT_FOUND, TOO_FEW_ITEMS
   */
  async explain(id: string, options: { space?: string } = {}): Promise<OutlierExplanation> {
    this.#context.lifetime.check()
    return explainOutlier(this.#context, await this.#context.records.read(this.name), id, options)
  }

  /**
   * Keeps what people say of items: `fine` is never flagged, `strange` always, until the item's content changes; null takes
   * it back. The detectors learn from it when they are fitted again, which begins at once.
   *
   * @throws EngineError ITEM_NOT_FOUND naming the first id that is not there, before anything is kept
   */
  async correct(
    ids: string | readonly string[],
    verdict: 'fine' | 'strange' | null,
  ): Promise<{ corrected: number }> {
    return this.#context.lifetime.write(async () => {
      const corrected = await correctItems(this.#context, this.name, ids, verdict)
      this.#context.detections.changed(this.name)
      return { corrected }
    })
  }

  /** What people said of items, the latest first; at most 10,000. */
  async corrections(): Promise<Correction[]> {
    this.#context.lifetime.check()
    return this.#context.backend.corrections(this.name)
  }

  /** The detections that a space has had for its current encoder, newest first. */
  async detections(space?: string): Promise<DetectionVersion[]> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    const { name, version } = findDetectSpace(record, space)
    return version === 0 ? [] : this.#context.backend.detections(this.name, name)
  }

  /**
   * Looks for items that are the same, nearly the same, or similar, and waits for what is found: see docs/duplicates.md.
   * It runs as a job, and keeps its groups: {@link latestDuplicates} gives them again.
   *
   * @param options.signal cancels it
   * @throws EngineError INVALID_REQUEST, SPACE_NOT_FOUND, CONFLICT where a search is running already, CANCELLED
   */
  async duplicates(
    options: DuplicateOptions & { signal?: AbortSignal } = {},
  ): Promise<Omit<DuplicatePage, 'cursor'>> {
    const { signal, ...asked } = options
    throwIfAborted(signal)
    const { job, finished } = await this.startDuplicates(asked)
    const cancel = (): void => void this.#context.jobs.cancel(job).catch(() => undefined)
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
    try {
      await finished
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
    return readAllDuplicates(this.#context, this.name)
  }

  /**
   * As {@link duplicates}, without waiting.
   *
   * @returns the job's id, and a promise of how much was found
   */
  async startDuplicates(
    options: DuplicateOptions = {},
  ): Promise<{ job: string; finished: Promise<DuplicateSummary> }> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    const { id, finished } = startDuplicates(this.#context, record, checkDuplicates(options, record))
    finished.catch(() => undefined)
    return { job: id, finished }
  }

  /**
   * A page of what the latest search for duplicates found; items that were removed since are still named.
   *
   * @param options.limit groups, 1 to 1,000, default 100
   * @param options.cursor of the page before; refused after another search
   * @throws EngineError NOT_FOUND where there was no search yet
   */
  async latestDuplicates(options: { limit?: number; cursor?: string } = {}): Promise<DuplicatePage> {
    this.#context.lifetime.check()
    return readDuplicates(this.#context, this.name, options)
  }

  /** What encoders a space has had: the current one, the one before it, and one that is being filled; newest first. */
  async encoderVersions(space: string): Promise<EncoderVersion[]> {
    this.#context.lifetime.check()
    return this.#context.backend.encoderVersions(this.name, (await this.#findSpace(space)).name)
  }

  /**
   * Brings an earlier encoder of a space back, as a job: what was added since is encoded with it first.
   *
   * @param options.version default: the latest that was replaced
   */
  async revert(
    space: string,
    options: { version?: number } = {},
  ): Promise<{ job: string; finished: Promise<{ space: string; version: number }> }> {
    this.#context.lifetime.check()
    const found = await this.#findSpace(space)
    const { version } = checkFields(options, VERSION_FIELDS, 'options')
    const wanted = version === undefined ? undefined : checkInteger(version, 'version', 1, 2 ** 31)
    const { id, finished } = this.#context.jobs.start(
      { kind: 'revert', collection: this.name, unit: 'images' },
      async ({ signal, progress }) => {
        const onProgress = (done: number, total: number): void => progress({ done, total })
        const back = await revertEncoder(this.#context, this.name, found, wanted, { signal, onProgress })
        return { space: found.name, version: back }
      },
    )
    finished.catch(() => undefined)
    return { job: id, finished }
  }

  /**
   * A fitted encoder as it is stored: settings, report, and files such as `encoder.onnx` that any runtime can load.
   *
   * @param options.version default: the current one
   * @throws EngineError SPACE_NOT_FOUND, ENCODER_NOT_FOUND where the space has no fitted encoder of that version
   */
  async encoderModel(space: string, options: { version?: number } = {}): Promise<ImageEncoderModel> {
    this.#context.lifetime.check()
    const { name, version: current } = await this.#findSpace(space)
    const { version: asked } = checkFields(options, VERSION_FIELDS, 'options')
    const wanted = asked === undefined ? current : checkInteger(asked, 'version', 1, 2 ** 31)
    const versions = await this.#context.backend.encoderVersions(this.name, name)
    const version = versions.find((known) => known.version === wanted)
    const kind = IMAGE_ENCODERS.find((known) => known === version?.encoderName)
    if (!version || version.encoder === null || !kind) {
      const message = `space "${name}" has no fitted encoder of version ${wanted}`
      throw new EngineError('ENCODER_NOT_FOUND', message, { details: { space: name, version: wanted } })
    }
    const files = await this.#context.backend.encoderFiles(this.name, name, wanted)
    const { encoder: id, dim, unit, settings, report } = version
    return { kind, id, dim, unit, settings, files, report }
  }

  /**
   * Finds what is nearest; every write acknowledged before is seen. A text is searched by meaning and by its words
   * together unless `mode` says otherwise.
   *
   * @returns at most `k` items, or `k` groups of `groupSize`, the best first
   * @throws EngineError INVALID_REQUEST naming the field, ITEM_NOT_FOUND (a query by id), CANCELLED, …
   */
  async search(request: SearchRequest, options: { signal?: AbortSignal } = {}): Promise<SearchAnswer> {
    const call = { signal: options.signal, began: performance.now() }
    return this.#searching(async (record) =>
      answerWhole(this.#context, record, await checkWhole(request, record), call),
    )
  }

  /**
   * Answers several searches at once; one that is refused or fails refuses all.
   *
   * @param requests at most 100, whose `k` and `offset` are together at most 10,000
   * @returns an answer each, in their order
   * @throws EngineError as {@link search}, with `details.index`
   */
  async searchMany(
    requests: readonly SearchRequest[],
    options: { signal?: AbortSignal } = {},
  ): Promise<SearchAnswer[]> {
    const call = { signal: options.signal, began: performance.now() }
    return this.#searching((record) => searchMany(this.#context, record, requests, call))
  }

  /**
   * Counts the items that match, and the most frequent values of some metadata fields among them.
   *
   * @throws EngineError INVALID_REQUEST, INVALID_FILTER
   */
  async facets(options: FacetOptions = {}): Promise<FacetAnswer> {
    this.#context.lifetime.check()
    return countFacets(this.#context, await this.#context.records.read(this.name), options)
  }

  /** Sets which metadata fields, by their dotted names, filters are to find fast; others are read item by item. */
  async setIndexed(fields: readonly string[]): Promise<void> {
    return this.#context.lifetime.write(async () => {
      await this.#context.backend.setIndexed(this.name, checkIndexed(fields))
      this.#context.records.forget(this.name)
    })
  }

  async summary(): Promise<CollectionSummary> {
    this.#context.lifetime.check()
    return summarize(await this.#context.backend.stats(this.name))
  }

  /** Resolves when all that was written so far is in the indexes; searches see it before that as well. */
  async settled(): Promise<void> {
    this.#context.lifetime.check()
    await this.#context.backend.settled(this.name)
  }

  /** @throws EngineError SPACE_NOT_FOUND */
  async space(name: string): Promise<Space> {
    this.#context.lifetime.check()
    return new Space(this.#context, this.name, await this.#findSpace(name))
  }

  /** Searches, and begins anew where another version of an encoder was swapped in meanwhile; a user's vector of the former is refused again. */
  async #searching<T>(search: (record: CollectionRecord) => Promise<T>): Promise<T> {
    const { lifetime, records } = this.#context
    lifetime.check()
    for (let tries = 1; ; tries++) {
      const record = records.known(this.name) ?? (await records.read(this.name))
      try {
        return await search(record)
      } catch (error) {
        const swapped = error instanceof EngineError && error.code === 'ENCODER_MISMATCH'
        if (!swapped || tries === SEARCH_TRIES) throw error
        records.forget(this.name)
      }
    }
  }

  /** To be called after so many items were written or removed. */
  #changed(items: number): void {
    this.#context.calibrations.changed(this.name, items)
    if (items > 0) this.#context.detections.changed(this.name)
  }

  async #findSpace(name: string): Promise<SpaceRecord> {
    const record = await this.#context.records.read(this.name)
    const space = record.spaces.find((known) => known.name === String(name).normalize('NFC'))
    if (!space) throw unknownSpace(String(name), record, 'space')
    return space
  }
}
