import type { JobBoard } from '../../core/jobs.js'
import type { ScanPool } from '../../indexes/scan-pool.js'
import { VectorTable } from '../../indexes/vector-table.js'
import { type CollectionKeys, currentVersions, type EncoderKeys } from './collection-keys.js'
import { CollectionVectors } from './collection-vectors.js'
import { FilterCache } from './filter-cache.js'
import type { FilterThread } from './filter-thread.js'
import type { Home } from './home.js'
import { IndexKeeper } from './index-keeper.js'
import { loadCollection } from './load-collection.js'
import type { LoadedCollection, LoadedSpace } from './load-messages.js'
import { indexMetrics, SpaceVectors } from './space-vectors.js'
import type { Writer } from './writer.js'

/** What a collection shares with the others of its home. */
export interface CollectionHost {
  home: Home
  epoch: string
  scans: ScanPool
  jobs: JobBoard
  writer: Writer
  filters: FilterThread
}

/** A collection whose vectors are in memory, with what keeps its indexes up to date. */
export class OpenCollection {
  readonly vectors: CollectionVectors
  /** What filters mean here. */
  readonly filters: FilterCache
  readonly #host: CollectionHost
  readonly #key: number
  readonly #name: string
  readonly #keepers = new Map<SpaceVectors, IndexKeeper>()

  private constructor(keys: CollectionKeys, host: CollectionHost, vectors: CollectionVectors) {
    this.#key = keys.key
    this.#name = keys.name
    this.#host = host
    this.vectors = vectors
    const { key: collection, indexed } = keys
    const { slots } = vectors
    this.filters = new FilterCache({ collection, slots, thread: host.filters, indexed })
    this.filters.prepare()
    for (const space of vectors.spaces) this.#keep(space)
  }

  /**
   * Reads the vectors from the database, opens the cached indexes that are the right ones, and starts to rebuild the
   * others. To be called while no write runs.
   */
  static async load(keys: CollectionKeys, host: CollectionHost): Promise<OpenCollection> {
    const versions = currentVersions(keys)
    const loaded = await read(keys.key, versions, host)
    const spaces: SpaceVectors[] = []
    for (const version of versions) {
      const found = loaded.spaces.find(({ encoderKey }) => encoderKey === version.encoderKey)
      if (found) spaces.push(await toSpace(version, found, host))
    }
    return new OpenCollection(keys, host, await CollectionVectors.create(loaded, spaces))
  }

  /** Reads the vectors of a version that is to become current. No write may be applied until {@link swap}. */
  async prepare(version: EncoderKeys): Promise<SpaceVectors | undefined> {
    const { ids, spaces } = await read(this.#key, [version], this.#host)
    const [found] = spaces
    if (!found) return undefined
    const space = await toSpace({ ...version, state: 'current' }, found, this.#host)
    await this.vectors.adopt(space.table, ids)
    return space
  }

  /**
   * Puts a prepared version in the place of its space's current one: what begins from now on searches that.
   *
   * @returns stops the work on the indexes of the one before; not to be awaited in a turn of the writer
   */
  swap(space: SpaceVectors): () => Promise<void> {
    const before = this.vectors.swap(space)
    this.#keep(space)
    const keeper = before && this.#keepers.get(before)
    if (before) this.#keepers.delete(before)
    return async () => keeper?.close()
  }

  /** To be called after every change of the vectors. */
  changed(): void {
    for (const keeper of this.#keepers.values()) keeper.changed()
  }

  async settle(): Promise<void> {
    for (const keeper of [...this.#keepers.values()]) await keeper.settle()
  }

  async close(): Promise<void> {
    this.filters.close()
    for (const keeper of [...this.#keepers.values()]) await keeper.close()
  }

  #keep(space: SpaceVectors): void {
    const { jobs, writer } = this.#host
    const keeper = new IndexKeeper({ space, collection: this.#name, jobs, writer })
    this.#keepers.set(space, keeper)
    keeper.changed()
  }
}

function read(
  collection: number,
  versions: readonly EncoderKeys[],
  host: CollectionHost,
): Promise<LoadedCollection> {
  const { databasePath, cacheDir } = host.home
  return loadCollection({
    databasePath,
    cacheDir,
    epoch: host.epoch,
    collection,
    versions: versions.map((version) => ({ version, indexMetrics: indexMetrics(version) })),
  })
}

async function toSpace(
  keys: EncoderKeys,
  loaded: LoadedSpace,
  { home, epoch, scans }: CollectionHost,
): Promise<SpaceVectors> {
  const { seq, stamp } = loaded
  const table = VectorTable.adopt(loaded.table)
  const { cacheDir } = home
  const space = new SpaceVectors({ keys, table, seq, stamp, cacheDir, epoch, scans })
  for (const index of space.indexes) {
    const cached = loaded.indexes.find(({ metric }) => metric === index.metric)
    if (cached) await index.restore(cached)
  }
  return space
}
