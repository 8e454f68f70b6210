import { CallThread } from '../core/call-thread.js'
import { EngineError } from '../core/errors.js'
import type { EncodeResult, EncodeTask, ToWorker, WorkerInput } from './worker-messages.js'

/** How long a worker may take to end by itself, in milliseconds. */
const CLOSE_PATIENCE = 5_000

/** One worker thread of an encoder. It keeps the process alive only while it has something to do. */
export class WorkerThread {
  /** Dimension of the vectors. */
  readonly dim: number
  readonly #thread: CallThread
  /** Tasks that are not answered yet, without and with haste. */
  readonly #tasks = { bulk: 0, urgent: 0 }

  private constructor(thread: CallThread, dim: number) {
    this.#thread = thread
    this.dim = dim
  }

  /**
   * Starts a thread and waits until its model is loaded.
   *
   * @param script the worker's file
   * @throws EngineError what the worker says, or INTERNAL if it ended without a word
   */
  static async start(script: URL, input: WorkerInput): Promise<WorkerThread> {
    const [name, what] = ['kindred text encoder', 'a worker thread of the text encoder']
    const thread = new CallThread({ script, workerData: input, name, what })
    return new WorkerThread(thread, (await thread.call({ load: true })) as number)
  }

  /** Tasks that are not answered yet. */
  count(urgent: boolean): number {
    return this.#tasks[urgent ? 'urgent' : 'bulk']
  }

  /** Whether it can still be given tasks. */
  get alive(): boolean {
    return this.#thread.alive
  }

  /**
   * @param signal stops the task before its next batch; the promise then rejects with CANCELLED
   * @throws EngineError what the worker says, or INTERNAL if it ends meanwhile
   */
  async encode(task: EncodeTask, signal?: AbortSignal): Promise<EncodeResult> {
    const kind = task.urgent ? 'urgent' : 'bulk'
    const { id, answer } = this.#thread.begin({ task })
    const cancel = (): void => this.#thread.post({ cancel: id } satisfies ToWorker)
    signal?.addEventListener('abort', cancel, { once: true })
    this.#tasks[kind]++
    try {
      return (await answer) as EncodeResult
    } finally {
      this.#tasks[kind]--
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** Lets the thread free its model and end; what it has not answered is rejected with CLOSED. Idempotent. */
  async close(): Promise<void> {
    const closed = new EngineError('CLOSED', 'the encoder was closed')
    this.#thread.refuse(closed)
    const timer = setTimeout(() => void this.#thread.end(closed), CLOSE_PATIENCE)
    await this.#thread.finish()
    clearTimeout(timer)
  }
}
