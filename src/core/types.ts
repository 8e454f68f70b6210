import type { DetectionReport } from './detection.js'
import type { Metric } from './metrics.js'
import type { Reason } from './reasons.js'

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What a user says about an item; keys that start with `$` or contain `.` are refused. */
export type Metadata = Record<string, Json>

/** A picture whose file stays where it is: only a small rendition of it is stored. */
export interface RenderedImageInput {
  /** PNG or WebP, upright, of at most 256 pixels a side. */
  rendition: Uint8Array
  /** Of the file, upright. */
  width: number
  height: number
  /** SHA-256 of the file, in hexadecimal. */
  hash: string
  /** Where the file lies. */
  path: string
}

/** An item as a user gives it. At least one of `text`, `image` and `vectors` must be there. */
export interface ItemInput {
  /** 1 to 512 UTF-8 bytes, any Unicode, no control characters. */
  id: string
  text?: string
  /** Bytes of a picture (PNG, JPEG, WebP, GIF, AVIF), which are kept; or a picture that was read from a file elsewhere. */
  image?: Uint8Array | RenderedImageInput
  metadata?: Metadata
  /** Vectors the user brings, by space. */
  vectors?: Record<string, ArrayLike<number>>
}

/** What an answer shows of an item besides its id. */
export type Include = 'metadata' | 'text' | 'vectors' | 'anomaly'

export const INCLUDES: readonly Include[] = ['metadata', 'text', 'vectors', 'anomaly']

/** What one detector says of an item. */
export interface DetectorScore {
  /** Larger is stranger; of the detector's own scale. */
  score: number
  /** The part of normal items that this detector finds at least as strange, in (0, 1]. */
  pValue: number
}

/** How strange an item is in a space. */
export interface Anomaly {
  space: string
  /** Which of the space's encoder versions made what was judged. */
  version: number
  /** `verdict`: the joint one of the space's detectors; `reconstruction`: the encoder's own, where none were fitted. */
  detector: string
  /** Which of the space's detections judged; not there where the encoder itself did. */
  detection?: number
  /** Larger is stranger. */
  score: number
  /** Mean squared error over pixels in 0..1 of what an encoder makes of the item's picture; null where none reconstructs it. */
  error: number | null
  /** How many normal items score less, in 0..100. */
  percentile: number
  /** The part of normal items that are at least as strange, in (0, 1]; of a verdict. */
  pValue?: number
  flagged: boolean
  /** What each detector says; of a verdict. */
  detectors?: Record<string, DetectorScore>
  /** What a person said: it decides whether the item is flagged. */
  correction?: 'fine' | 'strange'
}

/** How a space's detectors are to be fitted. */
export interface DetectOptions {
  /**
   * Default: where there are pictures, `outliers`, whose descriptor is made to tell strangers and fitted when it is first needed;
   * else `text`, else the first.
   */
  space?: string
  /**
   * `clean`: all items that it is fitted to are normal, so that flags keep their rate; `mixed`: some may be strange, and no
   * rule keeps a rate on every collection: the answer tells a range. Default: mixed.
   */
  reference?: 'clean' | 'mixed'
  /** The part of normal items that may be flagged, above 0 and below 1. Default 0.01. */
  rate?: number
  /** Instead: the part of flagged items that may be normal (Benjamini-Hochberg). */
  fdr?: number
  /** Fits to items that match; all are judged. Default: all. */
  where?: unknown
  /** Of all randomness. Default 1. */
  seed?: number
}

/** What fitting a space's detectors came to. */
export interface DetectResult {
  space: string
  /** The detection's version. */
  detection: number
  /** The p-value up to which items are flagged. */
  threshold: number
  report: DetectionReport
  /** Items that were judged, and those of them that are flagged. */
  scored: number
  flagged: number
}

