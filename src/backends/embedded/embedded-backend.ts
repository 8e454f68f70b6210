import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type {
  Backend,
  CollectionRecord,
  CollectionStats,
  Correction,
  CorrectionChange,
  DetectionVersion,
  EncoderVersion,
  FacetQuery,
  Facets,
  Fingerprint,
  Hit,
  ItemContent,
  ItemFields,
  ItemStamp,
  ItemWrite,
  JudgedItem,
  KeywordHit,
  KeywordMatchQuery,
  KeywordSearchQuery,
  ListQuery,
  NearestAnswer,
  NearestQuery,
  NewDetection,
  NewEncoderVersion,
  SpaceRecord,
  StoredAnomaly,
  StoredImage,
  StoredItem,
  UnjudgedItem,
  VectorBatch,
} from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Filter } from '../../core/filter.js'
import type { Job, JobBoard } from '../../core/jobs.js'
import type { KeywordMatch } from '../../core/keyword-query.js'
import { seededRandom } from '../../core/random.js'
import { ScanPool } from '../../indexes/scan-pool.js'
import type { ItemHit } from '../../indexes/scan-table.js'
import type { StrangestQuery } from './anomaly-reader.js'
import { checkQuery, checkWrites } from './check-vectors.js'
import { type CollectionKeys, currentVersions, findCurrent, findVersion, noSpace } from './collection-keys.js'
import { Collections } from './collections.js'
import { DetectionVersions } from './detection-versions.js'
import { EncoderVersions } from './encoder-versions.js'
import type { FoundItems } from './filter-cache.js'
import type { FilterQuestion } from './filter-messages.js'
import { FilterThread } from './filter-thread.js'
import { FilteredReads, toQuestion } from './filtered-reads.js'
import { type Home, takeHome } from './home.js'
import type { ItemSlots } from './item-slots.js'
import { QueryThread } from './query-thread.js'
import { Reader } from './reader.js'
import type { ReportPage } from './report-reader.js'
import { sampleRows } from './sample-rows.js'
import type { FillRows } from './slice-writes.js'
import type { SpaceVectors } from './space-vectors.js'
import type { RemoveAnswer } from './write-messages.js'
import { Writer } from './writer.js'

/** Each thread that scans holds some memory of its own. */
const MOST_SCAN_THREADS = 4
/** How often a search begins anew because what it found was removed while it ran. */
const SEARCH_TRIES = 5
/** After how many changed items it is seen whether a keyword index is worn. */
const CHANGES_BETWEEN_PURGES = 5_000
/** After how long without a turn of the event loop a search gives it one. */
const MS_WITHOUT_TURN = 5

/** Collections in one folder: SQLite is the truth, vectors and HNSW indexes in memory and beside it are caches. */
export class EmbeddedBackend implements Backend {
  readonly kind = 'embedded'
  readonly #home: Home
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #queries: QueryThread
  readonly #scans: ScanPool
  readonly #filters: FilterThread
  readonly #filtered: FilteredReads
  readonly #collections: Collections
  readonly #encoders: EncoderVersions
  readonly #detections: DetectionVersions
  /** Writes that were called and have not ended; closing waits for them. */
  readonly #begun = new Set<Promise<unknown>>()
  #lastTurn = performance.now()
  #changedItems = 0
  #closing: Promise<void> | undefined

  private constructor(parts: {
    home: Home
    writer: Writer
    reader: Reader
    queries: QueryThread
    scans: ScanPool
    filters: FilterThread
    collections: Collections
  }) {
    this.#home = parts.home
    this.#writer = parts.writer
    this.#reader = parts.reader
    this.#queries = parts.queries
    this.#scans = parts.scans
    this.#collections = parts.collections
    const { writer, collections, reader, filters } = parts
    this.#filters = filters
    this.#filtered = new FilteredReads({ thread: filters, collections })
    this.#encoders = new EncoderVersions({ writer, collections, reader: reader.encoders })
    this.#detections = new DetectionVersions({ writer, collections, reader: reader.detections })
  }

