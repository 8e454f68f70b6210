import type {
  AnomalyScore,
  Backend,
  CollectionRecord,
  CollectionStats,
  Correction,
  CorrectionChange,
  DetectionVersion,
  EncodedItem,
  EncoderVersion,
  FacetQuery,
  Facets,
  Fingerprint,
  Hit,
  ImageWrite,
  ItemFields,
  ItemStamp,
  ItemWrite,
  JudgedItem,
  Judgement,
  KeywordHit,
  KeywordMatchQuery,
  KeywordSearchQuery,
  ListQuery,
  NearestAnswer,
  NearestQuery,
  NewDetection,
  NewEncoderVersion,
  PassageVector,
  SpaceInput,
  SpaceRecord,
  StoredAnomaly,
  StoredItem,
  UnjudgedItem,
  VectorBatch,
} from '#src/core/backend.js'
import { EngineError } from '#src/core/errors.js'
import { valuesAt } from '#src/core/field-values.js'
import type { Filter } from '#src/core/filter.js'
import type { Job } from '#src/core/jobs.js'
import type { KeywordMatch } from '#src/core/keyword-query.js'
import { distance } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import type { Json, Metadata } from '#src/core/types.js'
import { matchText } from '#src/query/match-text.js'
import { matcher } from '#src/query/matches.js'
import { searchKeywords } from './memory-keywords.js'

/** An encoder version; items hold what it makes of them under it. */
interface MemoryVersion extends Omit<EncoderVersion, 'vectors' | 'settings'> {
  settings: Record<string, unknown> | undefined
  files: Record<string, Uint8Array>
  /** Newest first. */
  detections: MemoryDetection[]
}

interface MemoryDetection extends NewDetection {
  version: number
  state: DetectionVersion['state']
  createdAt: string
  /** By what was judged: it is another object after every write of its vectors. */
  judgements: Map<Encoded, Map<string, Judgement>>
}

interface Encoded {
  passages: PassageVector[]
  anomalies?: readonly AnomalyScore[]
}

interface MemorySpace {
  name: string
  input: SpaceInput
  /** Oldest first. */
  versions: MemoryVersion[]
  /** The last number given. */
  given: number
  /** The last number given to a detection. */
  detections: number
}

interface MemoryItem {
  id: string
  /** Position in the order of first writing. */
  position: number
  revision: number
  text: string | null
  metadata: string
  image: ImageWrite | null
  fingerprint: string
  textHash: string | null
  encoded: Map<MemoryVersion, Encoded>
  /** By kind. */
  fingerprints: Map<string, Fingerprint>
}

interface MemoryCollection {
  name: string
  keywords: string[]
  spaces: MemorySpace[]
  items: Map<string, MemoryItem>
  /** By name. */
  reports: Map<string, { key: number; head: Record<string, unknown>; rows: readonly string[] }>
  /** By id, the latest last; with what they were said of. */
  corrections: Map<string, Correction & { content: string }>
  indexed: readonly string[]
}

/**
 * Collections in memory, for tests of what stands above the port: it copies all it is given and gives, takes up calls
 * in random order, each at one moment, and answers in random order.
 */
export class MemoryBackend implements Backend {
  readonly kind = 'memory'
  readonly #collections = new Map<string, MemoryCollection>()
  readonly #turns: RandomTurns
  /** By id, in the order of first recording. */
  readonly #jobs = new Map<string, Job>()
  #counter = 0
  readonly #marks = new WeakMap<Encoded, number>()
  #closed = false
  #writing = new Set<Promise<unknown>>()

  constructor(seed = 1) {
    this.#turns = new RandomTurns(seed)
  }

  listCollections(): Promise<CollectionRecord[]> {
    return this.#call(() => Array.from(this.#collections.values(), toRecord))
  }

