import { setImmediate as nextTurn } from 'node:timers/promises'
import type {
  Backend,
  CollectionRecord,
  CollectionStats,
  Hit,
  ItemFields,
  ItemStamp,
  ItemWrite,
  ListQuery,
  NearestAnswer,
  NearestQuery,
  StoredItem,
  VectorBatch,
} from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { JobBoard } from '../../core/jobs.js'
import type { Metric } from '../../core/metrics.js'
import { ScanPool } from '../../indexes/scan-pool.js'
import { type Home, takeHome } from './home.js'
import { removeFiles, savedCount } from './index-manifest.js'
import { OpenCollection } from './open-collection.js'
import { INDEX_FROM } from './plan-build.js'
import { Reader } from './reader.js'
import { indexMetrics, type SpaceVectors } from './space-vectors.js'
import type { CollectionKeys, SpaceKeys } from './write-messages.js'
import { Writer } from './writer.js'

/** How often a search begins anew because what it found was removed while it ran. */
const SEARCH_TRIES = 5
/** After how long without a turn of the event loop a search gives it one. */
const MS_WITHOUT_TURN = 5

/** Collections in one folder: SQLite is the truth, vectors and HNSW indexes in memory and beside it are caches. */
export class EmbeddedBackend implements Backend {
  readonly kind = 'embedded'
  readonly #home: Home
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #jobs: JobBoard
  readonly #scans = new ScanPool()
  readonly #epoch: string
  readonly #collections = new Map<string, CollectionKeys>()
  readonly #open = new Map<number, Promise<OpenCollection>>()
  /** Writes that were called and have not ended; closing waits for them. */
  readonly #begun = new Set<Promise<unknown>>()
  #lastTurn = performance.now()
  #closing: Promise<void> | undefined

  private constructor(parts: { home: Home; writer: Writer; reader: Reader; jobs: JobBoard; epoch: string }) {
    this.#home = parts.home
    this.#writer = parts.writer
    this.#reader = parts.reader
    this.#jobs = parts.jobs
    this.#epoch = parts.epoch
  }

  /**
   * Opens a home, making it if it is missing.
   *
   * @param options.jobs where index builds are announced
   * @throws EngineError HOME_LOCKED, HOME_NOT_WRITABLE, DATABASE_TOO_NEW, DATABASE_CORRUPT, NATIVE_ADDON_MISSING
   */
  static async open(options: { home: string; jobs: JobBoard }): Promise<EmbeddedBackend> {
    const home = takeHome(options.home)
    try {
      const { writer, epoch } = await Writer.open(home.databasePath)
      const reader = new Reader(home.databasePath)
      const backend = new EmbeddedBackend({ home, writer, reader, jobs: options.jobs, epoch })
      await backend.#readCollections()
      return backend
    } catch (error) {
      home.release()
      throw error
    }
  }

