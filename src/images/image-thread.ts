import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type {
  FromImageWorker,
  ImageAnswer,
  ImageTask,
  ImageWorkerInput,
  ToImageWorker,
} from './image-messages.js'
import { Turn } from './turn.js'

interface Outstanding {
  resolve: (answer: ImageAnswer) => void
  reject: (error: EngineError) => void
}

/**
 * One thread that works on pictures, one after the other, with the tasks that it has not answered. It keeps the process
 * alive only while there are some.
 */
export class ImageThread {
  readonly #worker: Worker
  readonly #outstanding: Outstanding[] = []
  readonly #gone: Promise<void>
  #dead: EngineError | undefined

  constructor(input: ImageWorkerInput) {
    // of the process's own flags some, such as --input-type, would keep the thread from starting
    const options = { workerData: input, execArgv: [], name: 'kindred images' }
    this.#worker = new Worker(new URL('./image-worker.js', import.meta.url), options)
    this.#worker.unref()
    this.#worker.on('message', (message: FromImageWorker) => this.#answer(message))
    this.#worker.on('error', (error) => this.#fail(ended(error)))
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        new Turn(input.turn, input.number).giveBack()
        this.#fail(ended(undefined))
        resolve()
      })
    })
  }

  /** Tasks that are not answered yet. */
  get load(): number {
    return this.#outstanding.length
  }

  get alive(): boolean {
    return this.#dead === undefined
  }

  /** @throws EngineError what the thread says, or INTERNAL if it ends meanwhile */
  run(task: ImageTask): Promise<ImageAnswer> {
    if (this.#dead) return Promise.reject(this.#dead)
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#outstanding.push({ resolve, reject })
      this.#worker.postMessage(task satisfies ToImageWorker)
    })
  }

  /** Ends after the task that is being worked on; what is not answered is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (this.#dead === undefined) {
      this.#worker.ref()
      this.#fail(new EngineError('CLOSED', 'the threads that render images were closed'))
      this.#worker.postMessage({ kind: 'close' } satisfies ToImageWorker)
    }
    await this.#gone
  }

  #answer(message: FromImageWorker): void {
    const waiting = this.#outstanding.shift()
    if (this.#outstanding.length === 0 && this.alive) this.#worker.unref()
    if (message.kind === 'done') waiting?.resolve(message.answer)
    else waiting?.reject(fromPlainError(message.error))
  }

  /** Only the first reason counts. */
  #fail(error: EngineError): void {
    this.#dead ??= error
    for (const waiting of this.#outstanding.splice(0)) waiting.reject(error)
  }
}

function ended(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : 'no reason given'
  const message = `a thread that renders images ended unexpectedly (${reason}); what it was rendering is lost, try again`
  return new EngineError('INTERNAL', message, { cause: error })
}