  getCollection(name: string): Promise<CollectionRecord | undefined> {
    return this.#call(() => {
      const found = this.#collections.get(name)
      return found && toRecord(found)
    })
  }

  createCollection(record: CollectionRecord): Promise<void> {
    const { name, spaces, keywords = [], indexed = [] } = structuredClone(record)
    return this.#write(() => {
      if (this.#collections.has(name)) {
        throw new EngineError('COLLECTION_EXISTS', `there is a collection "${name}" already`)
      }
      const parts = {
        spaces: spaces.map(toSpace),
        items: new Map(),
        reports: new Map(),
        corrections: new Map(),
      }
      this.#collections.set(name, { name, keywords, indexed, ...parts })
    })
  }

  deleteCollection(name: string): Promise<boolean> {
    return this.#write(() => this.#collections.delete(name))
  }

  stats(collection: string): Promise<CollectionStats> {
    return this.#call(() => {
      const found = this.#find(collection)
      const vectors: CollectionStats['vectors'] = {}
      for (const [space, version] of currentVersions(found)) {
        const live = countVectors(found, version)
        vectors[space.name] = { live, indexed: live }
      }
      return { ...toRecord(found), items: found.items.size, vectors }
    })
  }

  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void> {
    const copies = structuredClone(writes)
    return this.#write(() => {
      const { spaces, items } = this.#find(collection)
      const conflicts = copies.filter(
        ({ id, ifRevision }) => ifRevision !== undefined && ifRevision !== (items.get(id)?.revision ?? 0),
      )
      const written = copies.map((write) => this.#toItem(write, spaces, items.get(write.id)))
      if (conflicts.length > 0) {
        throw new EngineError('CONFLICT', 'items were written meanwhile', {
          details: { ids: conflicts.map(({ id }) => id) },
        })
      }
      for (const item of written) items.set(item.id, item)
    })
  }

  remove(collection: string, ids: readonly string[]): Promise<string[]> {
    const copies = [...ids]
    return this.#write(() => {
      const { items } = this.#find(collection)
      for (const id of copies) this.#find(collection).corrections.delete(id)
      return copies.filter((id) => items.delete(id))
    })
  }

  removeWhere(collection: string, where: Filter): Promise<number> {
    return this.#write(() => {
      const found = this.#find(collection)
      const matching = itemsOf(found, where)
      for (const { id } of matching) {
        found.items.delete(id)
        found.corrections.delete(id)
      }
      return matching.length
    })
  }

  setIndexed(collection: string, fields: readonly string[]): Promise<void> {
    const copies = [...fields]
    return this.#write(() => {
      this.#find(collection).indexed = copies
    })
  }

  count(collection: string, where?: Filter): Promise<number> {
    return this.#call(() => itemsOf(this.#find(collection), where).length)
  }

  facets(collection: string, { fields, where, limit }: FacetQuery): Promise<Facets> {
    return this.#call(() => {
      const items = itemsOf(this.#find(collection), where)
      const counted = fields.map((field) => [field, countValues(items, field).slice(0, limit)] as const)
      return Object.fromEntries(counted)
    })
  }

  stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>> {
    const copies = [...ids]
    return this.#call(() => {
      const found = this.#find(collection)
      const stamps = new Map<string, ItemStamp>()
      for (const item of those(found, copies)) {
        const { revision, fingerprint, textHash, image } = item
        const spaces = currentVersions(found)
          .filter(([, version]) => passagesOf(item, version).length > 0)
          .map(([space]) => space.name)
        const imageHash = image?.hash ?? null
        stamps.set(item.id, { revision, fingerprint, textHash, imageHash, spaces, hasImage: image !== null })
      }
      return stamps
    })
  }

  get(collection: string, ids: readonly string[], fields: ItemFields): Promise<Map<string, StoredItem>> {
    const copies = [...ids]
    return this.#call(() => {
      const found = this.#find(collection)
      return new Map(those(found, copies).map((item) => [item.id, toStored(found, item, fields)]))
    })
  }

  list(collection: string, { limit, cursor, fields, where }: ListQuery): ReturnType<Backend['list']> {
    return this.#call(() => {
      const found = this.#find(collection)
      const page = pageOf(itemsOf(found, where), limit, cursor)
      return { items: page.items.map((item) => toStored(found, item, fields)), ...page.next }
    })
  }

  image(
    collection: string,
    id: string,
    options: { rendition?: boolean } = {},
  ): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    return this.#call(() => {
      const image = those(this.#find(collection), [id])[0]?.image
      if (!image) return undefined
      return structuredClone(options.rendition ? image.rendition : (image.original ?? image.rendition))
    })
  }

  images(
    collection: string,
    options: { limit: number; cursor?: string; lacking?: { space: string; version: number } },
  ): ReturnType<Backend['images']> {
    const { limit, cursor, lacking } = options
    return this.#call(() => {
      const found = this.#find(collection)
      const version = lacking && findVersion(found, lacking.space, lacking.version)
      const items = [...found.items.values()].filter(
        (item) => item.image !== null && !(version && passagesOf(item, version).length > 0),
      )
      const page = pageOf(items, limit, cursor)
      const images = page.items.flatMap(({ id, revision, image }) =>
        image ? [{ id, revision, rendition: image.rendition.bytes.slice() }] : [],
      )
      return { images, ...page.next }
    })
  }

  countImages(collection: string): Promise<number> {
    return this.#call(
      () => [...this.#find(collection).items.values()].filter(({ image }) => image !== null).length,
    )
  }

  stageEncoder(collection: string, name: string, version: NewEncoderVersion): Promise<number> {
    const copy = structuredClone(version)
    return this.#write(() => {
      const { spaces } = this.#find(collection)
      let space = spaces.find((known) => known.name === name)
      if (space && (space.input !== 'image' || space.versions.some(({ state }) => state === 'staged'))) {
        throw new EngineError('CONFLICT', `space "${name}" has a staged encoder, or is not of images`)
      }
      if (!space) {
        space = { name, input: 'image', versions: [], given: 0, detections: 0 }
        spaces.push(space)
      }
      space.given++
      const createdAt = new Date().toISOString()
      space.versions.push({ ...copy, version: space.given, state: 'staged', createdAt, detections: [] })
      return space.given
    })
  }

  fill(
    collection: string,
    space: string,
    number: number,
    rows: readonly { id: string; revision: number; encoded: EncodedItem }[],
  ): Promise<number> {
    const copies = structuredClone(rows)
    return this.#write(() => {
      const found = this.#find(collection)
      const version = findVersion(found, space, number)
      if (version.state === 'current') throw new EngineError('CONFLICT', `version ${number} is current`)
      for (const { encoded } of copies) {
        checkEncoder(version, encoded.encoder)
        for (const { vector } of encoded.passages) checkDimension(version, vector)
      }
      const lacking = copies.filter(({ id, revision }) => {
        const item = found.items.get(id)
        return item?.revision === revision && passagesOf(item, version).length === 0
      })
      for (const { id, encoded } of lacking) found.items.get(id)?.encoded.set(version, encoded)
      return lacking.length
    })
  }

  promoteEncoder(collection: string, name: string, number: number): Promise<boolean> {
    return this.#write(() => {
      const found = this.#find(collection)
      const version = findVersion(found, name, number)
      const space = findSpace(found, name)
      const items = [...found.items.values()]
      const before = space.versions.find(({ state }) => state === 'current')
      if (version === before) return true
      if (items.some((item) => item.image && passagesOf(item, version).length === 0)) return false
      space.versions = space.versions.filter(({ state }) => state !== 'retired')
      if (!space.versions.includes(version)) space.versions.unshift(version)
      if (before) before.state = 'retired'
      version.state = 'current'
      return true
    })
  }

  dropEncoder(collection: string, name: string, number: number): Promise<void> {
    return this.#write(() => {
      const found = this.#find(collection)
      const space = found.spaces.find((known) => known.name === name)
      const version = space?.versions.find((known) => known.version === number)
      if (!space || !version) return
      if (version.state === 'current') throw new EngineError('CONFLICT', `version ${number} is current`)
      space.versions = space.versions.filter((known) => known !== version)
      if (space.versions.length === 0) found.spaces = found.spaces.filter((known) => known !== space)
    })
  }

  encoderVersions(collection: string, space: string): Promise<EncoderVersion[]> {
    return this.#call(() => {
      const found = this.#find(collection)
      return findSpace(found, space)
        .versions.map((version) => toVersion(found, version))
        .sort((a, b) => b.version - a.version)
    })
  }

  encoderFiles(collection: string, space: string, version: number): Promise<Record<string, Uint8Array>> {
    return this.#call(() => structuredClone(findVersion(this.#find(collection), space, version).files))
  }

  strangest(
    collection: string,
    space: string,
    query: Parameters<Backend['strangest']>[2],
  ): ReturnType<Backend['strangest']> {
    const { detector, limit, flagged, upTo, where } = query
    return this.#call(() => {
      const found = this.#find(collection)
      const ids = new Set(itemsOf(found, where).map(({ id }) => id))
      const flags = flagsOf(found, space, detector, upTo)
      return scoresOf(found, space, detector)
        .filter(({ id }) => ids.has(id) && (flagged === undefined || flags.has(id) === flagged))
        .sort((a, b) => b.score - a.score)
        .slice(0, limit)
    })
  }

  countAnomalies(
    collection: string,
    space: string,
    detector: string,
    upTo?: number,
  ): Promise<{ scored: number; flagged: number }> {
    return this.#call(() => {
      const found = this.#find(collection)
      const scored = scoresOf(found, space, detector).length
      return { scored, flagged: flagsOf(found, space, detector, upTo).size }
    })
  }

  stageDetection(
    collection: string,
    name: string,
    encoder: number,
    detection: NewDetection,
  ): Promise<number> {
    const copy = structuredClone(detection)
    return this.#write(() => {
      const found = this.#find(collection)
      const current = findCurrent(found, name)
      if (current.version !== encoder) {
        throw new EngineError('ENCODER_MISMATCH', `the encoder is ${current.version}, not ${encoder}`)
      }
      const version = ++findSpace(found, name).detections
      current.detections = current.detections.filter(({ state }) => state !== 'staged')
      const createdAt = new Date().toISOString()
      current.detections.unshift({ ...copy, version, state: 'staged', createdAt, judgements: new Map() })
      return version
    })
  }

  unjudged(
    collection: string,
    space: string,
    version: number,
    { limit }: { limit: number },
  ): Promise<UnjudgedItem[]> {
    return this.#call(() => {
      const found = this.#find(collection)
      const { encoder, detection } = findDetection(found, space, version)
      return unjudgedItems(found, encoder, detection)
        .slice(0, limit)
        .map(({ item, made }) => {
          const vectors = made.passages.map(({ vector }) => vector.slice())
          return { id: item.id, mark: this.#markOf(made), vectors }
        })
    })
  }

  judge(collection: string, space: string, version: number, rows: readonly JudgedItem[]): Promise<void> {
    const copies = structuredClone(rows)
    return this.#write(() => {
      const found = this.#find(collection)
      const { encoder, detection } = findDetection(found, space, version)
      for (const { id, mark, judgements } of copies) {
        const item = found.items.get(id)
        const made = item?.encoded.get(encoder)
        if (!item || !made || this.#markOf(made) !== mark) continue
        const said = found.corrections.get(id)
        if (said && said.content !== contentOf(item)) found.corrections.delete(id)
        const flag = found.corrections.get(id)?.verdict
        const judged = judgements.map((judgement): [string, Judgement] => {
          const decided = flag && judgement.detector === 'verdict' ? { flagged: flag === 'strange' } : {}
          return [judgement.detector, { ...judgement, ...decided }]
        })
        detection.judgements.set(made, new Map(judged))
      }
    })
  }

  promoteDetection(collection: string, space: string, version: number): Promise<boolean> {
    return this.#write(() => {
      const found = this.#find(collection)
      const { encoder, detection } = findDetection(found, space, version)
      if (detection.state === 'current') return true
      if (unjudgedItems(found, encoder, detection).length > 0) return false
      for (const known of encoder.detections) {
        if (known.state !== 'current') continue
        known.state = 'retired'
        known.judgements.clear()
      }
      detection.state = 'current'
      return true
    })
  }

  dropDetection(collection: string, space: string, version: number): Promise<void> {
    return this.#write(() => {
      const found = this.#find(collection)
      for (const encoder of found.spaces.find(({ name }) => name === space)?.versions ?? []) {
        encoder.detections = encoder.detections.filter(
          (known) => known.version !== version || known.state !== 'staged',
        )
      }
    })
  }

  detections(collection: string, space: string): Promise<DetectionVersion[]> {
    return this.#call(() => {
      const found = this.#find(collection)
      const encoder = findCurrent(found, space)
      return encoder.detections.map((detection) => {
        const { files: _, judgements: __, ...rest } = detection
        const verdicts = verdictsOf(found, encoder, detection)
        const flagged = verdicts.filter((verdict) => verdict.flagged).length
        return structuredClone({ ...rest, judged: verdicts.length, flagged })
      })
    })
  }

  detectionFiles(collection: string, space: string, version: number): Promise<Record<string, Uint8Array>> {
    return this.#call(() =>
      structuredClone(findDetection(this.#find(collection), space, version).detection.files),
    )
  }

  pValues(collection: string, space: string): Promise<Float64Array> {
    return this.#call(() => {
      const found = this.#find(collection)
      const encoder = findCurrent(found, space)
      const detection = encoder.detections.find(isCurrent)
      const verdicts = detection ? verdictsOf(found, encoder, detection) : []
      return Float64Array.from(verdicts, ({ pValue }) => pValue).sort()
    })
  }

  correct(collection: string, rows: readonly CorrectionChange[]): Promise<string[]> {
    const copies = structuredClone(rows)
    return this.#write(() => {
      const found = this.#find(collection)
      const known = copies.filter(({ id }) => found.items.has(id))
      for (const { id, verdict } of known) {
        const item = found.items.get(id) as MemoryItem
        found.corrections.delete(id)
        const madeAt = new Date().toISOString()
        if (verdict) found.corrections.set(id, { id, verdict, madeAt, content: contentOf(item) })
        for (const [version, made] of item.encoded) {
          for (const { settings, judgements } of version.detections) {
            const judged = judgements.get(made)?.get('verdict')
            if (!judged) continue
            judged.flagged = verdict
              ? verdict === 'strange'
              : judged.pValue <= Number(settings.threshold ?? -1)
          }
        }
      }
      return known.map(({ id }) => id)
    })
  }

  corrections(collection: string): Promise<Correction[]> {
    return this.#call(() => {
      const { corrections, items } = this.#find(collection)
      return [...corrections.values()]
        .filter(({ id }) => items.has(id))
        .map(({ id, verdict, madeAt }) => ({ id, verdict, madeAt }))
        .reverse()
    })
  }

  contents(
    collection: string,
    options: { limit: number; cursor?: string; kinds: readonly string[]; where?: Filter | undefined },
  ): ReturnType<Backend['contents']> {
    const { limit, cursor, kinds, where } = structuredClone(options)
    return this.#call(() => {
      const page = pageOf(itemsOf(this.#find(collection), where), limit, cursor)
      const items = page.items.map(({ id, text, textHash, image, fingerprints }) => {
        const kept = kinds.flatMap((kind) => {
          const found = fingerprints.get(kind)
          return found ? [[kind, structuredClone(found)] as const] : []
        })
        return {
          ...{ id, textHash, textBytes: text === null ? 0 : Buffer.byteLength(text) },
          ...{ imageHash: image?.hash ?? null, pixels: image ? image.width * image.height : 0 },
          fingerprints: Object.fromEntries(kept),
        }
      })
      return { items, ...page.next }
    })
  }

  keepFingerprints(
    collection: string,
    kind: string,
    rows: readonly ({ id: string } & Fingerprint)[],
  ): Promise<void> {
    const copies = structuredClone(rows)
    return this.#write(() => {
      const { items } = this.#find(collection)
      for (const { id, source, bytes } of copies) items.get(id)?.fingerprints.set(kind, { source, bytes })
    })
  }

  keepReport(
    collection: string,
    name: string,
    report: { head: Record<string, unknown>; rows: readonly string[] },
  ): Promise<void> {
    const copy = structuredClone(report)
    return this.#write(() => {
      this.#counter++
      this.#find(collection).reports.set(name, { key: this.#counter, ...copy })
    })
  }

  report(
    collection: string,
    name: string,
    options: { limit: number; cursor?: string },
  ): ReturnType<Backend['report']> {
    const { limit, cursor } = options
    return this.#call(() => {
      const found = this.#find(collection).reports.get(name)
      if (!found) return undefined
      const [key, from = 0] = cursor?.split(' ').map(Number) ?? [found.key]
      if (key !== found.key || !Number.isInteger(from)) {
        throw new EngineError('INVALID_REQUEST', `cursor "${cursor}" is not of this report`)
      }
      const rows = found.rows.slice(from, from + limit)
      const next = from + limit < found.rows.length ? { cursor: `${key} ${from + limit}` } : {}
      return structuredClone({ head: found.head, rows, ...next })
    })
  }

  recordJob(job: Job): Promise<void> {
    const copy = structuredClone(job)
    return this.#write(() => {
      this.#jobs.set(copy.id, copy)
      for (const id of [...this.#jobs.keys()].slice(0, -100)) this.#jobs.delete(id)
    })
  }

  recordedJobs(): Promise<Job[]> {
    return this.#call(() => structuredClone([...this.#jobs.values()].reverse()))
  }

  nearest(collection: string, query: NearestQuery): Promise<NearestAnswer> {
    const copy = { ...query, vectors: query.vectors.map((vector) => vector.slice()), signal: undefined }
    return this.#call(() => {
      const found = this.#find(collection)
      const version = findCurrent(found, copy.space)
      checkEncoder(version, copy.encoder)
      for (const vector of copy.vectors) checkDimension(version, vector)
      const excluded = new Set(copy.exclude)
      const hits: (Hit & { position: number })[] = []
      let scanned = 0
      const matching = itemsOf(found, copy.where)
      for (const item of matching) {
        const passages = passagesOf(item, version)
        scanned += passages.length
        if (excluded.has(item.id)) continue
        const hit = bestHit(item.id, passages, copy)
        if (hit) hits.push({ ...hit, position: item.position })
      }
      hits.sort((a, b) => a.distance - b.distance || a.position - b.position)
      const best = hits.slice(0, copy.k).map(({ position: _, ...hit }) => hit)
      const all = found.items.size
      const selectivity = all === 0 ? 0 : matching.length / all
      const plan = { matches: matching.length, selectivity, estimatedMs: 0, resolved: 'metadata' as const }
      const filtered = copy.where ? { filtered: plan } : {}
      return { hits: best, strategy: 'exact' as const, scanned, ...filtered }
    })
  }

  keyword(collection: string, query: KeywordSearchQuery): Promise<KeywordHit[]> {
    const copy = structuredClone(query)
    return this.#call(() => {
      const found = this.#find(collection)
      const matching = new Set(itemsOf(found, copy.where).map(({ id }) => id))
      const all = itemsOf(found, undefined).map(toKeywordItem)
      // scores reckon with all items, whichever of them match
      const hits = searchKeywords(all, found.keywords, { ...copy, k: all.length || 1 })
      return hits.filter(({ id }) => matching.has(id)).slice(0, copy.k)
    })
  }

  keywordMatches(collection: string, asked: KeywordMatchQuery): Promise<Map<string, KeywordMatch>> {
    const { query, items } = structuredClone(asked)
    return this.#call(() => {
      const found = this.#find(collection)
      const paths = found.keywords
      return new Map(
        items.flatMap(({ id, part }): [string, KeywordMatch][] => {
          const item = found.items.get(id)
          if (!item) return []
          const match = matchText(query, { ...toKeywordItem(item), paths }, part)
          return [[id, { revision: item.revision, ...match }]]
        }),
      )
    })
  }

  async sample(
    collection: string,
    space: string,
    { count, seed }: { count: number; seed: number },
  ): Promise<VectorBatch> {
    return this.#call(() => {
      const found = this.#find(collection)
      const version = findCurrent(found, space)
      const random = seededRandom(seed)
      const rows = [...found.items.values()]
        .flatMap((item) => {
          const vectors = passagesOf(item, version).map(({ vector }) => vector)
          const vector = vectors[random.int(vectors.length || 1)]
          return vector ? [{ id: item.id, vector, at: random.uniform() }] : []
        })
        .sort((a, b) => a.at - b.at)
        .slice(0, count)
      return {
        ids: rows.map(({ id }) => id),
        vectors: Float32Array.from(rows.flatMap(({ vector }) => [...vector])),
      }
    })
  }

  async *scan(
    collection: string,
    space: string,
    { batch = 1_000 }: { batch?: number } = {},
  ): AsyncGenerator<VectorBatch> {
    const rows = await this.#call(() => {
      const found = this.#find(collection)
      const version = findCurrent(found, space)
      return [...found.items.values()]
        .sort((a, b) => a.position - b.position)
        .flatMap((item) => passagesOf(item, version).map(({ vector }) => ({ id: item.id, vector })))
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

  /** Numbers what items were encoded to, in the order in which it is asked. */
  #markOf(made: Encoded): number {
    const mark = this.#marks.get(made) ?? ++this.#counter
    this.#marks.set(made, mark)
    return mark
  }

  #find(name: string): MemoryCollection {
    const collection = this.#collections.get(name)
    if (!collection) throw new EngineError('COLLECTION_NOT_FOUND', `there is no collection "${name}"`)
    return collection
  }

  #toItem(write: ItemWrite, spaces: readonly MemorySpace[], before: MemoryItem | undefined): MemoryItem {
    const encoded: MemoryItem['encoded'] = new Map()
    for (const [name, given] of Object.entries(write.vectors)) {
      const space = spaces.find((known) => known.name === name)
      if (!space) throw new EngineError('SPACE_NOT_FOUND', `there is no space "${name}"`)
      const current = space.versions.find(({ state }) => state === 'current')
      if (given !== 'keep') {
        if (current && !given.some(({ encoder }) => encoder === current.encoder)) {
          checkEncoder(current, given[0]?.encoder ?? 'none')
        }
        for (const { encoder } of given) {
          if (!space.versions.some((version) => version.encoder === encoder)) {
            checkEncoder(space.versions[0] as MemoryVersion, encoder)
          }
        }
      }
      for (const version of space.versions) {
        if (given === 'keep') {
          const kept = before?.encoded.get(version)
          if (kept) encoded.set(version, kept)
          continue
        }
        const found = given.find(({ encoder }) => encoder === version.encoder)
        for (const { vector } of found?.passages ?? []) checkDimension(version, vector)
        if (found) encoded.set(version, found)
      }
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
      encoded,
      fingerprints: before?.fingerprints ?? new Map(),
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

function toSpace({ name, input, version, ...record }: SpaceRecord): MemorySpace {
  const { encoder, encoderName, dim, metrics, unit, settings } = record
  const createdAt = new Date().toISOString()
  const first: MemoryVersion = {
    ...{ version, state: 'current', encoder, encoderName, dim, metrics, unit },
    ...{ settings, report: {}, files: {}, createdAt, detections: [] },
  }
  return { name, input, versions: [first], given: version, detections: 0 }
}

function toRecord(collection: MemoryCollection): CollectionRecord {
  const spaces = currentVersions(collection).map(([space, current]): SpaceRecord => {
    const { encoder, encoderName, dim, metrics, unit, version, settings } = current
    const staged = space.versions.find(({ state }) => state === 'staged')
    return {
      ...{ name: space.name, encoder, encoderName, dim, metrics, unit, input: space.input, version },
      ...(settings ? { settings } : {}),
      ...(staged ? { staged: toVersion(collection, staged) } : {}),
      ...(current.detections.some(isCurrent) ? { detection: toDetectionRecord(current) } : {}),
    }
  })
  const { name, keywords, indexed } = collection
  return structuredClone({
    ...{ name, spaces },
    ...(keywords.length > 0 ? { keywords } : {}),
    ...(indexed.length > 0 ? { indexed: [...indexed] } : {}),
  })
}

function toVersion(collection: MemoryCollection, version: MemoryVersion): EncoderVersion {
  const { files: _, detections: __, settings = {}, ...rest } = version
  return structuredClone({ ...rest, settings, vectors: countVectors(collection, version) })
}

function isCurrent({ state }: { state: string }): boolean {
  return state === 'current'
}

function toDetectionRecord({ detections }: MemoryVersion) {
  const found = detections.find(isCurrent)
  if (!found) throw new EngineError('DETECTION_NOT_FOUND', 'there is no detection')
  const { version, settings, report, createdAt } = found
  return { version, settings, report, createdAt }
}

/** The verdict first. */
function anomaliesOf({ encoded }: MemoryItem, version: MemoryVersion): StoredAnomaly[] {
  const made = encoded.get(version)
  const detection = version.detections.find(isCurrent)
  const judged = (made && detection?.judgements.get(made)) ?? new Map<string, Judgement>()
  const place = { version: version.version, detection: detection?.version ?? 0, error: null }
  const order = ({ detector }: Judgement): string => (detector === 'verdict' ? '' : detector)
  return [
    ...[...judged.values()]
      .sort((a, b) => (order(a) < order(b) ? -1 : 1))
      .map((judgement) => ({ ...place, ...judgement, percentile: 100 * (1 - judgement.pValue) })),
    ...(made?.anomalies ?? []).map((score) => ({ ...score, version: version.version })),
  ]
}

function findDetection(collection: MemoryCollection, space: string, number: number) {
  const encoder = findCurrent(collection, space)
  const detection = encoder.detections.find(({ version }) => version === number)
  if (detection) return { encoder, detection }
  throw new EngineError('DETECTION_NOT_FOUND', `space "${space}" has no detection ${number}`)
}

function unjudgedItems({ items }: MemoryCollection, encoder: MemoryVersion, detection: MemoryDetection) {
  return [...items.values()].flatMap((item) => {
    const made = item.encoded.get(encoder)
    return made && made.passages.length > 0 && !detection.judgements.has(made) ? [{ item, made }] : []
  })
}

function verdictsOf({ items }: MemoryCollection, encoder: MemoryVersion, { judgements }: MemoryDetection) {
  return [...items.values()].flatMap((item) => {
    const made = item.encoded.get(encoder)
    return (made && judgements.get(made)?.get('verdict')) ?? []
  })
}

function contentOf(item: MemoryItem): string {
  const own = [...item.encoded].filter(([version]) => version.encoder === null)
  const vectors = own.map(([, { passages }]) => passages.map(({ vector }) => Array.from(vector)))
  return JSON.stringify([item.textHash, item.image?.hash, vectors])
}

function toKeywordItem({ id, text, metadata }: MemoryItem) {
  return { id, text, metadata: JSON.parse(metadata) as Metadata }
}

function toStored(collection: MemoryCollection, item: MemoryItem, fields: ItemFields): StoredItem {
  const stored: StoredItem = { id: item.id, revision: item.revision, hasImage: item.image !== null }
  if (fields.metadata) stored.metadata = JSON.parse(item.metadata)
  if (fields.text) stored.text = item.text
  const vectors: Record<string, Float32Array[]> = {}
  const anomaly: Record<string, StoredAnomaly[]> = {}
  for (const [{ name }, version] of currentVersions(collection)) {
    const passages = passagesOf(item, version)
    if (passages.length > 0) vectors[name] = passages.map(({ vector }) => vector.slice())
    const scores = anomaliesOf(item, version)
    if (scores.length > 0) anomaly[name] = scores
  }
  if (fields.vectors) stored.vectors = vectors
  if (fields.anomaly) {
    stored.anomaly = anomaly
    const said = collection.corrections.get(item.id)
    if (said) stored.correction = said.verdict
  }
  return stored
}

function currentVersions({ spaces }: MemoryCollection): [MemorySpace, MemoryVersion][] {
  return spaces.flatMap((space) => {
    const current = space.versions.find(({ state }) => state === 'current')
    return current ? [[space, current] as [MemorySpace, MemoryVersion]] : []
  })
}

function findSpace({ name: collection, spaces }: MemoryCollection, name: string): MemorySpace {
  const space = spaces.find((known) => known.name === name)
  if (!space) throw new EngineError('SPACE_NOT_FOUND', `collection "${collection}" has no space "${name}"`)
  return space
}

function findCurrent(collection: MemoryCollection, name: string): MemoryVersion {
  const current = findSpace(collection, name).versions.find(({ state }) => state === 'current')
  if (!current) throw new EngineError('SPACE_NOT_FOUND', `space "${name}" is not filled yet`)
  return current
}

function findVersion(collection: MemoryCollection, space: string, number: number): MemoryVersion {
  const found = findSpace(collection, space).versions.find(({ version }) => version === number)
  if (!found) throw new EngineError('ENCODER_NOT_FOUND', `space "${space}" has no version ${number}`)
  return found
}

function those({ items }: MemoryCollection, ids: readonly string[]): MemoryItem[] {
  return ids.flatMap((id) => items.get(id) ?? [])
}

/** The items that match, in the order of first writing. */
function itemsOf(collection: MemoryCollection, where: Filter | undefined): MemoryItem[] {
  const items = [...collection.items.values()].sort((a, b) => a.position - b.position)
  if (!where) return items
  const holds = matcher(where)
  return items.filter((item) =>
    holds({
      id: item.id,
      metadata: JSON.parse(item.metadata),
      anomaly: (space, detector) => {
        const known = collection.spaces.find(({ name }) => name === space)
        const current = known?.versions.find(({ state }) => state === 'current')
        return current && anomaliesOf(item, current).find((score) => score.detector === detector)
      },
    }),
  )
}

function countValues(items: readonly MemoryItem[], field: string): { value: Json; count: number }[] {
  const counts = new Map<Json, number>()
  for (const { metadata } of items) {
    const { values } = valuesAt(JSON.parse(metadata), field.split('.'))
    const plain = values.flat(1).filter((value) => typeof value !== 'object' || value === null)
    for (const value of new Set(plain)) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const order = (value: Json): string => JSON.stringify(value)
  return Array.from(counts, ([value, count]) => ({ value, count })).sort(
    (a, b) => b.count - a.count || (order(a.value) < order(b.value) ? -1 : 1),
  )
}

function passagesOf(item: MemoryItem, version: MemoryVersion): PassageVector[] {
  return item.encoded.get(version)?.passages ?? []
}

function countVectors({ items }: MemoryCollection, version: MemoryVersion): number {
  return [...items.values()].reduce((sum, item) => sum + passagesOf(item, version).length, 0)
}

function scoresOf(
  collection: MemoryCollection,
  space: string,
  detector: string,
): (StoredAnomaly & { id: string })[] {
  const current = findCurrent(collection, space)
  return [...collection.items.values()]
    .sort((a, b) => a.position - b.position)
    .flatMap((item) => {
      const score = anomaliesOf(item, current).find((known) => known.detector === detector)
      return score ? [{ ...score, id: item.id }] : []
    })
}

/** Ids of what is flagged: by the verdict of the detection, where there is one. */
function flagsOf(
  collection: MemoryCollection,
  space: string,
  detector: string,
  upTo: number | undefined,
): Set<string> {
  const judged = findCurrent(collection, space).detections.some(isCurrent)
  const flagged = scoresOf(collection, space, judged ? 'verdict' : detector).filter((score) => {
    if (upTo === undefined || score.pValue === undefined) return score.flagged
    const said = collection.corrections.get(score.id)?.verdict
    return said ? said === 'strange' : score.pValue <= upTo
  })
  return new Set(flagged.map(({ id }) => id))
}

/** Those of the items that come after a cursor, in the order of first writing, and where the next page begins. */
function pageOf(items: readonly MemoryItem[], limit: number, cursor: string | undefined) {
  const after = cursor === undefined ? -1 : Number(cursor)
  if (!Number.isInteger(after)) {
    throw new EngineError('INVALID_REQUEST', `cursor "${cursor}" is not of a page`)
  }
  const rest = items.filter((item) => item.position > after).sort((a, b) => a.position - b.position)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const next = last && rest.length > limit ? { cursor: String(last.position) } : {}
  return { items: page, next }
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

function checkEncoder(version: MemoryVersion, encoder: string | null): void {
  if (encoder !== version.encoder) {
    const message = `vectors of encoder ${encoder} asked of a space of encoder ${version.encoder}`
    throw new EngineError('ENCODER_MISMATCH', message)
  }
}

function checkDimension(version: MemoryVersion, vector: Float32Array): void {
  if (vector.length !== version.dim) {
    const message = `vector has ${vector.length} dimensions, encoder ${version.encoder} has ${version.dim}`
    throw new EngineError('DIMENSION_MISMATCH', message)
  }
}
