import type { Backend, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { Filter } from '../core/filter.js'
import type { JobProgress } from '../core/jobs.js'
import type { DuplicateSettings } from './duplicate-messages.js'

/** What to look for, and where. */
export interface DuplicateSearch {
  backend: Backend
  collection: string
  /** The name of the report that keeps the groups. */
  report: string
  settings: DuplicateSettings
  /** Whose vectors are compared; undefined where none are. */
  space: SpaceRecord | undefined
  /** Only items that match: what it means, and as it was written; undefined for all. */
  where: { filter: Filter; written: unknown } | undefined
  signal: AbortSignal
  progress(update: Partial<JobProgress>): void
}

/** @throws EngineError CANCELLED if the search was told to end */
export function checkAborted({ signal }: DuplicateSearch): void {
  if (signal.aborted) throw new EngineError('CANCELLED', 'the search for duplicates was cancelled')
}
