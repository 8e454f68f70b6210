import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'
import { type Bodies, type BodyKind, parseBody } from './body-parser.js'
import type { BodyReply, BodyTask } from './body-worker.js'
import { parseStep, type Step, type StepItems } from './ndjson-step.js'

/** Bodies above this many bytes are read in a worker: 64 KiB of JSON take about half a millisecond. */
const INLINE_BYTES = 64 << 10
/** Bodies that wait, in bytes; more are refused with BUSY. */
const QUEUE_BYTES = 128 << 20

interface Waiting {
  task: BodyTask
  /** Those that have come so far. */
  items: ItemInput[]
  resolve: (result: { items: ItemInput[]; value: unknown }) => void
  reject: (error: unknown) => void
}

/**
 * Reads and checks bodies: small ones at once, large ones in a worker thread, one after the other, so that the
 * thread that answers requests is never held up by them. The worker starts with the first large body and does not
 * keep the process alive.
 */
export class BodyPool {
  #worker: Worker | undefined
  #current: Waiting | undefined
  readonly #queue: Waiting[] = []
  #queuedBytes = 0
  #closed = false

  /** @throws EngineError INVALID_JSON, INVALID_REQUEST, … or BUSY */
  body<K extends BodyKind>(kind: K, bytes: Uint8Array): Bodies[K] | Promise<Bodies[K]> {
    if (bytes.length <= INLINE_BYTES) return parseBody(kind, bytes)
    return this.#send({ kind, bytes, firstLine: 1 }).then(
      ({ items, value }) => (kind === 'items' ? items : value) as Bodies[K],
    )
  }

  /** @throws EngineError with `details.line`, or BUSY */
  step(step: Step): StepItems | Promise<StepItems> {
    if (step.bytes.length <= INLINE_BYTES) return parseStep(step)
    return this.#send({ kind: 'lines', ...step }).then(({ items, value }) => ({
      items,
      lines: value as number[],
    }))
  }

  /** Ends the worker; what waits is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const worker = this.#worker
    this.#fail(new EngineError('CLOSED', 'the server is closing'))
    await worker?.terminate()
  }

  async #send(task: BodyTask): Promise<{ items: ItemInput[]; value: unknown }> {
    if (this.#closed) throw new EngineError('CLOSED', 'the server is closing')
    if (this.#queuedBytes + task.bytes.length > QUEUE_BYTES) {
      throw new EngineError('BUSY', 'too many large bodies wait to be read; try again in a moment')
    }
    const size = task.bytes.length
    this.#queuedBytes += size
    try {
      return await new Promise((resolve, reject) => {
        this.#queue.push({ task, items: [], resolve, reject })
        this.#next()
      })
    } finally {
      this.#queuedBytes -= size
    }
  }

  #next(): void {
    if (this.#current) return
    this.#current = this.#queue.shift()
    if (!this.#current) {
      this.#worker?.unref()
      return
    }
    const { task } = this.#current
    const worker = this.#start()
    worker.ref()
    const { buffer } = task.bytes
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === task.bytes.byteLength
    worker.postMessage(task, whole ? [buffer] : [])
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./body-worker.js', import.meta.url), { execArgv: [] })
    worker.on('message', (reply: BodyReply) => {
      const waiting = this.#current
      if ('part' in reply) {
        for (const item of reply.part) waiting?.items.push(item)
        setImmediate(() => worker.postMessage('next'))
        return
      }
      this.#current = undefined
      if ('error' in reply) waiting?.reject(fromPlainError(reply.error))
      else waiting?.resolve({ items: waiting.items, value: reply.value })
      this.#next()
    })
    worker.on('error', (cause) =>
      this.#fail(new EngineError('INTERNAL', 'the thread that reads bodies failed', { cause })),
    )
    this.#worker = worker
    return worker
  }

  #fail(error: EngineError): void {
    const waiting = [this.#current, ...this.#queue.splice(0)]
    this.#current = undefined
    this.#worker = undefined
    for (const one of waiting) one?.reject(error)
  }
}
