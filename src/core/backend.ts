import type { Filter } from './filter.js'
import type { Job } from './jobs.js'
import type { KeywordMatch, KeywordQuery } from './keyword-query.js'
import type { Metric } from './metrics.js'
import type { Facet, FilterPlan, Metadata } from './types.js'

/** What the vectors of a space are made from. */
export type SpaceInput = 'text' | 'image' | 'vectors'

/** A space as the backend keeps it. */
export interface SpaceRecord {
  name: string
  /** The encoder's id, or null where the user brings the vectors. */
  encoder: string | null
  /** By what name the encoder can be loaded again; null where the user brings the vectors. */
  encoderName: string | null
  dim: number
  metrics: Metric[]
  /** Whether all vectors have length 1, so that one index can serve every metric. */
  unit: boolean
  /** `vectors`: the user brings them. */
  input: SpaceInput
  /** Which of the space's encoder versions is current; 1 for the first. */
  version: number
  /**
   * Of an encoder that is fitted to the collection: what {@link NewEncoderVersion} gave; of vectors that the user brings:
   * `{ columns }`, the names of their dimensions, if they have some; otherwise undefined.
   */
  settings?: Record<string, unknown>
  /** The version that is being filled and will become current, if there is one. */
  staged?: EncoderVersion
  /** What judges the items of its current encoder version, if it was fitted. */
  detection?: DetectionRecord
}

/** A fitted detection, to be staged: what judges how strange the items of a space are. */
export interface NewDetection {
  /** JSON; small (it is in every {@link SpaceRecord}). */
  settings: Record<string, unknown>
  /** JSON. */
  report: Record<string, unknown>
  /** What loading it needs, by name. */
  files: Record<string, Uint8Array>
}

/** A version of a space's detection. */
export interface DetectionRecord extends Omit<NewDetection, 'files'> {
  /** 1, 2, …, never used again within its space. */
  version: number
  /** ISO 8601. */
  createdAt: string
}

export interface DetectionVersion extends DetectionRecord {
  /** `staged`: items are being judged; `current`: its verdict counts; `retired`: it is kept, its judgements are not. */
  state: 'staged' | 'current' | 'retired'
  /** Items that it has judged, and those of them that are flagged. */
  judged: number
  flagged: number
}

/** An item that a detection has not judged. */
export interface UnjudgedItem {
  id: string
  /** Which of its writes the vectors are of; larger is later. */
  mark: number
  /** One a passage. */
  vectors: Float32Array[]
}

/** What one detector says of an item. */
export interface Judgement {
  /** `verdict` is the joint one. */
  detector: string
  /** Larger is stranger. */
  score: number
  /** The part of normal items that are at least as strange, in (0, 1]. */
  pValue: number
  flagged: boolean
}

/** What a detection says of one item. */
export interface JudgedItem {
  id: string
  /** {@link UnjudgedItem.mark} of the vectors that were judged. */
  mark: number
  judgements: readonly Judgement[]
}

/** What a person says of an item; null takes it back. */
export interface CorrectionChange {
  id: string
  verdict: Correction['verdict'] | null
}

/** What a person said of an item. */
export interface Correction {
  id: string
  verdict: 'fine' | 'strange'
  /** ISO 8601. */
  madeAt: string
}

/** A version of a space's encoder, to be staged. */
export interface NewEncoderVersion {
  /** Hashes weights and settings. */
  encoder: string
  encoderName: string
  dim: number
  metrics: Metric[]
  unit: boolean
  /**
   * JSON; small (it is in every {@link SpaceRecord}). `indexFrom`, where it is there, tells a backend from how many vectors on an
   * index is worth it.
   */
  settings: Record<string, unknown>
  /** JSON. */
  report: Record<string, unknown>
  /** What loading it needs, by name. */
  files: Record<string, Uint8Array>
}

/** A version of a space's encoder. One space's versions never meet in one index. */
export interface EncoderVersion extends Omit<NewEncoderVersion, 'files' | 'encoder' | 'encoderName'> {
  /** 1, 2, …, never used again within its space. */
  version: number
  encoder: string | null
  encoderName: string | null
  /** `staged`: being filled, not searched; `current`: searched; `retired`: kept so that it can be brought back. */
  state: 'staged' | 'current' | 'retired'
  /** ISO 8601. */
  createdAt: string
  /** Vectors that it has. */
  vectors: number
}

