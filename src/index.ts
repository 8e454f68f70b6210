export type {
  Backend,
  CollectionRecord,
  CollectionStats,
  FacetQuery,
  Facets,
  Fingerprint,
  Hit,
  ItemContent,
  ItemFields,
  ItemStamp,
  ItemWrite,
  KeywordHit,
  KeywordMatchQuery,
  KeywordSearchQuery,
  ListQuery,
  NearestAnswer,
  NearestQuery,
  PassageVector,
  SpaceRecord,
  StoredItem,
  VectorBatch,
} from './core/backend.js'
export { EngineError, ERROR_CODES, type ErrorCode, type ErrorDetails } from './core/errors.js'
export type { Condition, Filter, FilterField } from './core/filter.js'
export type { Job, JobBoard, JobContext, JobOptions, JobProgress, JobState } from './core/jobs.js'
export type { KeywordClause, KeywordMatch, KeywordPhrase, KeywordQuery } from './core/keyword-query.js'
export { LIMITS } from './core/limits.js'
export { distance, METRICS, type Metric, scoreOf } from './core/metrics.js'
export type { TextEncoder, TextRole } from './core/text-encoder.js'
export type {
  AddReceipt,
  CollectionOptions,
  CollectionSummary,
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
  Query,
  QueryPart,
  SearchAnswer,
  SearchMode,
  SearchPlan,
  SearchRequest,
  SearchResult,
  SpaceOptions,
  SpaceSummary,
} from './core/types.js'
export type { AddOptions } from './engine/add-items.js'
export { Collection } from './engine/collection.js'
export type { Embedded } from './engine/embed.js'
export type { FacetAnswer, FacetOptions } from './engine/filters.js'
export { Jobs } from './engine/jobs.js'
export { Kindred, type KindredOptions } from './engine/kindred.js'
export type { ItemChanges } from './engine/patch-item.js'
export { Space } from './engine/space.js'