/** What is asked of a collection's outliers. */
export interface OutlierOptions extends Pick<DetectOptions, 'space' | 'reference' | 'rate' | 'fdr'> {
  /** 1 to 1,000. Default 10. */
  limit?: number
  /** Only those that are flagged. Default false. */
  flagged?: boolean
  /** Only items that match. */
  where?: unknown
  /** Whose scores order the answer: `verdict`, or one of the detectors. Default: verdict. */
  detector?: string
  /**
   * Judges this collection's items by what is normal in another one, or in the part of it that matches; nothing is stored.
   * Not with `where`, `flagged` or `detector`.
   */
  against?: string | { collection: string; where?: unknown }
}

export interface OutlierAnswer {
  /** The strangest first. */
  outliers: (Anomaly & { id: string })[]
  space: string
  /** Of the detection that judged. */
  detection: number
  reference: 'clean' | 'mixed'
  /** Up to which p-value an item is flagged, and what was asked to come to it. */
  threshold: { pValue: number; rate?: number; fdr?: number }
  /**
   * Of normal items, the part that the rate flags: what is expected, and the range that it lies in. Of a clean reference by
   * the calibration's size, of a mixed one as it was measured elsewhere. Not there where an fdr is asked.
   */
  falseAlarms?: { expected: number; low: number; high: number }
  /** Items that were judged, and those of them that are flagged. */
  scored: number
  flagged: number
  /** What the detectors were fitted to and found. */
  report: DetectionReport
  /** What should be known beside the numbers: that a rate cannot be promised, that an fdr cannot be met. */
  notes: string[]
}

/** Why an item seems strange. */
export interface OutlierExplanation {
  id: string
  space: string
  anomaly: Anomaly
  /** The detectors that object, then dimensions out of range, its nearest items, the passage and the region that stand out. */
  reasons: Reason[]
  /** Its nearest items that are not strange themselves, the nearest first; by the space's first metric. */
  nearest: { id: string; distance: number }[]
  /**
   * Of a picture that an encoder reconstructs: the picture, what the encoder makes of it, and where they differ, side by side,
   * as a PNG.
   */
  picture?: Uint8Array
}

/** An item as it is given back. */
export interface Item {
  id: string
  metadata?: Metadata
  /** null where the item has no text. */
  text?: string | null
  /** By space, one a passage; only of the encoder the space uses now. */
  vectors?: Record<string, number[][]>
  /** Not there where no detector has judged the item. */
  anomaly?: Anomaly
  /** Whether `GET …/items/{id}/image` has something to show. */
  hasImage?: boolean
}

/** A named latent space, as its creator asks for it. */
export interface SpaceOptions {
  /** 1 to 100 characters: see `core/names.ts`. */
  name: string
  /** A text encoder's name. Without it the space takes vectors that the user brings, and `dim` is needed. */
  encoder?: string
  /** 1 to 16,384. */
  dim?: number
  /** What is indexed; other metrics are answered exactly. Default: cosine. */
  metrics?: Metric[]
  /** Names of the dimensions of vectors that the user brings, such as a table's columns; `dim` of them. Default: none. */
  columns?: string[]
}

/** What a collection is made with. Default: one space `text` with the default text encoder. */
export interface CollectionOptions {
  /** The text encoder of the space `text`; not together with `spaces`. Default: what `kindred encoders use` chose for the home, else all-MiniLM-L6-v2. */
  encoder?: string
  spaces?: SpaceOptions[]
  /**
   * Paths of the metadata whose strings keyword search finds beside the text, with dots into objects: `title`,
   * `author.name`; in arrays each string. At most 32. Default: none.
   */
  keywords?: string[]
  /** Metadata fields, by their dotted names, that filters are to find fast; at most 64. May be changed later. Default: none. */
  indexed?: string[]
}