export interface CollectionRecord {
  name: string
  spaces: SpaceRecord[]
  /** Paths of the metadata whose strings keyword search finds beside the text; undefined for none. */
  keywords?: string[]
  /** Metadata fields, by their dotted names, that filters are to find fast; undefined for none. */
  indexed?: string[]
}

export interface CollectionStats extends CollectionRecord {
  items: number
  /** By space. */
  vectors: Record<string, { live: number; indexed: number }>
}

/** A vector to store: a whole item's, or that of the part [start, end) of its text, in UTF-16 units. */
export interface PassageVector {
  vector: Float32Array
  start: number
  end: number
}

/** What one encoder version makes of one item. */
export interface EncodedItem {
  /** The encoder's id; null for the user's own vectors. */
  encoder: string | null
  passages: PassageVector[]
  /** Only of encoders that reconstruct: the reconstruction's first. */
  anomalies?: readonly AnomalyScore[]
}

/** How strange a detector finds an item, as it is stored. */
export interface AnomalyScore {
  /** Which detector: `reconstruction`, of a VAE `nelbo` too. */
  detector: string
  /** Larger is stranger; what orders items. */
  score: number
  /** Where the detector has one: the reconstruction's mean squared error over pixels in 0..1. */
  error: number | null
  /** How many of the held-out items score less, in 0..100. */
  percentile: number
  flagged: boolean
}

/** How strange a stored item is: by its encoder, or by one of the detectors of its space's detection. */
export interface StoredAnomaly extends AnomalyScore {
  /** The encoder version whose vectors were judged. */
  version: number
  /** The version of the detection; not there where the encoder itself judged. */
  detection?: number
  /** Not there where the encoder itself judged. */
  pValue?: number
}

/** A picture to store. */
export interface ImageWrite {
  /** Width and height as given, after turning it upright. */
  width: number
  height: number
  /** SHA-256 of the file as given, in hexadecimal. */
  hash: string
  /** At most 256 pixels a side; what encoders and pages read. */
  rendition: { bytes: Uint8Array; type: string }
  /** The file as given, where it is kept. */
  original: { bytes: Uint8Array; type: string } | null
  /** Where the file lies, where it is not kept. */
  path: string | null
}

/** An image of a collection, for whoever fits or fills an encoder. */
export interface StoredImage {
  id: string
  /** The item's. */
  revision: number
  rendition: Uint8Array
}

/** One item to write; it replaces the item of that id whole. */
export interface ItemWrite {
  id: string
  text: string | null
  metadata: Metadata
  /** null for none, `keep` for the picture that is there (needs `ifRevision`). */
  image: ImageWrite | null | 'keep'
  /** Hash of all that the user gave, so that the same item can be recognized. */
  fingerprint: string
  /** Hash of the text, so that an unchanged text need not be encoded again; null without text. */
  textHash: string | null
  /**
   * By space: what its encoder versions make of the item, the current one's among them, or `keep` for what is there, of
   * all versions (needs `ifRevision`). A space that is not named loses the item's vectors and scores, of all versions;
   * a version that is not named loses them too.
   */
  vectors: Record<string, EncodedItem[] | 'keep'>
  /** Only if the item still has this revision; 0: only if it is not there. */
  ifRevision?: number
}

/** What the engine asks before it encodes. */
export interface ItemStamp {
  /** Grows with every write of the item. */
  revision: number
  fingerprint: string
  textHash: string | null
  /** {@link ImageWrite.hash}; null without image. */
  imageHash: string | null
  /** Spaces that hold vectors of the item, by their current encoder. */
  spaces: string[]
  hasImage: boolean
}

export interface ItemFields {
  metadata?: boolean
  text?: boolean
  vectors?: boolean
  anomaly?: boolean
}

export interface StoredItem {
  id: string
  revision: number
  metadata?: Metadata
  text?: string | null
  vectors?: Record<string, Float32Array[]>
  /** By space, of its current encoder and detection: the verdict first, then by detector; only spaces that have scores. */
  anomaly?: Record<string, StoredAnomaly[]>
  /** What a person said of it; read with `anomaly`. */
  correction?: Correction['verdict']
  hasImage: boolean
}

