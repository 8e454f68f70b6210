import { CallThread } from '../core/call-thread.js'
import { EngineError } from '../core/errors.js'
import type { ScanMessage, ScanRequest, ScanWorkerData } from './scan-messages.js'
import type { ItemHit } from './scan-table.js'
import type { VectorTable } from './vector-table.js'

/** A scan without what the thread is told of its table. */
export type ThreadScan = Omit<ScanRequest, 'id' | 'table' | 'state'>

/** One scanning thread; runs one scan at a time, and starts again if it died. Does not keep the process alive idle. */
export class ScanThread {
  readonly #stopped = new Int32Array(new SharedArrayBuffer(4))
  /** By table: how many of its chunks the thread has. */
  readonly #sent = new Map<number, number>()
  #thread: CallThread | undefined
  /** The scan that runs, or ran last; above 0, which stands for none in `#stopped`. */
  #scan = 0

  get busy(): boolean {
    return this.#thread !== undefined && this.#thread.load > 0
  }

  /** Not while it is {@link busy}. */
  run(key: number, table: VectorTable, scan: ThreadScan): Promise<ItemHit[]> {
    const thread = this.#started()
    const state = table.share()
    const known = this.#sent.get(key) ?? 0
    this.#sent.set(key, state.chunks.length)
    const { id, answer } = thread.begin({
      ...scan,
      table: key,
      state: { ...state, chunks: state.chunks.slice(known) },
    } satisfies Omit<ScanRequest, 'id'>)
    this.#scan = id
    return answer as Promise<ItemHit[]>
  }

  /** Lets the running scan end at its next chunk; its promise resolves to something worthless. */
  stop(): void {
    Atomics.store(this.#stopped, 0, this.#scan)
  }

  forget(key: number): void {
    if (this.#sent.delete(key)) this.#thread?.post({ forget: [key] } satisfies ScanMessage)
  }

  async close(): Promise<void> {
    await this.#thread?.end(new EngineError('CLOSED', 'the scanning threads were closed'))
  }

  #started(): CallThread {
    if (this.#thread?.alive) return this.#thread
    this.#sent.clear()
    // numbers begin anew with the thread
    Atomics.store(this.#stopped, 0, 0)
    const workerData: ScanWorkerData = { stopped: this.#stopped.buffer as SharedArrayBuffer }
    this.#thread = new CallThread({
      script: new URL('./scan-worker.js', import.meta.url),
      workerData,
      name: 'kindred scan',
      what: 'the scanning thread',
    })
    return this.#thread
  }
}
