import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../../core/errors.js'
import type { EncodedImage } from '../../core/image-encoder.js'
import type { EncoderInput, FromEncoder, ToEncoder } from './encoder-tasks.js'

interface Outstanding {
  resolve: (answer: FromEncoder) => void
  reject: (error: EngineError) => void
}

/** One thread that encodes images. It keeps the process alive only while it has something to do. */
export class EncoderThread {
  /** Whether whoever holds it has given it something. */
  busy = false
  readonly #worker: Worker
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #gone: Promise<void>
  #next = 0
  #dead: EngineError | undefined

  constructor(input: EncoderInput) {
    // of the process's own flags some, such as --input-type, would keep the thread from starting
    const options = { workerData: input, execArgv: [], name: 'kindred image encoder' }
    this.#worker = new Worker(new URL('./image-encoder-worker.js', import.meta.url), options)
    this.#worker.unref()
    this.#worker.on('message', (answer: FromEncoder) => this.#answer(answer))
    this.#worker.on('error', (error) => this.#fail(ended(error)))
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(ended(undefined))
        resolve()
      })
    })
  }

  get alive(): boolean {
    return this.#dead === undefined
  }

  /** @throws EngineError INVALID_IMAGE (`details.index`), ENCODER_INVALID, CLOSED, INTERNAL */
  async encode(images: readonly Uint8Array[]): Promise<EncodedImage[]> {
    const answer = await this.#ask({ kind: 'encode', task: this.#next++, images })
    return answer.kind === 'encoded' ? answer.images : []
  }

  /** @returns a PNG @throws EngineError as {@link encode}, UNSUPPORTED */
  async reconstruct(image: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#ask({ kind: 'reconstruct', task: this.#next++, image })
    return answer.kind === 'reconstructed' ? answer.png : new Uint8Array()
  }

  /** Ends after what it is doing; what it has not answered is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (this.#dead === undefined) {
      this.#worker.ref()
      this.#fail(new EngineError('CLOSED', 'the image encoder was closed'))
      this.#worker.postMessage({ kind: 'close' } satisfies ToEncoder)
    }
    await this.#gone
  }

  #ask(message: Exclude<ToEncoder, { kind: 'close' }>): Promise<FromEncoder> {
    if (this.#dead) return Promise.reject(this.#dead)
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#outstanding.set(message.task, { resolve, reject })
      this.#worker.postMessage(message)
    })
  }

  #answer(answer: FromEncoder): void {
    const waiting = this.#outstanding.get(answer.task)
    this.#outstanding.delete(answer.task)
    if (this.#outstanding.size === 0 && this.alive) this.#worker.unref()
    if (answer.kind === 'failed') waiting?.reject(fromPlainError(answer.error))
    else waiting?.resolve(answer)
  }

  /** Only the first reason counts. */
  #fail(error: EngineError): void {
    this.#dead ??= error
    for (const { reject } of this.#outstanding.values()) reject(error)
    this.#outstanding.clear()
  }
}

function ended(error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : 'no reason given'
  return new EngineError(
    'INTERNAL',
    `a thread that encodes images ended unexpectedly (${reason}); what it was encoding is lost, try again`,
    { cause: error },
  )
}
