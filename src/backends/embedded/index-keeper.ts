import { EngineError } from '../../core/errors.js'
import type { JobBoard } from '../../core/jobs.js'
import type { MetricIndex } from './metric-index.js'
import { busyTail, TAIL_WORTH_A_SEGMENT } from './plan-build.js'
import type { SpaceVectors } from './space-vectors.js'
import type { Writer } from './writer.js'

/** How long writes must have been quiet before a short tail is indexed. */
const QUIET_MS = 500
/** Dead rows of a table from which it is written anew without them. */
const DEAD_ROWS = 1_000
const DEAD_PART = 0.2

/** Keeps the indexes of one space up with its vectors: one build at a time, as jobs that can be watched. */
export class IndexKeeper {
  readonly #space: SpaceVectors
  readonly #collection: string
  readonly #jobs: JobBoard
  readonly #writer: Writer
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  /** After a failed build: the number of rows before which none is tried again. */
  #notBefore = 0

  constructor(options: { space: SpaceVectors; collection: string; jobs: JobBoard; writer: Writer }) {
    this.#space = options.space
    this.#collection = options.collection
    this.#jobs = options.jobs
    this.#writer = options.writer
  }

  /** To be called after every change: builds what is worth building, and the rest when it has been quiet. */
  changed(): void {
    if (this.#stop.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#quiet(), QUIET_MS).unref()
    this.#start(busyTail(this.#space.table.live))
  }

  /** Indexes everything there is. */
  async settle(): Promise<void> {
    this.#notBefore = 0
    do {
      await this.#running
      this.#start(1)
    } while (this.#running && !this.#stop.signal.aborted)
  }

  /** Stops what runs. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stop.abort(new EngineError('CLOSED', 'the engine is closed'))
    await this.#running
  }

  #quiet(): void {
    this.#start(TAIL_WORTH_A_SEGMENT)
    // without an index nothing replays the log
    if (this.#running || this.#space.indexes.some((index) => index.segments.length > 0)) return
    const { keys, seq } = this.#space
    this.#writer.exclusively(() => this.#writer.trimLog(keys.encoderKey, seq)).catch(() => undefined)
  }

  #start(minTail: number): void {
    if (this.#running || this.#stop.signal.aborted || this.#space.table.rows < this.#notBefore) return
    if (!this.#tableIsWorn() && !this.#next(minTail)) return
    this.#running = this.#work(minTail)
      .catch(() => {
        // the job says why; searches scan meanwhile, and the next try comes with more vectors
        this.#notBefore = this.#space.table.rows + TAIL_WORTH_A_SEGMENT
      })
      .finally(() => {
        this.#running = undefined
        if (this.#space.table.rows >= this.#notBefore) this.#start(busyTail(this.#space.table.live))
      })
  }

  #next(minTail: number) {
    for (const index of this.#space.indexes) {
      const plan = index.plan(minTail)
      if (plan) return { index, plan }
    }
    return undefined
  }

  async #work(minTail: number): Promise<void> {
    if (this.#tableIsWorn()) await this.#compact()
    for (let next = this.#next(minTail); next; next = this.#next(minTail)) {
      const { index, plan } = next
      const job = this.#jobs.start(
        { kind: 'index', collection: this.#collection, unit: 'vectors' },
        async (context) => {
          const signal = AbortSignal.any([context.signal, this.#stop.signal])
          context.progress({ message: describe(this.#space, index) })
          await index.build(plan, { signal, progress: (update) => context.progress(update) })
          return { space: this.#space.keys.space, metric: index.metric, vectors: index.indexed }
        },
      )
      await job.finished
      await this.#trimLog()
      this.#stop.signal.throwIfAborted()
    }
  }

  #tableIsWorn(): boolean {
    const { rows, live } = this.#space.table
    return rows - live > DEAD_ROWS && rows - live > rows * DEAD_PART
  }

  /** No write is applied meanwhile, so nothing is lost between the two tables. */
  #compact(): Promise<void> {
    return this.#writer.exclusively(async () => {
      this.#space.table = await this.#space.table.compacted()
    })
  }

  #trimLog(): Promise<void> {
    const seq = Math.min(...this.#space.indexes.map((index) => index.savedSeq))
    const { encoderKey } = this.#space.keys
    return this.#writer.exclusively(() => this.#writer.trimLog(encoderKey, seq))
  }
}

function describe(space: SpaceVectors, index: MetricIndex): string {
  const reason = index.rebuildReason
  return `${space.keys.space}, ${index.metric}${reason ? `: rebuilding from the database, as ${reason}` : ''}`
}