export interface NearestQuery {
  space: string
  /** The encoder that made the query's vectors; null for the user's own. */
  encoder: string | null
  /** At least one, each of shape [dim]; an item's distance is the least over all of them and its passages. */
  vectors: Float32Array[]
  metric: Metric
  /** Items, not vectors. */
  k: number
  /** Compare with every vector. */
  exact?: boolean
  ef?: number
  /** What part of the true nearest is to be found, in 0..1; chooses `ef` where the backend can. */
  targetRecall?: number | undefined
  /** Only items that match. */
  where?: Filter | undefined
  /** Ids that must not be found. */
  exclude?: readonly string[]
  /** `false` where borders and revisions of hits are not asked for, which may save looking them up. Default true. */
  borders?: boolean
  signal?: AbortSignal
}

/** An item found; smaller distance is nearer. */
export interface Hit {
  id: string
  distance: number
  /** Borders of its best passage in the item's text, in UTF-16 units. */
  start: number
  end: number
  /** Of the item whose text the borders are of, where the space has an encoder. */
  revision?: number
}

export interface NearestAnswer {
  /** At most k, nearest first, ties in one stable order; fewer only if no more items that match have vectors there. */
  hits: Hit[]
  strategy: 'exact' | 'hnsw'
  ef?: number
  /** Vectors compared one by one. */
  scanned: number
  /** Of a search with a filter. */
  filtered?: FilteredPlan
}

/** What a backend knew of a filter, and what would help. */
export interface FilteredPlan extends FilterPlan {
  /** What would make such searches faster. */
  hint?: string
}

export interface KeywordSearchQuery {
  query: KeywordQuery
  /** Items. */
  k: number
  /** Only items that match. */
  where?: Filter | undefined
}

/** An item that has words of a query; larger score is better. */
export interface KeywordHit {
  id: string
  /** BM25 (k1 1.2, b .75) over all the collection's items that have words; a word found by characters alone counts half. */
  score: number
}

/** Items in whose texts words are looked for. */
export interface KeywordMatchQuery {
  query: KeywordQuery
  /** `part`: where in the text to look; else the part where most of the query stands is chosen. */
  items: readonly { id: string; part?: { start: number; end: number } }[]
}

/** Vectors of a space in the order of their labels, for whoever fits or audits something. */
export interface VectorBatch {
  ids: string[]
  /** Row-major, shape [ids.length, dim]. */
  vectors: Float32Array
}

/** Something small that is derived from an item's text or picture and kept beside it. */
export interface Fingerprint {
  /** What it was made of and how, so that one of another content is not taken for it. */
  source: string
  bytes: Uint8Array
}

/** What an item holds, without its text and picture. */
export interface ItemContent {
  id: string
  /** {@link ItemWrite.textHash}; null without text. */
  textHash: string | null
  /** Of the text, in UTF-8; 0 without. */
  textBytes: number
  /** {@link ImageWrite.hash}; null without picture. */
  imageHash: string | null
  /** Of the picture as given: width times height; 0 without. */
  pixels: number
  /** Those of the kinds that were asked for and are kept. */
  fingerprints: Record<string, Fingerprint>
}

export interface ListQuery {
  /** 1 to 1,000. */
  limit: number
  /** From the page before; the order is stable under writes. */
  cursor?: string
  fields: ItemFields
  where?: Filter | undefined
}

export interface FacetQuery {
  /** Metadata fields, by their dotted names. */
  fields: readonly string[]
  /** Only items that match. */
  where?: Filter | undefined
  /** Values of each field. */
  limit: number
}

/** By field: its most frequent plain values with the number of items that have them, the most frequent first. */
export type Facets = Record<string, Facet>

/**
 * Where collections live. Everything is asynchronous and nothing above may assume a file, SQLite or one machine.
 *
 * Every write resolves after it is durable, and a `nearest` or `keyword` that begins after that sees it. Unknown collections are
 * refused with COLLECTION_NOT_FOUND, unknown spaces with SPACE_NOT_FOUND, everything after `close` with CLOSED.
 */
export interface Backend {
  /** Its kind, for health reports: `embedded`. */
  readonly kind: string

  listCollections(): Promise<CollectionRecord[]>
  getCollection(name: string): Promise<CollectionRecord | undefined>
  /** @throws EngineError COLLECTION_EXISTS */
  createCollection(record: CollectionRecord): Promise<void>
  /** Everything of it, vectors and pictures included. @returns whether it was there */
  deleteCollection(name: string): Promise<boolean>
  stats(collection: string): Promise<CollectionStats>

