import { CallThread } from '../core/call-thread.js'
import type { CallName, Calls, DuplicatesInput, DuplicatesProgress } from './duplicate-messages.js'

/** The thread in which one search for duplicates is done; it holds what it is given until it is closed. */
export class DuplicatesThread {
  /** Called now and then while a call compares. */
  onProgress: (done: number, total: number) => void = () => undefined
  readonly #cancelled = new SharedArrayBuffer(4)
  readonly #thread: CallThread

  constructor() {
    this.#thread = new CallThread({
      script: new URL('./duplicates-worker.js', import.meta.url),
      workerData: { cancelled: this.#cancelled } satisfies DuplicatesInput,
      name: 'kindred duplicates',
      what: 'the thread that looks for duplicates',
      onMessage: (message) => {
        const { done, total } = (message as DuplicatesProgress).progress
        this.onProgress(done, total)
      },
    })
  }

  /** @throws EngineError CANCELLED, INTERNAL */
  ask<N extends CallName>(call: N, asked: Calls[N]['asked']): Promise<Calls[N]['answer']> {
    return this.#thread.call({ call, asked }) as Promise<Calls[N]['answer']>
  }

  /** What it does now is refused with CANCELLED. */
  cancel(): void {
    Atomics.store(new Int32Array(this.#cancelled), 0, 1)
  }

  /** Ends it after what it does now. Idempotent. */
  async close(): Promise<void> {
    this.cancel()
    await this.#thread.finish()
  }
}
