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
  PassageVector,
  SpaceRecord,
  StoredItem,
  VectorBatch,
} from '#src/core/backend.js'
import { EngineError } from '#src/core/errors.js'
import { distance } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'

interface MemoryItem {
  id: string
  /** Position in the order of first writing. */
  position: number
  revision: number
  text: string | null
  metadata: string
  image: { bytes: Uint8Array; type: string } | null
  fingerprint: string
  textHash: string | null
  vectors: Map<string, PassageVector[]>
}

interface MemoryCollection {
  record: CollectionRecord
  items: Map<string, MemoryItem>
}

/**
 * Collections in memory, for tests of what stands above the port: it copies all it is given and gives, takes up calls
 * in random order, each at one moment, and answers in random order.
 */
export class MemoryBackend implements Backend {
  readonly kind = 'memory'
  readonly #collections = new Map<string, MemoryCollection>()
  readonly #turns: RandomTurns
  #counter = 0
  #closed = false
  #writing = new Set<Promise<unknown>>()

  constructor(seed = 1) {
    this.#turns = new RandomTurns(seed)
  }

  listCollections(): Promise<CollectionRecord[]> {
    return this.#call(() => Array.from(this.#collections.values(), ({ record }) => structuredClone(record)))
  }

  getCollection(name: string): Promise<CollectionRecord | undefined> {
    return this.#call(() => structuredClone(this.#collections.get(name)?.record))
  }

  createCollection(record: CollectionRecord): Promise<void> {
    const copy = structuredClone(record)
    return this.#write(() => {
      if (this.#collections.has(copy.name)) {
        throw new EngineError('COLLECTION_EXISTS', `there is a collection "${copy.name}" already`)
      }
      this.#collections.set(copy.name, { record: copy, items: new Map() })
    })
  }

  deleteCollection(name: string): Promise<boolean> {
    return this.#write(() => this.#collections.delete(name))
  }

  stats(collection: string): Promise<CollectionStats> {
    return this.#call(() => {
      const { record, items } = this.#find(collection)
      const vectors: CollectionStats['vectors'] = {}
      for (const { name } of record.spaces) {
        const live = [...items.values()].reduce((sum, item) => sum + (item.vectors.get(name)?.length ?? 0), 0)
        vectors[name] = { live, indexed: live }
      }
      return { ...structuredClone(record), items: items.size, vectors }
    })
  }

  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void> {
    const copies = structuredClone(writes)
    return this.#write(() => {
      const { record, items } = this.#find(collection)
      const conflicts = copies.filter(
        ({ id, ifRevision }) => ifRevision !== undefined && ifRevision !== (items.get(id)?.revision ?? 0),
      )
      if (conflicts.length > 0) {
        throw new EngineError('CONFLICT', 'items were written meanwhile', {
          details: { ids: conflicts.map(({ id }) => id) },
        })
      }
      const written = copies.map((write) => this.#toItem(write, record, items.get(write.id)))
      for (const item of written) items.set(item.id, item)
    })
  }

  remove(collection: string, ids: readonly string[]): Promise<string[]> {
    const copies = [...ids]
    return this.#write(() => {
      const { items } = this.#find(collection)
      return copies.filter((id) => items.delete(id))
    })
  }

  stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>> {
    const copies = [...ids]
    return this.#call(() => {
      const stamps = new Map<string, ItemStamp>()
      for (const item of this.#those(collection, copies)) {
        const { revision, fingerprint, textHash } = item
        const spaces = [...item.vectors.keys()]
        stamps.set(item.id, { revision, fingerprint, textHash, spaces, hasImage: item.image !== null })
      }
      return stamps
    })
  }

  get(collection: string, ids: readonly string[], fields: ItemFields): Promise<Map<string, StoredItem>> {
    const copies = [...ids]
    return this.#call(
      () => new Map(this.#those(collection, copies).map((item) => [item.id, toStored(item, fields)])),
    )
  }

  list(collection: string, { limit, cursor, fields }: ListQuery): ReturnType<Backend['list']> {
    return this.#call(() => {
      const after = cursor === undefined ? -1 : Number(cursor)
      if (!Number.isInteger(after))
        throw new EngineError('INVALID_REQUEST', `cursor "${cursor}" is not of a page`)
      const rest = [...this.#find(collection).items.values()]
        .filter((item) => item.position > after)
        .sort((a, b) => a.position - b.position)
      const page = rest.slice(0, limit)
      const items = page.map((item) => toStored(item, fields))
      const last = page.at(-1)
      return last && rest.length > limit ? { items, cursor: String(last.position) } : { items }
    })
  }

  image(collection: string, id: string): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    return this.#call(() => structuredClone(this.#those(collection, [id])[0]?.image ?? undefined))
  }

  nearest(collection: string, query: NearestQuery): Promise<NearestAnswer> {
    const copy = { ...query, vectors: query.vectors.map((vector) => vector.slice()), signal: undefined }
    return this.#call(() => {
      const { record, items } = this.#find(collection)
      const space = findSpace(record, copy.space)
      checkEncoder(space, copy.encoder)
      for (const vector of copy.vectors) checkDimension(space, vector)
      const excluded = new Set(copy.exclude)
      const found: (Hit & { position: number })[] = []
      let scanned = 0
      for (const item of items.values()) {
        const passages = item.vectors.get(space.name) ?? []
        scanned += passages.length
        if (excluded.has(item.id)) continue
        const hit = bestHit(item.id, passages, copy)
        if (hit) found.push({ ...hit, position: item.position })
      }
      found.sort((a, b) => a.distance - b.distance || a.position - b.position)
      const hits = found.slice(0, copy.k).map(({ position: _, ...hit }) => hit)
      return { hits, strategy: 'exact' as const, scanned }
    })
  }

  async *scan(
    collection: string,
    space: string,
    { batch = 1_000 }: { batch?: number } = {},
  ): AsyncGenerator<VectorBatch> {
    const rows = await this.#call(() => {
      const { record, items } = this.#find(collection)
      findSpace(record, space)
      return [...items.values()]
        .sort((a, b) => a.position - b.position)
        .flatMap((item) => (item.vectors.get(space) ?? []).map(({ vector }) => ({ id: item.id, vector })))
    })
    for (let from = 0; from < rows.length; from += batch) {
      const part = rows.slice(from, from + batch)
      yield await this.#call(() => ({
        ids: part.map(({ id }) => id),
        vectors: Float32Array.from(part.flatMap(({ vector }) => [...vector])),
      }))
    }
  }

  settled(collection: string): Promise<void> {
    return this.#call(() => void this.#find(collection))
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#writing)
  }

  /** Takes the call up at a random turn, does it at one moment, and answers at another random turn. */
  async #call<T>(work: () => T): Promise<T> {
    this.#checkOpen()
    await this.#turns.next()
    this.#checkOpen()
    const answer = work()
    await this.#turns.next()
    return answer
  }

  async #write<T>(work: () => T): Promise<T> {
    this.#checkOpen()
    const written = this.#turns.next().then(async () => {
      const answer = work()
      await this.#turns.next()
      return answer
    })
    this.#writing.add(written)
    return written.finally(() => this.#writing.delete(written))
  }

  #checkOpen(): void {
    if (this.#closed) throw new EngineError('CLOSED', 'the backend was closed')
  }

  #find(name: string): MemoryCollection {
    const collection = this.#collections.get(name)
    if (!collection) throw new EngineError('COLLECTION_NOT_FOUND', `there is no collection "${name}"`)
    return collection
  }

  #those(collection: string, ids: readonly string[]): MemoryItem[] {
    const { items } = this.#find(collection)
    return ids.flatMap((id) => items.get(id) ?? [])
  }

  #toItem(write: ItemWrite, record: CollectionRecord, before: MemoryItem | undefined): MemoryItem {
    const vectors = new Map<string, PassageVector[]>()
    for (const [name, given] of Object.entries(write.vectors)) {
      const space = findSpace(record, name)
      if (given === 'keep') {
        const kept = before?.vectors.get(name)
        if (kept) vectors.set(name, kept)
        continue
      }
      checkEncoder(space, given.encoder)
      for (const { vector } of given.passages) checkDimension(space, vector)
      if (given.passages.length > 0) vectors.set(name, given.passages)
    }
    this.#counter++
    return {
      id: write.id,
      position: before?.position ?? this.#counter,
      revision: this.#counter,
      text: write.text,
      metadata: JSON.stringify(write.metadata),
      image: write.image === 'keep' ? (before?.image ?? null) : write.image,
      fingerprint: write.fingerprint,
      textHash: write.textHash,
      vectors,
    }
  }
}

