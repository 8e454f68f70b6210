import { EngineError } from '../core/errors.js'
import type { Job, JobContext, JobOptions } from '../core/jobs.js'
import type { EngineContext } from './engine-context.js'

/** What only one job may do at a time. */
export interface Alone {
  /** Names it. */
  key: string
  /** For the refusal, after the job's id: `is fitting space "text" of collection "notes"`. */
  doing: string
  /** Beside the running job's id. */
  details?: Record<string, unknown>
  /** Whether the job that runs is cancelled instead, and the new one waits for its end. Default: it is not. */
  givesWay?(running: Job): boolean
}

/** Starts a job of which one runs at a time. @throws EngineError CONFLICT where one is running already */
export function startAlone<T>(
  { fits, jobs }: Pick<EngineContext, 'fits' | 'jobs'>,
  { key, doing, details = {}, givesWay }: Alone,
  options: JobOptions,
  work: (context: JobContext) => Promise<T>,
): { id: string; finished: Promise<T> } {
  const running = fits.get(key)
  const before = running === undefined ? undefined : jobs.get(running)
  const cancelled = before && givesWay?.(before) ? before.id : undefined
  if (running !== undefined && cancelled === undefined) {
    const message = `job ${running} ${doing} already; wait for it or cancel it`
    throw new EngineError('CONFLICT', message, { details: { job: running, ...details } })
  }
  const started = jobs.start(options, async (context) => {
    if (cancelled !== undefined) await jobs.cancel(cancelled)
    return work(context)
  })
  fits.set(key, started.id)
  const ended = (): void => {
    if (fits.get(key) === started.id) fits.delete(key)
  }
  started.finished.then(ended, ended)
  return started
}