  /**
   * Opens a home, making it if it is missing. Encoder versions that another process left half filled are dropped.
   *
   * @param options.jobs where index builds are announced
   * @throws EngineError HOME_LOCKED, HOME_NOT_WRITABLE, DATABASE_TOO_NEW, DATABASE_CORRUPT, NATIVE_ADDON_MISSING
   */
  static async open(options: { home: string; jobs: JobBoard }): Promise<EmbeddedBackend> {
    const home = takeHome(options.home)
    try {
      const { writer, epoch } = await Writer.open(home.databasePath)
      const reader = new Reader(home.databasePath)
      const scans = new ScanPool({ threads: Math.min(MOST_SCAN_THREADS, availableParallelism()) })
      const filters = new FilterThread(home.databasePath)
      const host = { home, epoch, scans, jobs: options.jobs, writer, filters }
      const collections = new Collections(host, reader.encoders)
      const queries = new QueryThread(home.databasePath)
      const backend = new EmbeddedBackend({ home, writer, reader, queries, scans, filters, collections })
      await collections.removeFiles()
      backend.#encoders.purge()
      return backend
    } catch (error) {
      home.release()
      throw error
    }
  }

  async listCollections(): Promise<CollectionRecord[]> {
    this.#checkOpen()
    return this.#collections.all().map((keys) => this.#record(keys))
  }

  async getCollection(name: string): Promise<CollectionRecord | undefined> {
    this.#checkOpen()
    const keys = this.#collections.get(name)
    return keys && this.#record(keys)
  }