/** Lets waiting calls go on one at a time, in an order drawn from a seed. */
class RandomTurns {
  readonly #random: ReturnType<typeof seededRandom>
  readonly #waiting: (() => void)[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(() => this.#pump())
    })
  }

  #pump(): void {
    const [resume] = this.#waiting.splice(this.#random.int(this.#waiting.length), 1)
    resume?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#pump())
  }
}

function toStored(item: MemoryItem, fields: ItemFields): StoredItem {
  const stored: StoredItem = { id: item.id, revision: item.revision, hasImage: item.image !== null }
  if (fields.metadata) stored.metadata = JSON.parse(item.metadata)
  if (fields.text) stored.text = item.text
  if (fields.vectors) {
    const vectors = Array.from(item.vectors, ([space, passages]) => [
      space,
      passages.map((p) => p.vector.slice()),
    ])
    stored.vectors = Object.fromEntries(vectors)
  }
  return stored
}

function bestHit(id: string, passages: readonly PassageVector[], query: NearestQuery): Hit | undefined {
  let best: Hit | undefined
  for (const { vector, start, end } of passages) {
    for (const asked of query.vectors) {
      const d = distance(query.metric, asked, vector)
      if (!best || d < best.distance) best = { id, distance: d, start, end }
    }
  }
  return best
}

function findSpace(record: CollectionRecord, name: string): SpaceRecord {
  const space = record.spaces.find((known) => known.name === name)
  if (!space) throw new EngineError('SPACE_NOT_FOUND', `collection "${record.name}" has no space "${name}"`)
  return space
}

function checkEncoder(space: SpaceRecord, encoder: string | null): void {
  if (encoder !== space.encoder) {
    const message = `vectors of encoder ${encoder} asked of space "${space.name}" of encoder ${space.encoder}`
    throw new EngineError('ENCODER_MISMATCH', message)
  }
}

function checkDimension(space: SpaceRecord, vector: Float32Array): void {
  if (vector.length !== space.dim) {
    const message = `vector has ${vector.length} dimensions, space "${space.name}" has ${space.dim}`
    throw new EngineError('DIMENSION_MISMATCH', message)
  }
}