export interface SpaceSummary {
  name: string
  /** The encoder's id, or null where the user brings the vectors. */
  encoder: string | null
  /** Its name: `all-MiniLM-L6-v2`, `descriptor`, `vae`; null where the user brings the vectors. */
  encoderName: string | null
  /** What its vectors are made from. */
  input: 'text' | 'image' | 'vectors'
  /** Counts the encoders that the space has had. */
  version: number
  dim: number
  metrics: Metric[]
  /** Names of the dimensions, where they have some. */
  columns?: string[]
  /** Live vectors: one a passage. */
  vectors: number
  /** Of those, how many the index holds already; the others are found by an exact scan. */
  indexed: number
}

export interface CollectionSummary {
  name: string
  items: number
  spaces: SpaceSummary[]
  /** Paths of the metadata that keyword search reads; not there where it reads texts only. */
  keywords?: string[]
  /** Metadata fields that filters find fast; undefined for none. */
  indexed?: string[]
}

/** What to look for: exactly one of the kinds. */
export type Query =
  | { text: string }
  | { id: string }
  /** `encoder`: the id of the encoder that made it; refused where the space has another. */
  | { vector: ArrayLike<number>; encoder?: string }
  /** Bytes of a picture. */
  | { image: Uint8Array }
  /** More like these, less like those. */
  | { positive: QueryPart[]; negative?: QueryPart[] }

/** An example of a query by examples. */
export type QueryPart = (
  | { text: string }
  | { id: string }
  | { vector: ArrayLike<number>; encoder?: string }
  | { image: Uint8Array }
) & {
  /** How much it counts among the examples of its side, above 0, at most 1e9. Default 1. */
  weight?: number
  /** Default: the request's, else as of a query of its kind; of an item one that the other examples are of. */
  space?: string
}

/** By words and meaning together, by meaning alone, by words alone. */
export type SearchMode = 'hybrid' | 'dense' | 'keyword'

export const SEARCH_MODES: readonly SearchMode[] = ['hybrid', 'dense', 'keyword']

export interface SearchRequest {
  query: Query
  /**
   * Default: for a text `text`; for an image `descriptor`; for a vector `text` or the only space that is not of images;
   * for an item the first of these that has a vector of it. Else the only space.
   */
  space?: string
  /** Default: the first that the space declares. */
  metric?: Metric
  /**
   * Default: `hybrid` for a text, `dense` for everything else. In `hybrid` and `keyword` a text may hold "quoted phrases"
   * (must be there), -excluded words (must not) and prefix*; `dense` takes it as it stands.
   */
  mode?: SearchMode
  /**
   * How the two lists of a hybrid search become one: `rrf` by reciprocal ranks, `score` by scores that are stretched from
   * 0 to 1. Default: rrf.
   */
  fusion?: 'rrf' | 'score'
  /** Weight of meaning in a hybrid search: 0 is keyword search, 1 dense search. Default: .5. */
  alpha?: number
  /** How many items, 1 to 10,000. Default 10. */
  k?: number
  /** Only items that match: `{ year: { $gte: 2000 }, tags: 'sea' }`; docs/queries.md tells all operators. */
  where?: unknown
  /** Metadata fields of which the most frequent values among all matching items are counted; at most 20. */
  facets?: string[]
  /** Compares with every vector instead of asking the index; like `ef` and `metric` of the dense part. Default false. */
  exact?: boolean
  /** HNSW's `ef`, 1 to 10,000: larger finds more of the true neighbours and costs time in proportion. Default: by `targetRecall`. */
  ef?: number
  /**
   * What part of the true nearest is to be found on average, 0.9 to 0.999: chooses `ef` by a curve that was measured on
   * the collection's own vectors. Default: .99, and no less `ef` than 64.
   */
  targetRecall?: number
  /** Default: metadata. */
  include?: Include[]
  /** Only results of at least this score; of the score that is answered. */
  minScore?: number
  /** Only items within this distance, all of them up to `k`: every vector is compared. Of dense search in one space. */
  maxDistance?: number
  /**
   * Passes over the first so many and gives a `cursor` for what follows; 0 begins with the first page. With `k` at most
   * 10,000. Pages are cut from one list, for which every vector is compared.
   */
  offset?: number
  /** From the answer before, with the same request but for `k`, `include` and `facets`. */
  cursor?: string
  /**
   * A metadata field, by its dotted name: the best item of each of its values, at most `k` values. Items where it is
   * missing, null, a list or an object are left out.
   */
  groupBy?: string
  /** How many items of each value, 1 to 100. Default 1. */
  groupSize?: number
  /** How different from each other results are to be, 0 (not at all) to 1; `k` is then at most 100. Default 0. */
  diversity?: number
  /**
   * Waits for the collection's calibration if there is none yet, so that the answer has percentiles and, for a text,
   * `match`. Default false: they are left out until it is there.
   */
  calibrated?: boolean
}