  async listCollections(): Promise<CollectionRecord[]> {
    this.#checkOpen()
    return [...this.#collections.values()].map(toRecord)
  }

  async getCollection(name: string): Promise<CollectionRecord | undefined> {
    this.#checkOpen()
    const keys = this.#collections.get(name)
    return keys && toRecord(keys)
  }

  createCollection(record: CollectionRecord): Promise<void> {
    return this.#begin(() =>
      this.#writer.exclusively(async () => {
        await this.#writer.createCollection(record)
        await this.#readCollections()
      }),
    )
  }

  deleteCollection(name: string): Promise<boolean> {
    return this.#begin(() => this.#delete(name))
  }

  async #delete(name: string): Promise<boolean> {
    const keys = this.#collections.get(name)
    if (!keys) return false
    // from here on nothing new begins; what waits finds the collection gone
    this.#collections.delete(name)
    const open = this.#open.get(keys.key)
    this.#open.delete(keys.key)
    await (await open?.catch(() => undefined))?.close()
    return this.#writer.exclusively(async () => {
      try {
        return await this.#writer.deleteCollection(name)
      } finally {
        await this.#readCollections()
      }
    })
  }

  async stats(collection: string): Promise<CollectionStats> {
    const keys = this.#keys(collection)
    const { items, vectors } = this.#reader.counts(keys)
    const open = await this.#open.get(keys.key)
    const counts: CollectionStats['vectors'] = {}
    for (const space of keys.spaces) {
      const live = vectors.get(space.encoderKey) ?? 0
      const indexed = open?.vectors.space(space.name)?.indexed ?? (await this.#cached(space, live))
      counts[space.name] = { live, indexed }
    }
    return { ...toRecord(keys), items, vectors: counts }
  }

  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void> {
    return this.#begin(async () => {
      const keys = this.#keys(collection)
      checkVectors(keys, writes)
      if (writes.length === 0) return
      const open = await this.#opened(keys)
      await this.#writer.exclusively(async () => {
        this.#checkCurrent(keys)
        const changes = await this.#writer.upsert(keys, writes)
        await open.vectors.applyUpsert(keys, writes, changes)
      })
      open.changed()
    })
  }

  remove(collection: string, ids: readonly string[]): Promise<string[]> {
    return this.#begin(async () => {
      const keys = this.#keys(collection)
      const open = await this.#opened(keys)
      const removed = await this.#writer.exclusively(async () => {
        this.#checkCurrent(keys)
        const changes = await this.#writer.remove(keys.key, ids)
        open.vectors.applyRemove(changes.ids, changes)
        return changes.ids
      })
      open.changed()
      return removed
    })
  }

  async stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>> {
    return this.#reader.stamps(this.#keys(collection), ids)
  }

  async get(
    collection: string,
    ids: readonly string[],
    fields: ItemFields,
  ): Promise<Map<string, StoredItem>> {
    return this.#reader.get(this.#keys(collection), ids, fields)
  }

  async list(collection: string, query: ListQuery): Promise<{ items: StoredItem[]; cursor?: string }> {
    return this.#reader.list(this.#keys(collection), query)
  }

  async image(collection: string, id: string): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    return this.#reader.image(this.#keys(collection), id)
  }

  async nearest(collection: string, query: NearestQuery): Promise<NearestAnswer> {
    const keys = this.#keys(collection)
    checkQuery(spaceOf(keys, query.space), query)
    const { vectors } = await this.#opened(keys)
    const space = vectors.space(query.space) as SpaceVectors
    const exclude = new Set<number>()
    for (const id of query.exclude ?? []) {
      const slot = vectors.slotOf(id)
      if (slot !== undefined) exclude.add(slot)
    }
    const { metric, k, ef, signal } = query
    const search = { vectors: query.vectors, metric, k, exact: query.exact ?? false, ef, exclude, signal }
    await this.#breathe()
    for (let tries = 1; ; tries++) {
      const { hits, ...answer } = await space.search(search)
      const live = hits.filter(({ label }) => isLive(space, label))
      if (live.length < hits.length && tries < SEARCH_TRIES) continue
      return {
        ...answer,
        hits: live.map(({ item, label, distance }): Hit => {
          const id = vectors.idOf(item)
          if (space.keys.encoder === null) return { id, distance, start: 0, end: 0 }
          return { id, distance, ...(this.#reader.borders(label) ?? { start: 0, end: 0, revision: 0 }) }
        }),
      }
    }
  }

  async *scan(
    collection: string,
    space: string,
    options: { batch?: number } = {},
  ): AsyncIterable<VectorBatch> {
    const keys = this.#keys(collection)
    spaceOf(keys, space)
    const { vectors } = await this.#opened(keys)
    const { table } = vectors.space(space) as SpaceVectors
    const rows: number[] = []
    const ids: string[] = []
    for (let row = 0; row < table.rows; row++) {
      if (!table.isLive(row)) continue
      rows.push(row)
      ids.push(vectors.idOf(table.itemAt(row)))
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
    const open = await this.#opened(this.#keys(collection))
    await open.settle()
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  async #shutDown(): Promise<void> {
    await Promise.allSettled(this.#begun)
    const open = await Promise.allSettled(this.#open.values())
    for (const result of open) if (result.status === 'fulfilled') await result.value.close()
    await this.#writer.close()
    await this.#scans.close()
    this.#reader.close()
    this.#home.release()
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

  /** Searches answered one after the other must not keep everything else from its turn. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < MS_WITHOUT_TURN) return
    await nextTurn()
    this.#lastTurn = performance.now()
  }

  #checkOpen(): void {
    if (this.#closing) throw new EngineError('CLOSED', 'the engine is closed')
  }

  #keys(collection: string): CollectionKeys {
    this.#checkOpen()
    return this.#collections.get(collection) ?? noCollection(collection)
  }

  #checkCurrent(keys: CollectionKeys): void {
    if (this.#collections.get(keys.name)?.key !== keys.key) noCollection(keys.name)
  }

  /** What the cache says of a space that was not opened yet. */
  async #cached(space: SpaceKeys, live: number): Promise<number> {
    if (live < INDEX_FROM) return live
    const counts = indexMetrics(space).map((metric) =>
      savedCount(this.#home.cacheDir, space.encoderKey, metric),
    )
    return Math.min(live, ...(await Promise.all(counts)))
  }

  /** A collection's vectors; read once, while no write runs. */
  #opened(keys: CollectionKeys): Promise<OpenCollection> {
    let open = this.#open.get(keys.key)
    if (!open) {
      open = this.#writer.exclusively(() => {
        this.#checkCurrent(keys)
        return OpenCollection.load(keys, {
          home: this.#home,
          epoch: this.#epoch,
          scans: this.#scans,
          jobs: this.#jobs,
          writer: this.#writer,
        })
      })
      open.catch(() => this.#open.delete(keys.key))
      this.#open.set(keys.key, open)
    }
    return open
  }

  async #readCollections(): Promise<void> {
    this.#collections.clear()
    const encoders = new Set<string>()
    for (const keys of this.#reader.collections()) {
      this.#collections.set(keys.name, keys)
      for (const { encoderKey } of keys.spaces) encoders.add(`e${encoderKey}`)
    }
    await removeFiles(this.#home.cacheDir, (file) => !encoders.has(file.split('-')[0] ?? ''))
  }
}

function noCollection(name: string): never {
  throw new EngineError('COLLECTION_NOT_FOUND', `there is no collection "${name}"`)
}

function toRecord(keys: CollectionKeys): CollectionRecord {
  return {
    name: keys.name,
    spaces: keys.spaces.map(({ name, encoder, encoderName, dim, metrics, unit }) => {
      return { name, encoder, encoderName, dim, metrics: metrics as Metric[], unit }
    }),
  }
}

function spaceOf(keys: CollectionKeys, name: string): SpaceKeys {
  const space = keys.spaces.find((known) => known.name === name)
  if (!space) {
    const names = keys.spaces.map((known) => `"${known.name}"`).join(', ')
    throw new EngineError(
      'SPACE_NOT_FOUND',
      `collection "${keys.name}" has no space "${name}"; it has ${names || 'none'}`,
    )
  }
  return space
}

function checkQuery(space: SpaceKeys, query: NearestQuery): void {
  checkEncoder(space, query.encoder, 'the query')
  for (const vector of query.vectors) checkDim(space, vector, 'the query')
}

function checkVectors(keys: CollectionKeys, writes: readonly ItemWrite[]): void {
  for (const write of writes) {
    for (const [name, given] of Object.entries(write.vectors)) {
      const space = spaceOf(keys, name)
      if (given === 'keep') continue
      checkEncoder(space, given.encoder, `item "${write.id}"`)
      for (const { vector } of given.passages) checkDim(space, vector, `item "${write.id}"`)
    }
  }
}

function checkEncoder(space: SpaceKeys, encoder: string | null, what: string): void {
  if (encoder === space.encoder) return
  const [came, expected] = [encoder, space.encoder].map((id) => id ?? 'the user (no encoder)')
  throw new EngineError(
    'ENCODER_MISMATCH',
    `${what} has a vector made by ${came}; space "${space.name}" holds those of ${expected}`,
  )
}

function checkDim(space: SpaceKeys, vector: Float32Array, what: string): void {
  if (vector.length === space.dim) return
  throw new EngineError(
    'DIMENSION_MISMATCH',
    `${what} has a vector of ${vector.length} dimensions; space "${space.name}" has ${space.dim}`,
  )
}

function isLive(space: SpaceVectors, label: number): boolean {
  const row = space.table.rowOf(label)
  return row >= 0 && space.table.isLive(row)
}
