import type { JobBoard } from '../../core/jobs.js'
import type { ScanPool } from '../../indexes/scan-pool.js'
import { VectorTable } from '../../indexes/vector-table.js'
import { CollectionVectors } from './collection-vectors.js'
import type { Home } from './home.js'
import { IndexKeeper } from './index-keeper.js'
import { loadCollection } from './load-collection.js'
import { indexMetrics, SpaceVectors } from './space-vectors.js'
import type { CollectionKeys } from './write-messages.js'
import type { Writer } from './writer.js'

/** What a collection shares with the others of its home. */
export interface CollectionHost {
  home: Home
  epoch: string
  scans: ScanPool
  jobs: JobBoard
  writer: Writer
}

/** A collection whose vectors are in memory, with what keeps its indexes up to date. */
export class OpenCollection {
  readonly vectors: CollectionVectors
  readonly #keepers: IndexKeeper[]

  private constructor(vectors: CollectionVectors, keepers: IndexKeeper[]) {
    this.vectors = vectors
    this.#keepers = keepers
  }

  /**
   * Reads the vectors from the database, opens the cached indexes that are the right ones, and starts to rebuild the
   * others. To be called while no write runs.
   */
  static async load(keys: CollectionKeys, host: CollectionHost): Promise<OpenCollection> {
    const { databasePath, cacheDir } = host.home
    const loaded = await loadCollection({
      databasePath,
      cacheDir,
      epoch: host.epoch,
      collection: keys,
      indexMetrics: Object.fromEntries(keys.spaces.map((space) => [space.encoderKey, indexMetrics(space)])),
    })
    const spaces: SpaceVectors[] = []
    for (const space of keys.spaces) {
      const found = loaded.spaces.find(({ encoderKey }) => encoderKey === space.encoderKey)
      if (!found) continue
      const table = VectorTable.adopt(found.table)
      const { seq, stamp } = found
      const vectors = new SpaceVectors({
        keys: space,
        table,
        seq,
        stamp,
        cacheDir,
        epoch: host.epoch,
        scans: host.scans,
      })
      for (const index of vectors.indexes) {
        const cached = found.indexes.find(({ metric }) => metric === index.metric)
        if (cached) await index.restore(cached)
      }
      spaces.push(vectors)
    }
    const keepers = spaces.map(
      (space) => new IndexKeeper({ space, collection: keys.name, jobs: host.jobs, writer: host.writer }),
    )
    const open = new OpenCollection(new CollectionVectors(loaded.ids, spaces), keepers)
    open.changed()
    return open
  }

  /** To be called after every change of the vectors. */
  changed(): void {
    for (const keeper of this.#keepers) keeper.changed()
  }

  async settle(): Promise<void> {
    for (const keeper of this.#keepers) await keeper.settle()
  }

  async close(): Promise<void> {
    for (const keeper of this.#keepers) await keeper.close()
  }
}