  /**
   * Writes all or nothing. The items' ids differ from each other; vectors have the space's dimension.
   *
   * @throws EngineError CONFLICT where an `ifRevision` does not hold; `details.ids` names the items
   * @throws EngineError ENCODER_MISMATCH where vectors come from another encoder than the space's
   */
  upsert(collection: string, writes: readonly ItemWrite[]): Promise<void>
  /** @returns the ids that were there */
  remove(collection: string, ids: readonly string[]): Promise<string[]>
  /** Removes every item that matches at one moment, all or none. @returns how many */
  removeWhere(collection: string, where: Filter): Promise<number>
  /** Sets which metadata fields filters are to find fast. */
  setIndexed(collection: string, fields: readonly string[]): Promise<void>

  /** What is known of those of the ids that exist. */
  stamps(collection: string, ids: readonly string[]): Promise<Map<string, ItemStamp>>
  /** Those of the ids that exist. */
  get(collection: string, ids: readonly string[], fields: ItemFields): Promise<Map<string, StoredItem>>
  /** In the order of first writing. */
  list(collection: string, query: ListQuery): Promise<{ items: StoredItem[]; cursor?: string }>
  /** How many items match; all without a filter. */
  count(collection: string, where?: Filter): Promise<number>
  /** Counts values; an array counts once for each different value in it. */
  facets(collection: string, query: FacetQuery): Promise<Facets>
  /** The original where it is kept and `rendition` was not asked, else the rendition. */
  image(
    collection: string,
    id: string,
    options?: { rendition?: boolean },
  ): Promise<{ bytes: Uint8Array; type: string } | undefined>
  /**
   * Items with a picture, in the order of first writing.
   *
   * @param options.lacking only those that have no vector of this encoder version yet
   */
  images(
    collection: string,
    options: { limit: number; cursor?: string; lacking?: { space: string; version: number } },
  ): Promise<{ images: StoredImage[]; cursor?: string }>
  countImages(collection: string): Promise<number>

  /**
   * Adds an encoder version to a space, and the space if it is not there (a space without a current version is in no
   * record). What is upserted from now on may hold its vectors; what was written before is given by {@link fill}.
   *
   * @returns the version's number
   * @throws EngineError CONFLICT if the space has a staged version already, or takes something else than images
   */
  stageEncoder(collection: string, space: string, version: NewEncoderVersion): Promise<number>
  /**
   * Writes what a staged or retired version makes of items that lack it; all of a call are durable when it resolves.
   * Rows of items that were changed or removed since `revision`, or have the version's vectors already, are passed over.
   *
   * @returns how many were written
   */
  fill(
    collection: string,
    space: string,
    version: number,
    rows: readonly { id: string; revision: number; encoded: EncodedItem }[],
  ): Promise<number>
  /**
   * Makes a version current, if no item with a picture lacks its vectors; the one before is retired, and older retired
   * ones are dropped. Searches see the one or the other, never both.
   *
   * @returns whether it was whole
   * @throws EngineError ENCODER_NOT_FOUND
   */
  promoteEncoder(collection: string, space: string, version: number): Promise<boolean>
  /** Drops a staged or retired version with its vectors, and the space if that was all. Idempotent. */
  dropEncoder(collection: string, space: string, version: number): Promise<void>
  /** Newest first. @throws EngineError SPACE_NOT_FOUND */
  encoderVersions(collection: string, space: string): Promise<EncoderVersion[]>
  /** What {@link NewEncoderVersion} gave. @throws EngineError ENCODER_NOT_FOUND */
  encoderFiles(collection: string, space: string, version: number): Promise<Record<string, Uint8Array>>
  /**
   * Items by the score of a detector in a space's current version, the strangest first.
   *
   * @param query.detector `verdict` and the others of its detection, or `reconstruction` of its encoder
   * @param query.flagged only those whose verdict is flagged, or is not; by the encoder's own judgement where there is no detection
   * @param query.upTo flagged are those of at most so small a p-value, and what people said, instead of what is stored
   */
  strangest(
    collection: string,
    space: string,
    query: {
      detector: string
      limit: number
      flagged?: boolean
      upTo?: number | undefined
      where?: Filter | undefined
    },
  ): Promise<(StoredAnomaly & { id: string })[]>
  /**
   * How many items a detector has scored and flagged in a space's current version.
   *
   * @param upTo of `verdict`: as in {@link strangest}
   */
  countAnomalies(
    collection: string,
    space: string,
    detector: string,
    upTo?: number,
  ): Promise<{ scored: number; flagged: number }>