export interface SearchResult {
  id: string
  /** Larger is better: of dense search the metric's, of keyword search BM25, of hybrid search 0 to 1 (first in both). */
  score: number
  /** Smaller is nearer; of the metric asked. Only where vectors were compared and found it. */
  distance?: number
  /** Of a hybrid search: what each part gave it; a part that did not find it is left out. */
  scores?: { dense?: number; keyword?: number }
  /** Of examples over several spaces, whose `score` is the joint one: what each space gave it. */
  spaceScores?: Record<string, number>
  /** Of a search with `groupBy`: the value of the field. */
  group?: string | number | boolean
  /**
   * How unusual the similarity is: the percentage of pairs of the collection's own items that are less alike. Only where
   * vectors found it and the collection is calibrated.
   */
  percentile?: number
  metadata?: Metadata
  text?: string | null
  vectors?: Record<string, number[][]>
  anomaly?: Anomaly
  /** The part of the text that answers best; only where a text space or words were searched. */
  passage?: string
  /** Where words of the query stand; only of hybrid and keyword search, and only where they do. */
  highlights?: Highlight[]
}

/** A piece of an item's text that has words of the query. */
export interface Highlight {
  text: string
  /** Where the piece begins in the item's text, in UTF-16 units. */
  start: number
  /** Borders of the words in the piece: [start, end) in UTF-16 units, in order. */
  marks: [start: number, end: number][]
}

/** How an answer was found. */
export interface SearchPlan {
  mode: SearchMode
  /**
   * `exact`: every vector was compared; `hnsw`: the index was asked (and what it does not hold yet, scanned);
   * `keyword`: no vectors were compared.
   */
  strategy: 'exact' | 'hnsw' | 'keyword'
  /** Where vectors were compared. */
  space?: string
  /** Instead, where examples were of several spaces. */
  spaces?: string[]
  metric?: Metric
  ef?: number
  /** Vectors compared one by one. */
  scanned: number
  /** Of a hybrid search. */
  fusion?: 'rrf' | 'score'
  alpha?: number
  /** How many items each of its parts was asked for. */
  candidates?: number
  /** Of a search with a filter. */
  filter?: FilterPlan
  /** What would make searches like this one faster. */
  hint?: string
}

/** What was known of a filter when it was decided how to search. */
export interface FilterPlan {
  /** Items of the collection that match, and their part of all, in 0..1. */
  matches: number
  selectivity: number
  /** What the strategy was expected to take. */
  estimatedMs: number
  /** How those items were found: kept from before, in indexed fields, or by reading metadata. */
  resolved: 'kept' | 'memory' | 'metadata'
}

/** The most frequent values of a field, with the number of items that have them. */
export type Facet = { value: Json; count: number }[]

/** Whether what was found answers a text: `none` is no good match, as for words that mean nothing here. */
export type Match = 'good' | 'weak' | 'none'

export const MATCHES: readonly Match[] = ['good', 'weak', 'none']