  createCollection(record: CollectionRecord): Promise<void> {
    return this.#begin(() =>
      this.#writer.exclusively(async () => {
        await this.#writer.createCollection(record)
        this.#collections.refresh()
      }),
    )
  }

  deleteCollection(name: string): Promise<boolean> {
    return this.#begin(async () => {
      const keys = this.#collections.get(name)
      if (!keys) return false
      await this.#collections.close(keys)
      const deleted = await this.#writer.exclusively(() => this.#writer.deleteCollection(name))
      this.#reader.recent.forget(keys.key)
      this.#collections.refresh()
      await this.#collections.removeFiles()
      this.#encoders.purge()
      return deleted
    })
  }

  async stats(collection: string): Promise<CollectionStats> {
    const keys = this.#keys(collection)
    const items = this.#reader.encoders.items(keys)
    const record = this.#record(keys)
    const vectors: CollectionStats['vectors'] = {}
    for (const version of currentVersions(keys)) {
      const live = this.#reader.encoders.vectors(version.encoderKey)
      vectors[version.space] = { live, indexed: await this.#collections.indexed(keys, version, live) }
    }
    return { ...record, items, vectors }
  }

  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void> {
    return this.#begin(async () => {
      const found = this.#keys(collection)
      if (writes.length === 0) return
      const open = await this.#collections.open(found)
      await this.#writer.exclusively(async () => {
        // an encoder may have become another since the vectors were made
        const keys = this.#collections.now(found)
        await checkWrites(keys, writes)
        const changes = await this.#reader.recent.during(
          keys.key,
          () => this.#writer.upsert(keys, writes),
          () => writes.map(({ id }) => id),
        )
        await open.vectors.applyUpsert(keys, writes, changes)
      })
      open.changed()
      this.#countChanges(writes.length)
    })
  }

  async remove(collection: string, ids: readonly string[]): Promise<string[]> {
    return this.#remove(this.#keys(collection), ({ key }) => this.#writer.remove(key, ids))
  }

  async removeWhere(collection: string, where: Filter): Promise<number> {
    const found = this.#keys(collection)
    // what takes long is done before the writer's turn, which then asks only for what was written meanwhile
    const { filters } = await this.#collections.open(found)
    await filters.find(toQuestion(found, where))
    const removed = await this.#remove(found, async (keys) => {
      const question = toQuestion(keys, where)
      return this.#writer.removeWhere(keys.key, { question, ...(await filters.keys(question)) })
    })
    return removed.length
  }

  setIndexed(collection: string, fields: readonly string[]): Promise<void> {
    return this.#begin(async () => {
      const keys = this.#keys(collection)
      await this.#writer.exclusively(async () => {
        this.#collections.now(keys)
        await this.#writer.setIndexed(keys.key, fields)
        this.#collections.refresh()
      })
      const open = this.#collections.opened(keys)
      if (!open) return
      open.filters.indexed = fields
      open.filters.prepare()
    })
  }

  async stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>> {
    return this.#reader.items.stamps(this.#keys(collection), ids)
  }

  async get(
    collection: string,
    ids: readonly string[],
    fields: ItemFields,
  ): Promise<Map<string, StoredItem>> {
    return this.#reader.items.get(this.#keys(collection), ids, fields)
  }

  async list(collection: string, query: ListQuery): Promise<{ items: StoredItem[]; cursor?: string }> {
    const keys = this.#keys(collection)
    const { where } = query
    return where ? this.#filtered.list(keys, { ...query, where }) : this.#reader.items.list(keys, query)
  }

  async count(collection: string, where?: Filter): Promise<number> {
    const keys = this.#keys(collection)
    return where ? this.#filtered.count(keys, where) : this.#reader.encoders.items(keys)
  }

  async facets(collection: string, query: FacetQuery): Promise<Facets> {
    return this.#filtered.facets(this.#keys(collection), query)
  }

  async image(
    collection: string,
    id: string,
    options: { rendition?: boolean } = {},
  ): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    return this.#reader.images.image(this.#keys(collection), id, options)
  }

  async images(
    collection: string,
    options: { limit: number; cursor?: string; lacking?: { space: string; version: number } },
  ): Promise<{ images: StoredImage[]; cursor?: string }> {
    const keys = this.#keys(collection)
    const { limit, cursor, lacking } = options
    const lackingEncoder = lacking && findVersion(keys, lacking.space, lacking.version).encoderKey
    return this.#reader.images.images(keys, { limit, cursor, lackingEncoder }, () => this.#checkOpen())
  }

  async countImages(collection: string): Promise<number> {
    return this.#reader.images.count(this.#keys(collection))
  }

  stageEncoder(collection: string, space: string, version: NewEncoderVersion): Promise<number> {
    return this.#begin(() => this.#encoders.stage(this.#keys(collection), space, version))
  }

  fill(collection: string, space: string, version: number, rows: FillRows): Promise<number> {
    return this.#begin(() => this.#encoders.fill(this.#keys(collection), space, version, rows))
  }

  promoteEncoder(collection: string, space: string, version: number): Promise<boolean> {
    return this.#begin(() => this.#encoders.promote(this.#keys(collection), space, version))
  }

  dropEncoder(collection: string, space: string, version: number): Promise<void> {
    return this.#begin(() => this.#encoders.drop(this.#keys(collection), space, version))
  }

  async encoderVersions(collection: string, space: string): Promise<EncoderVersion[]> {
    return this.#encoders.list(this.#keys(collection), space)
  }

  async encoderFiles(
    collection: string,
    space: string,
    version: number,
  ): Promise<Record<string, Uint8Array>> {
    return this.#encoders.files(this.#keys(collection), space, version)
  }

  async strangest(
    collection: string,
    space: string,
    query: StrangestQuery,
  ): Promise<(StoredAnomaly & { id: string })[]> {
    const keys = this.#keys(collection)
    const { where } = query
    if (where) return this.#filtered.strangest(keys, space, { ...query, where })
    return this.#reader.anomalies.strangest(findCurrent(keys, space), query)
  }

  async countAnomalies(
    collection: string,
    space: string,
    detector: string,
    upTo?: number,
  ): Promise<{ scored: number; flagged: number }> {
    return this.#reader.anomalies.count(findCurrent(this.#keys(collection), space), detector, upTo)
  }

  stageDetection(
    collection: string,
    space: string,
    encoder: number,
    detection: NewDetection,
  ): Promise<number> {
    return this.#begin(() => this.#detections.stage(this.#keys(collection), space, encoder, detection))
  }

  async unjudged(
    collection: string,
    space: string,
    version: number,
    { limit }: { limit: number },
  ): Promise<UnjudgedItem[]> {
    return this.#detections.unjudged(this.#keys(collection), space, version, limit)
  }

  judge(collection: string, space: string, version: number, rows: readonly JudgedItem[]): Promise<void> {
    return this.#begin(() => this.#detections.judge(this.#keys(collection), space, version, rows))
  }

  async promoteDetection(collection: string, space: string, version: number): Promise<boolean> {
    const promoted = await this.#begin(() => this.#detections.promote(this.#keys(collection), space, version))
    this.#encoders.purge()
    return promoted
  }

  async dropDetection(collection: string, space: string, version: number): Promise<void> {
    await this.#begin(() => this.#detections.drop(this.#keys(collection), space, version))
    this.#encoders.purge()
  }

  async detections(collection: string, space: string): Promise<DetectionVersion[]> {
    return this.#detections.list(this.#keys(collection), space)
  }

  async detectionFiles(
    collection: string,
    space: string,
    version: number,
  ): Promise<Record<string, Uint8Array>> {
    return this.#detections.files(this.#keys(collection), space, version)
  }

  async pValues(collection: string, space: string): Promise<Float64Array> {
    return this.#detections.pValues(this.#keys(collection), space)
  }

  correct(collection: string, rows: readonly CorrectionChange[]): Promise<string[]> {
    return this.#begin(() => this.#detections.correct(this.#keys(collection), rows))
  }

  async corrections(collection: string): Promise<Correction[]> {
    return this.#detections.corrections(this.#keys(collection))
  }

  async contents(
    collection: string,
    options: { limit: number; cursor?: string; kinds: readonly string[]; where?: Filter | undefined },
  ): Promise<{ items: ItemContent[]; cursor?: string }> {
    const keys = this.#keys(collection)
    const { where, kinds, limit, cursor } = options
    if (!where) return this.#reader.contents.page(keys, options)
    const { items, ...next } = await this.#filtered.list(keys, { limit, cursor, where, fields: {} })
    this.#checkOpen()
    const ids = items.map(({ id }) => id)
    return { items: this.#reader.contents.of(keys, ids, kinds), ...next }
  }

  keepFingerprints(
    collection: string,
    kind: string,
    rows: readonly ({ id: string } & Fingerprint)[],
  ): Promise<void> {
    return this.#begin(() => {
      const { key } = this.#keys(collection)
      return this.#writer.exclusively(() => this.#writer.keepFingerprints(key, kind, rows))
    })
  }

  keepReport(
    collection: string,
    name: string,
    report: { head: Record<string, unknown>; rows: readonly string[] },
  ): Promise<void> {
    return this.#begin(() => this.#writer.keepReport(this.#keys(collection).key, name, report))
  }

  async report(
    collection: string,
    name: string,
    options: { limit: number; cursor?: string },
  ): Promise<ReportPage | undefined> {
    return this.#reader.reports.page(this.#keys(collection), name, options)
  }

  recordJob(job: Job): Promise<void> {
    return this.#begin(() => this.#writer.exclusively(() => this.#writer.recordJob(job)))
  }

  async recordedJobs(): Promise<Job[]> {
    this.#checkOpen()
    return this.#reader.jobs()
  }

  async nearest(collection: string, query: NearestQuery): Promise<NearestAnswer> {
    const keys = this.#keys(collection)
    findCurrent(keys, query.space)
    const { vectors, filters } = this.#collections.opened(keys) ?? (await this.#collections.open(keys))
    const space = vectors.space(query.space) ?? noSpace(keys, query.space)
    checkQuery(space.keys, query)
    const exclude = new Set<number>()
    for (const id of query.exclude ?? []) {
      const slot = vectors.slots.slotOf(id)
      if (slot !== undefined) exclude.add(slot)
    }
    const { metric, k, ef, targetRecall, signal } = query
    const question = query.where && toQuestion(keys, query.where)
    const search = {
      vectors: query.vectors,
      metric,
      k,
      exact: query.exact ?? false,
      ef,
      targetRecall,
      exclude,
      signal,
    }
    const held = vectors.hold(space)
    try {
      if (performance.now() - this.#lastTurn >= MS_WITHOUT_TURN) await this.#breathe()
      for (let tries = 1; ; tries++) {
        const found = question && (await filters.find(question, signal))
        const answer = await space.search(found ? { ...search, found } : search)
        const { hits } = answer
        let live = hits.every(({ label }) => isLive(space, label))
          ? hits
          : hits.filter(({ label }) => isLive(space, label))
        if (question && found) live = this.#stillMatching(keys, vectors.slots, live, { question, found })
        if (live.length < hits.length && tries < SEARCH_TRIES) continue
        return { ...answer, hits: this.#named(space, vectors.slots, live, query.borders ?? true) }
      }
    } finally {
      held.release()
    }
  }

  async keyword(collection: string, { query, k, where }: KeywordSearchQuery): Promise<KeywordHit[]> {
    const keys = this.#keys(collection)
    const question = where && toQuestion(keys, where)
    const matching = question && { question, ...(await this.#filtered.matching(keys, question)) }
    return this.#queries.ask<'keyword'>({ op: 'keyword', collection: keys.key, query, k, matching })
  }

  async keywordMatches(
    collection: string,
    { query, items }: KeywordMatchQuery,
  ): Promise<Map<string, KeywordMatch>> {
    const { key } = this.#keys(collection)
    return new Map(
      await this.#queries.ask<'match'>({ op: 'match', collection: key, query, items: [...items] }),
    )
  }

  async sample(
    collection: string,
    space: string,
    { count, seed }: { count: number; seed: number },
  ): Promise<VectorBatch> {
    const keys = this.#keys(collection)
    findCurrent(keys, space)
    const { vectors } = await this.#collections.open(keys)
    this.#checkOpen()
    const { table } = vectors.space(space) ?? noSpace(keys, space)
    const rows = sampleRows(table, count, seededRandom(seed))
    const values = new Float32Array(rows.length * table.dim)
    for (const [i, row] of rows.entries()) values.set(table.vector(row), i * table.dim)
    return { ids: rows.map((row) => vectors.slots.idOf(table.itemAt(row))), vectors: values }
  }

  async *scan(
    collection: string,
    space: string,
    options: { batch?: number } = {},
  ): AsyncIterable<VectorBatch> {
    const keys = this.#keys(collection)
    findCurrent(keys, space)
    const { vectors } = await this.#collections.open(keys)
    const { table } = vectors.space(space) ?? noSpace(keys, space)
    const rows: number[] = []
    const ids: string[] = []
    for (let row = 0; row < table.rows; row++) {
      if (!table.isLive(row)) continue
      rows.push(row)
      ids.push(vectors.slots.idOf(table.itemAt(row)))
    }
    const batch = options.batch ?? 1_000
    for (let from = 0; from < rows.length; from += batch) {
      this.#checkOpen()
      const part = rows.slice(from, from + batch)
      const values = new Float32Array(part.length * table.dim)
      for (const [i, row] of part.entries()) values.set(table.vector(row), i * table.dim)
      yield { ids: ids.slice(from, from + batch), vectors: values }
    }
  }

  async settled(collection: string): Promise<void> {
    const open = await this.#collections.open(this.#keys(collection))
    await open.settle()
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async #shutDown(): Promise<void> {
    await Promise.allSettled(this.#begun)
    await this.#collections.closeAll()
    await this.#encoders.close()
    await this.#writer.close()
    await this.#scans.close()
    await this.#queries.close()
    await this.#filters.close()
    this.#reader.close()
    this.#home.release()
  }

  #record(keys: CollectionKeys): CollectionRecord {
    const spaces = keys.spaces.flatMap(({ name, input, versions, current }): SpaceRecord[] => {
      if (!current) return []
      const { encoder, encoderName, dim, metrics, unit, version, settings } = current
      const staged = versions.find(({ state }) => state === 'staged')
      const detection = this.#detections.record(current)
      return [
        {
          ...{ name, encoder, encoderName, dim, metrics: [...metrics], unit, input, version },
          ...(settings ? { settings: structuredClone(settings) } : {}),
          ...(staged ? { staged: this.#reader.encoders.version(staged) } : {}),
          ...(detection ? { detection } : {}),
        },
      ]
    })
    const { name, keywords, indexed } = keys
    return {
      ...{ name, spaces },
      ...(keywords.length > 0 ? { keywords: [...keywords] } : {}),
      ...(indexed.length > 0 ? { indexed: [...indexed] } : {}),
    }
  }

  #remove(found: CollectionKeys, write: (now: CollectionKeys) => Promise<RemoveAnswer>): Promise<string[]> {
    return this.#begin(async () => {
      const open = await this.#collections.open(found)
      const removed = await this.#writer.exclusively(async () => {
        const now = this.#collections.now(found)
        const changes = await this.#reader.recent.during(
          now.key,
          () => write(now),
          ({ ids }) => ids,
        )
        open.vectors.applyRemove(changes.ids, changes)
        return changes.ids
      })
      open.changed()
      this.#countChanges(removed.length)
      return removed
    })
  }

  /** Leaves out what was written since the filter was looked up and does not match any more. */
  #stillMatching(
    keys: CollectionKeys,
    slots: ItemSlots,
    hits: ItemHit[],
    { question, found }: { question: FilterQuestion; found: FoundItems },
  ): ItemHit[] {
    const { version } = found.matching
    if (version === slots.version) return hits
    const touched = slots.touchedSince(version)
    const doubtful = touched ? hits.filter(({ item }) => touched.has(item)) : hits
    if (doubtful.length === 0) return hits
    const ids = this.#reader.items.matching(
      keys,
      doubtful.map(({ item }) => slots.idOf(item)),
      question,
    )
    return hits.filter((hit) => !doubtful.includes(hit) || ids.has(slots.idOf(hit.item)))
  }

  #named({ keys }: SpaceVectors, slots: ItemSlots, found: readonly ItemHit[], borders: boolean): Hit[] {
    if (keys.encoder === null || !borders) {
      return found.map(({ item, distance }) => ({ id: slots.idOf(item), distance, start: 0, end: 0 }))
    }
    const known = this.#reader.items.borders(found.map(({ label }) => label))
    return found.map(({ item, label, distance }) => {
      return { id: slots.idOf(item), distance, ...(known.get(label) ?? { start: 0, end: 0, revision: 0 }) }
    })
  }

  async #begin<T>(write: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const begun = write()
    this.#begun.add(begun)
    try {
      return await begun
    } finally {
      this.#begun.delete(begun)
    }
  }

  #countChanges(items: number): void {
    this.#changedItems += items
    if (this.#changedItems < CHANGES_BETWEEN_PURGES) return
    this.#changedItems = 0
    this.#encoders.purge()
  }

  /** Searches answered one after the other must not keep everything else from its turn. */
  async #breathe(): Promise<void> {
    await nextTurn()
    this.#lastTurn = performance.now()
  }

  #checkOpen(): void {
    if (this.#closing) throw new EngineError('CLOSED', 'the engine is closed')
  }

  #keys(collection: string): CollectionKeys {
    this.#checkOpen()
    return this.#collections.find(collection)
  }
}

function isLive(space: SpaceVectors, label: number): boolean {
  const row = space.table.rowOf(label)
  return row >= 0 && space.table.isLive(row)
}
