import { CallThread } from '../../core/call-thread.js'
import { EngineError } from '../../core/errors.js'
import type { FilterRequest, ToFilters } from './filter-messages.js'

/** Questions that may wait, with those that nobody waits for any more; beyond that the caller is told to come back. */
const LIMIT = 1_024

/**
 * The thread that reads what takes long, over a read-only connection of its own, as seen from the thread that answers.
 * It sees every write that was committed before it is asked. Starts when it is first needed, and again if it died.
 */
export class FilterThread {
  readonly #path: string
  #thread: CallThread | undefined
  #closed = false
  /** Counts the threads: what one was told another does not know. */
  #generation = 0

  /** @param path of the database */
  constructor(path: string) {
    this.#path = path
  }

  /** Which thread the next question goes to. */
  get generation(): number {
    if (!this.#closed) this.#started()
    return this.#generation
  }

  /** @throws EngineError CLOSED, BUSY, CANCELLED (signal), INVALID_FILTER or INVALID_REQUEST where it takes too long */
  async ask(request: FilterRequest, signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine is closed')
    if (signal?.aborted) throw cancelled()
    const thread = this.#started()
    if (thread.load >= LIMIT) {
      throw new EngineError('BUSY', `${LIMIT} filters are being looked up; try again later`)
    }
    const { id, answer } = thread.begin({ request })
    if (!signal) return answer
    let leave = (): void => undefined
    const left = new Promise((_, reject) => {
      leave = () => {
        thread.post({ cancel: id } satisfies ToFilters)
        reject(cancelled())
      }
    })
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([answer, left])
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** Tells the thread something that nobody waits for; nothing if there is none. */
  tell(request: FilterRequest): void {
    if (this.#thread?.alive) this.#thread.call({ request }).catch(() => undefined)
  }

  /** Ends the thread; what waits is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#thread?.end(new EngineError('CLOSED', 'the engine is closed'))
  }

  #started(): CallThread {
    if (this.#thread?.alive) return this.#thread
    this.#generation++
    this.#thread = new CallThread({
      script: new URL('./filter-worker.js', import.meta.url),
      workerData: this.#path,
      name: 'kindred filters',
      what: 'the thread that looks filters up',
    })
    return this.#thread
  }
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'the search was cancelled')
}
