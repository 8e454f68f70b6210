export type {
  Backend,
  CollectionRecord,
  CollectionStats,
  Correction,
  DetectionRecord,
  DetectionVersion,
  EncodedItem,
  EncoderVersion,
  FacetQuery,
  Facets,
  Fingerprint,
  Hit,
  ImageWrite,
  ItemContent,
  ItemFields,
  ItemStamp,
  ItemWrite,
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
  SpaceRecord,
  StoredItem,
  UnjudgedItem,
  VectorBatch,
} from './core/backend.js'
export type { DetectionReport, DetectorName } from './core/detection.js'
export { EngineError, ERROR_CODES, type ErrorCode, type ErrorDetails } from './core/errors.js'
export type { Condition, Filter, FilterField } from './core/filter.js'
export type { ImageEncoderModel } from './core/image-encoder.js'
export type { Job, JobBoard, JobContext, JobOptions, JobProgress, JobState } from './core/jobs.js'
export type { KeywordClause, KeywordMatch, KeywordPhrase, KeywordQuery } from './core/keyword-query.js'
export { LIMITS } from './core/limits.js'
export { distance, METRICS, type Metric, scoreOf } from './core/metrics.js'
export type { Reason } from './core/reasons.js'
export type { TextEncoder, TextRole } from './core/text-encoder.js'
export type {
  AddReceipt,
  Anomaly,
  CollectionOptions,
  CollectionSummary,
  DetectOptions,
  DetectorScore,
  DetectResult,
  Duplicate,
  DuplicateGroup,
  DuplicateOptions,
  DuplicatePage,
  DuplicateRelation,
  DuplicateSummary,
  Facet,
  FilterPlan,
  Highlight,
  Include,
  Item,
  ItemInput,
  Json,
  Match,
  MatchReason,
  Metadata,
  OutlierAnswer,
  OutlierExplanation,
  OutlierOptions,
  Query,
  QueryPart,
  RenderedImageInput,
  SearchAnswer,
  SearchMode,
  SearchPlan,
  SearchRequest,
  SearchResult,
  SpaceOptions,
  SpaceSummary,
} from './core/types.js'
export type { EncoderSummary } from './encoders/registry.js'
export type { AddOptions } from './engine/add-items.js'
export { Collection } from './engine/collection.js'
export type { Embedded } from './engine/embed.js'
export type { FacetAnswer, FacetOptions } from './engine/filters.js'
export type { FitResult } from './engine/fit-job.js'
export { Jobs } from './engine/jobs.js'
export { Kindred, type KindredOptions } from './engine/kindred.js'
export type { ItemChanges } from './engine/patch-item.js'
export { Space } from './engine/space.js'
export type { TrainOptions } from './engine/train-request.js'
