import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { ScanAnswer, ScanMessage, ScanRequest, ScanWorkerData } from './scan-messages.js'
import type { ItemHit } from './scan-table.js'
import type { VectorTable } from './vector-table.js'

/** A scan without what the thread is told of its table. */
export type ThreadScan = Omit<ScanRequest, 'id' | 'table' | 'state'>

interface Running {
  id: number
  resolve: (hits: ItemHit[]) => void
  reject: (error: unknown) => void
}

/** One scanning thread; runs one scan at a time, and starts again if it died. Does not keep the process alive idle. */
export class ScanThread {
  readonly #stopped = new Int32Array(new SharedArrayBuffer(4))
  /** By table: how many of its chunks the thread has. */
  readonly #sent = new Map<number, number>()
  #worker: Worker | undefined
  #running: Running | undefined
  // above 0, which stands for none in `#stopped`
  #lastId = 0

  get busy(): boolean {
    return this.#running !== undefined
  }

  /** Not while it is {@link busy}. */
  run(key: number, table: VectorTable, scan: ThreadScan): Promise<ItemHit[]> {
    const worker = this.#start()
    const id = ++this.#lastId
    const state = table.share()
    const known = this.#sent.get(key) ?? 0
    this.#sent.set(key, state.chunks.length)
    return new Promise((resolve, reject) => {
      this.#running = { id, resolve, reject }
      worker.ref()
      const request: ScanMessage = {
        ...scan,
        id,
        table: key,
        state: { ...state, chunks: state.chunks.slice(known) },
      }
      worker.postMessage(request)
    })
  }

  /** Lets the running scan end at its next chunk; its promise resolves to something worthless. */
  stop(): void {
    if (this.#running) Atomics.store(this.#stopped, 0, this.#running.id)
  }

  forget(key: number): void {
    if (!this.#sent.delete(key)) return
    const message: ScanMessage = { forget: [key] }
    this.#worker?.postMessage(message)
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const workerData: ScanWorkerData = { stopped: this.#stopped.buffer as SharedArrayBuffer }
    const worker = new Worker(new URL('./scan-worker.js', import.meta.url), {
      execArgv: [],
      workerData,
      name: 'kindred-scan',
    })
    let failure: Error | undefined
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('message', (message: ScanAnswer) => {
      const running = this.#running
      if (running?.id !== message.id) return
      this.#running = undefined
      worker.unref()
      if ('error' in message) running.reject(fromPlainError(message.error))
      else running.resolve(message.hits)
    })
    worker.once('exit', () => {
      this.#worker = undefined
      this.#sent.clear()
      const running = this.#running
      this.#running = undefined
      running?.reject(
        new EngineError('INTERNAL', `the scanning thread ended: ${failure?.message ?? 'it was stopped'}`, {
          cause: failure,
        }),
      )
    })
    this.#worker = worker
    return worker
  }
}