  /**
   * Adds a detection to a space's current encoder version; one that was staged before is dropped.
   *
   * @returns the version's number
   * @throws EngineError ENCODER_MISMATCH where the encoder is another by now
   */
  stageDetection(collection: string, space: string, encoder: number, detection: NewDetection): Promise<number>
  /** The next items that a detection has not judged, in the order of their writes; none where it has judged all. */
  unjudged(
    collection: string,
    space: string,
    version: number,
    options: { limit: number },
  ): Promise<UnjudgedItem[]>
  /**
   * Keeps judgements, in the order in which {@link unjudged} gave the items; those of items that were written or removed
   * meanwhile are passed over, and what a person said of an item decides whether it is flagged.
   */
  judge(collection: string, space: string, version: number, rows: readonly JudgedItem[]): Promise<void>
  /** Makes a detection current, if it has judged all items; the one before is retired. @returns whether it had */
  promoteDetection(collection: string, space: string, version: number): Promise<boolean>
  /** Drops a staged version. Idempotent. */
  dropDetection(collection: string, space: string, version: number): Promise<void>
  /** Those of the space's current encoder version, newest first. */
  detections(collection: string, space: string): Promise<DetectionVersion[]>
  /** What {@link NewDetection} gave. @throws EngineError DETECTION_NOT_FOUND */
  detectionFiles(collection: string, space: string, version: number): Promise<Record<string, Uint8Array>>
  /** The verdict's p-values, ascending, of the space's current detection. */
  pValues(collection: string, space: string): Promise<Float64Array>
  /**
   * Keeps what people say of items until the items' content changes; null takes it back. Flags follow at once.
   *
   * @returns the ids that are there
   */
  correct(collection: string, rows: readonly CorrectionChange[]): Promise<string[]>
  /** The latest first, at most 10,000. */
  corrections(collection: string): Promise<Correction[]>

  /**
   * What items hold, in the order of first writing.
   *
   * @param options.kinds of the fingerprints that come with them
   * @param options.where only of items that match
   */
  contents(
    collection: string,
    options: { limit: number; cursor?: string; kinds: readonly string[]; where?: Filter | undefined },
  ): Promise<{ items: ItemContent[]; cursor?: string }>
  /** Keeps fingerprints, one of a kind for each item, until the item is removed; those of items that are gone are passed over. */
  keepFingerprints(
    collection: string,
    kind: string,
    rows: readonly ({ id: string } & Fingerprint)[],
  ): Promise<void>

  /** Keeps a report with its rows in place of the collection's last one of that name; readers see the one or the other. */
  keepReport(
    collection: string,
    name: string,
    report: { head: Record<string, unknown>; rows: readonly string[] },
  ): Promise<void>
  /** A page of the report's rows, in their order; undefined where there is no report. A page of another report's rows is refused. */
  report(
    collection: string,
    name: string,
    options: { limit: number; cursor?: string },
  ): Promise<{ head: Record<string, unknown>; rows: string[]; cursor?: string } | undefined>

  /** Keeps what became of a job, by its id, so that a later process can tell; the latest 100 are kept. */
  recordJob(job: Job): Promise<void>
  /** Newest first. */
  recordedJobs(): Promise<Job[]>

  /** @throws EngineError ENCODER_MISMATCH, DIMENSION_MISMATCH */
  nearest(collection: string, query: NearestQuery): Promise<NearestAnswer>
  /** The items that have most of a query's words, the best first, ties in the order of first writing. */
  keyword(collection: string, query: KeywordSearchQuery): Promise<KeywordHit[]>
  /** Where a query's words stand in the texts of those of the items that exist, by id. */
  keywordMatches(collection: string, query: KeywordMatchQuery): Promise<Map<string, KeywordMatch>>
  /**
   * Vectors of a space drawn at random, one an item, by a seed; all items' where they are not more than `count`. What it
   * takes depends on `count` and not on the space.
   */
  sample(collection: string, space: string, options: { count: number; seed: number }): Promise<VectorBatch>
  /** All live vectors of a space, as they were when it began, in batches. */
  scan(collection: string, space: string, options?: { batch?: number }): AsyncIterable<VectorBatch>

  /** Resolves when everything written so far is in the indexes (searches do not need it). */
  settled(collection: string): Promise<void>
  /** Waits for writes that began, stops background work, releases everything. Idempotent. */
  close(): Promise<void>
}
