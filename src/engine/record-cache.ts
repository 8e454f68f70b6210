import type { Backend, CollectionRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'

/** The collections' records as they were last read, so that a search need not ask for its collection. */
export class RecordCache {
  readonly #backend: Backend
  readonly #records = new Map<string, CollectionRecord>()
  #changes = 0

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** The record, if it is known without asking. */
  known(name: string): CollectionRecord | undefined {
    return this.#records.get(name)
  }

  async find(name: string): Promise<CollectionRecord | undefined> {
    const known = this.#records.get(name)
    if (known) return known
    const changes = this.#changes
    const record = await this.#backend.getCollection(name)
    // a collection that was deleted or made meanwhile may not be remembered as it was before
    if (record && changes === this.#changes) this.#records.set(name, record)
    return record
  }

  /** @throws EngineError COLLECTION_NOT_FOUND */
  async read(name: string): Promise<CollectionRecord> {
    const record = await this.find(name)
    if (record) return record
    const message = `there is no collection "${name}"; make it first`
    throw new EngineError('COLLECTION_NOT_FOUND', message, { details: { collection: name } })
  }

  /** To be called after a collection was made or deleted. */
  forget(name: string): void {
    this.#changes++
    this.#records.delete(name)
  }
}