/** What a verdict rests on. */
export interface MatchReason {
  /** That the query is answered, 0 to 1: below .5 `none`, below .9 `weak`. */
  likelihood: number
  /** The percentage of the collection's items whose nearest other item is less alike than the best result is to the query. */
  percentile?: number
  /** Standard deviations by which the best similarity is above those that random words of the collection reach. */
  deviations?: number
  /** The part of the query's words that one of the best texts has, rare ones counting more; 0 to 1. */
  words?: number
}

export interface SearchAnswer {
  results: SearchResult[]
  /** Of a search for a text in a collection that is calibrated. */
  match?: Match
  matchReason?: MatchReason
  /** By field, where facets were asked for. */
  facets?: Record<string, Facet>
  /** For the next page, where `offset` or `cursor` was asked; the last has none. */
  cursor?: string
  tookMs: number
  plan: SearchPlan
}

/** What became of a batch; it is given only after the commit. */
export interface AddReceipt {
  /** Items written. */
  upserted: number
  /** Items that were there already, the same in every respect; nothing was written for them. */
  unchanged: number
}

/**
 * How two items are duplicates: `exact`: the same text and the same picture, byte by byte; `near`: the same but for small
 * changes; `similar`: near to each other in a latent space.
 */
export type DuplicateRelation = 'exact' | 'near' | 'similar'

export const DUPLICATE_RELATIONS: readonly DuplicateRelation[] = ['exact', 'near', 'similar']

/** What items are compared by; see {@link DuplicateOptions.by}. */
export const DUPLICATE_PARTS = ['item', 'text', 'image'] as const

export interface DuplicateOptions {
  /** Which kinds are looked for. Default: exact and near. */
  relations?: DuplicateRelation[]
  /**
   * What exact and near ones must share. `item`: all that both have, text and picture (exact ones have nothing else);
   * `text`, `image`: that part alone. Default `item`.
   */
  by?: (typeof DUPLICATE_PARTS)[number]
  /** Of near texts: the least share of common shingles (Jaccard), 0.5 to 1. Less finds more, and more that is not one. Default 0.7. */
  textThreshold?: number
  /** Of near pictures: the least likeness, 0.9 to 1. Less finds more, and more that is not one. Default 0.95. */
  imageThreshold?: number
  /** Of similar items: whose vectors are compared. Default: `text`, else `descriptor`, else the first space. */
  space?: string
  /** Of similar items: the least cosine, 0 to 1. Default 0.95. */
  threshold?: number
  /** Only items that match are compared and grouped, as if there were no others. Default: all. */
  where?: unknown
}

/** An item that could go. */
export interface Duplicate {
  id: string
  /** To the one that is kept. */
  relation: DuplicateRelation
  /** Larger is more alike: 1 for exact ones, the Jaccard index of near texts, the likeness of near pictures, a cosine. */
  score: number
}

export interface DuplicateGroup {
  /** The largest picture, else the longest text, else what was written first. */
  keep: string
  /** Each is a duplicate of `keep`; the surest first. */
  duplicates: Duplicate[]
}

/** What a search for duplicates came to. */
export interface DuplicateSummary {
  collection: string
  /** Items that were looked at: those that match, where that was asked. */
  items: number
  /** Groups, and items that could go, by their relation. */
  found: Record<'groups' | DuplicateRelation, number>
  /** Texts and pictures that had no fingerprint yet. */
  fingerprinted: { texts: number; images: number }
  /** Pairs that were compared one by one. */
  compared: { texts: number; images: number; vectors: number }
  /** What was asked, with the defaults filled in; no space where vectors were not compared, no `where` where it was not asked. */
  options: Required<Omit<DuplicateOptions, 'space' | 'where'>> & { space: string | null; where?: unknown }
  /** ISO 8601. */
  finishedAt: string
}

/** A page of what the latest search for duplicates found. */
export interface DuplicatePage extends DuplicateSummary {
  /** In the order in which those that are kept were first written. */
  groups: DuplicateGroup[]
  /** For the next page; the last has none. */
  cursor?: string
}
