import { randomUUID } from 'node:crypto'
import { EngineError, toPlainError } from '../core/errors.js'
import type { Job, JobBoard, JobContext, JobOptions, JobProgress, JobState } from '../core/jobs.js'

/** How many ended jobs are remembered. */
const MAX_ENDED = 100

interface Entry {
  /** Replaced on every change, never changed. */
  job: Job
  readonly controller: AbortController
  /** Resolves when the work has ended, however it ended. */
  ended: Promise<void>
  readonly watchers: Set<() => void>
  readonly recorded: boolean
}

/** Where jobs that are recorded are kept. */
export interface JobLog {
  recordJob(job: Job): Promise<void>
  recordedJobs(): Promise<Job[]>
}

/** The long work of one engine: what runs, how far it is, what became of it. */
export class Jobs implements JobBoard {
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>()
  #log: JobLog | undefined
  #closed = false

  /**
   * From now on jobs that ask for it are kept in the log; those it knows of are listed here as well. One that ran when
   * its process ended is said to have failed.
   */
  async useLog(log: JobLog): Promise<void> {
    this.#log = log
    for (const known of (await log.recordedJobs()).reverse()) {
      const job = isOver(known.state) ? known : interrupted(known)
      if (job !== known) await log.recordJob(job)
      if (this.#entries.has(job.id)) continue
      const entry = {
        job,
        controller: new AbortController(),
        ended: Promise.resolve(),
        watchers: new Set<() => void>(),
      }
      this.#entries.set(job.id, { ...entry, recorded: true })
    }
  }

  start<T>(
    options: JobOptions,
    work: (context: JobContext) => Promise<T>,
  ): { id: string; finished: Promise<T> } {
    const id = this.#freshId()
    if (this.#closed) {
      const refused = Promise.reject<T>(new EngineError('CLOSED', 'the engine was closed; no job can start'))
      refused.catch(() => {})
      return { id, finished: refused }
    }
    const entry = newEntry(id, options)
    this.#entries.set(id, entry)
    const finished = this.#run(entry, work)
    // the job itself tells of its failure; whoever started it may also look, but need not
    entry.ended = finished.then(
      () => {},
      () => {},
    )
    return { id, finished }
  }

  /** All that run and the last 100 that ended, oldest first. */
  list(): Job[] {
    return Array.from(this.#entries.values(), (entry) => entry.job)
  }

  get(id: string): Job | undefined {
    return this.#entries.get(id)?.job
  }

  /**
   * Asks the job to stop and waits until it has ended.
   *
   * @returns whether it ended cancelled; false if it had ended before, or came to its end first
   * @throws EngineError JOB_NOT_FOUND
   */
  async cancel(id: string): Promise<boolean> {
    const entry = this.#find(id)
    if (isOver(entry.job.state)) return false
    entry.controller.abort(new EngineError('CANCELLED', `job ${id} was cancelled`))
    await entry.ended
    return entry.job.state === 'cancelled'
  }

  /** Asks all jobs of a collection that run to stop, for it is being deleted, and waits until they have ended. */
  async cancelOf(collection: string): Promise<void> {
    const running = [...this.#entries.values()].filter(
      ({ job }) => job.collection === collection && !isOver(job.state),
    )
    const reason = new EngineError('CANCELLED', `collection "${collection}" was deleted`)
    for (const { controller } of running) controller.abort(reason)
    await Promise.all(running.map(({ ended }) => ended))
  }

  /**
   * The job as it is now, then after each change, and at last in its final state. Who reads slowly misses changes
   * in between, never the last.
   *
   * @param options.signal ends it before that
   * @throws EngineError JOB_NOT_FOUND, at once
   */
  watch(id: string, options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Job> {
    return follow(this.#find(id), options.signal)
  }

  /** Cancels what runs and waits for its end; nothing starts after it. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const running = [...this.#entries.values()].filter((entry) => !isOver(entry.job.state))
    for (const entry of running) entry.controller.abort(new EngineError('CANCELLED', 'the engine is closing'))
    await Promise.all(running.map((entry) => entry.ended))
  }

  async #run<T>(entry: Entry, work: (context: JobContext) => Promise<T>): Promise<T> {
    const { signal } = entry.controller
    const progress = (update: Partial<JobProgress>): void => {
      if (isOver(entry.job.state)) return
      change(entry, { progress: { ...entry.job.progress, ...update } })
    }
    try {
      if (entry.recorded) await this.#log?.recordJob(entry.job)
      const result = await work({ signal, progress })
      await this.#end(entry, { state: 'done', result })
      return result
    } catch (error) {
      const cancelled = signal.aborted && (!(error instanceof EngineError) || error.code === 'CANCELLED')
      const failure = cancelled ? signal.reason : error
      await this.#end(entry, { state: cancelled ? 'cancelled' : 'failed', error: toPlainError(failure) })
      throw failure
    }
  }

  async #end(entry: Entry, outcome: Partial<Job>): Promise<void> {
    const job = { ...entry.job, ...outcome, endedAt: new Date().toISOString() }
    // a log that cannot be written must not hide how the work ended
    if (entry.recorded) await this.#log?.recordJob(job).catch(() => undefined)
    change(entry, job)
    const ended = [...this.#entries.values()].filter((known) => isOver(known.job.state))
    for (const old of ended.slice(0, -MAX_ENDED)) this.#entries.delete(old.job.id)
  }

  #find(id: string): Entry {
    const entry = this.#entries.get(id)
    if (!entry) {
      const message = `no job "${String(id).slice(0, 60)}"; jobs are known while they run and for the next ${MAX_ENDED} that end`
      throw new EngineError('JOB_NOT_FOUND', message)
    }
    return entry
  }

  #freshId(): string {
    for (;;) {
      const id = randomUUID().slice(0, 8)
      if (!this.#entries.has(id)) return id
    }
  }
}

function interrupted(job: Job): Job {
  const error = new EngineError('JOB_INTERRUPTED', 'the process ended while the job ran; start it again')
  return { ...job, state: 'failed', endedAt: new Date().toISOString(), error: toPlainError(error) }
}

function newEntry(id: string, { kind, collection, unit = 'items', recorded = false }: JobOptions): Entry {
  const job: Job = {
    id,
    kind,
    ...(collection === undefined ? {} : { collection }),
    state: 'running',
    progress: { done: 0, total: 0, unit },
    createdAt: new Date().toISOString(),
  }
  return { job, controller: new AbortController(), ended: Promise.resolve(), watchers: new Set(), recorded }
}

function isOver(state: JobState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled'
}

function change(entry: Entry, update: Partial<Job>): void {
  entry.job = { ...entry.job, ...update }
  for (const wake of entry.watchers) wake()
}

async function* follow(entry: Entry, signal: AbortSignal | undefined): AsyncGenerator<Job> {
  let wake = (): void => {}
  const watcher = (): void => wake()
  entry.watchers.add(watcher)
  signal?.addEventListener('abort', watcher)
  try {
    while (!signal?.aborted) {
      const shown = entry.job
      yield shown
      if (isOver(shown.state)) return
      if (entry.job !== shown || signal?.aborted) continue
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    entry.watchers.delete(watcher)
    signal?.removeEventListener('abort', watcher)
  }
}
