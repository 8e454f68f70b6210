import type { PlainError } from './errors.js'

export type JobState = 'running' | 'done' | 'failed' | 'cancelled'

/** How far a job is. */
export interface JobProgress {
  done: number
  /** 0 while unknown. */
  total: number
  /** What is counted: `items`, `vectors`, `bytes`. */
  unit: string
  /** What it is doing now, for people. */
  message?: string
  /** Figures of the moment, such as `loss`, `epoch`, `secondsLeft`. */
  metrics?: Record<string, number>
}

/** A job as it is shown. Times in ISO 8601. */
export interface Job {
  id: string
  /** `index`, `train`, `refit`, `revert`, … */
  kind: string
  collection?: string
  state: JobState
  progress: JobProgress
  createdAt: string
  endedAt?: string
  result?: unknown
  error?: PlainError
}

/** What running work is given. */
export interface JobContext {
  readonly signal: AbortSignal
  progress(update: Partial<JobProgress>): void
}

export interface JobOptions {
  kind: string
  collection?: string
  unit?: string
  /** What became of it is kept by the backend, so that a later process can tell. Default false. */
  recorded?: boolean
}

/** Where long work is announced, so that it can be watched and cancelled. The engine implements it. */
export interface JobBoard {
  /**
   * Starts the work at once.
   *
   * @returns the job's id, and a promise of the work's result that rejects as the work does (CANCELLED when cancelled)
   */
  start<T>(
    options: JobOptions,
    work: (context: JobContext) => Promise<T>,
  ): { id: string; finished: Promise<T> }
}
