import { type CollectionKeys, currentVersions, type EncoderKeys, noCollection } from './collection-keys.js'
import type { EncoderReader } from './encoder-reader.js'
import { removeFiles, savedCount } from './index-manifest.js'
import { type CollectionHost, OpenCollection } from './open-collection.js'
import { indexFrom } from './plan-build.js'
import { indexMetrics } from './space-vectors.js'

/** Which collections a home holds, and those of them whose vectors are in memory. */
export class Collections {
  readonly #host: CollectionHost
  readonly #reader: EncoderReader
  readonly #keys = new Map<string, CollectionKeys>()
  /** By key: opened, or to be opened when the writer comes to it. */
  readonly #opening = new Map<number, Promise<OpenCollection>>()
  readonly #opened = new Map<number, OpenCollection>()
  /** Keys of those that are being deleted. */
  readonly #deleting = new Set<number>()
  /** What the names of the current encoder versions' cache files begin with. */
  #cached: ReadonlySet<string> = new Set()

  constructor(host: CollectionHost, reader: EncoderReader) {
    this.#host = host
    this.#reader = reader
    this.refresh()
  }

  all(): CollectionKeys[] {
    return [...this.#keys.values()]
  }

  get(name: string): CollectionKeys | undefined {
    return this.#keys.get(name)
  }

  /** @throws EngineError COLLECTION_NOT_FOUND */
  find(name: string): CollectionKeys {
    return this.#keys.get(name) ?? noCollection(name)
  }

  /** What has become of a collection meanwhile. @throws EngineError COLLECTION_NOT_FOUND */
  now({ name, key }: CollectionKeys): CollectionKeys {
    const keys = this.find(name)
    return keys.key === key ? keys : noCollection(name)
  }

  /** Reads anew what there is; at once. */
  refresh(): void {
    const cached = new Set<string>()
    this.#keys.clear()
    for (const keys of this.#reader.collections()) {
      for (const { encoderKey } of currentVersions(keys)) cached.add(`e${encoderKey}`)
      if (!this.#deleting.has(keys.key)) this.#keys.set(keys.name, keys)
    }
    this.#cached = cached
  }

  /** Removes index files of encoder versions that are not searched any more. */
  async removeFiles(): Promise<void> {
    await removeFiles(this.#host.home.cacheDir, (file) => !this.#cached.has(file.split('-')[0] ?? ''))
  }

  /** A collection with its vectors; they are read once, while no write runs. Not to be awaited in a turn of the writer. */
  open(keys: CollectionKeys): Promise<OpenCollection> {
    let opening = this.#opening.get(keys.key)
    if (!opening) {
      opening = this.#host.writer.exclusively(async () => {
        const open = await OpenCollection.load(this.now(keys), this.#host)
        this.#opened.set(keys.key, open)
        return open
      })
      opening.catch(() => this.#opening.delete(keys.key))
      this.#opening.set(keys.key, opening)
    }
    return opening
  }

  /** A collection whose vectors are in memory. */
  opened({ key }: CollectionKeys): OpenCollection | undefined {
    return this.#opened.get(key)
  }

  /** Live vectors of an encoder version that are in its indexes. */
  async indexed(keys: CollectionKeys, version: EncoderKeys, live: number): Promise<number> {
    const open = await this.#opening.get(keys.key)
    const space = open?.vectors.space(version.space)
    if (space) return space.indexed
    if (live < indexFrom(version)) return live
    const { cacheDir } = this.#host.home
    const counts = indexMetrics(version).map((metric) => savedCount(cacheDir, version.encoderKey, metric))
    return Math.min(live, ...(await Promise.all(counts)))
  }

  /** Takes a collection out: nothing new begins, and what waits finds it gone. */
  async close(keys: CollectionKeys): Promise<void> {
    this.#deleting.add(keys.key)
    this.#keys.delete(keys.name)
    const opening = this.#opening.get(keys.key)
    this.#opening.delete(keys.key)
    const open = await opening?.catch(() => undefined)
    this.#opened.delete(keys.key)
    await open?.close()
  }

  /** Stops all work on indexes. */
  async closeAll(): Promise<void> {
    for (const result of await Promise.allSettled(this.#opening.values())) {
      if (result.status === 'fulfilled') await result.value.close()
    }
  }
}
