import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError, type PlainError } from './errors.js'

/** What a thread answers to the call of that number. */
export type Reply<Answer = unknown> = { id: number; answer: Answer } | { id: number; error: PlainError }

/** To a thread: it is to end by itself. */
export const CLOSE = 'close'

/** What a thread runs, and how it is called. */
export interface CallThreadOptions {
  /** The worker's file. */
  script: URL
  workerData?: unknown
  /** As a debugger shows it. */
  name: string
  /** As errors name it: "the thread that fits detectors". */
  what: string
  /** Takes what the thread says besides its answers. */
  onMessage?: (message: unknown) => void
}

interface Waiting {
  resolve: (answer: unknown) => void
  reject: (error: EngineError) => void
}

/**
 * One worker thread with the calls that it has not answered, each a message with an `id` that its {@link Reply} names. It
 * keeps the process alive only while there are some. Once it has ended it takes no more: whoever wants more starts another.
 */
export class CallThread {
  /** Resolves when the thread has ended, after what it did not answer was refused. */
  readonly gone: Promise<void>
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  #dead: EngineError | undefined
  #finishing = false

  constructor({ script, workerData, name, what, onMessage }: CallThreadOptions) {
    // of the process's own flags some, such as --input-type, would keep the thread from starting
    this.#worker = new Worker(script, { workerData, execArgv: [], name })
    this.#worker.unref()
    this.#worker.on('message', (message: Reply) => {
      if (message.id === undefined) onMessage?.(message)
      else this.#take(message)
    })
    let failure: unknown
    this.#worker.on('error', (error) => {
      failure = error
    })
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.refuse(this.#finishing ? closed() : ended(what, failure))
        resolve()
      })
    })
  }

  /** Calls that are not answered yet. */
  get load(): number {
    return this.#waiting.size
  }

  /** Whether it takes calls. */
  get alive(): boolean {
    return this.#dead === undefined && !this.#finishing
  }

  /** @throws EngineError what the thread says, INTERNAL where it ends meanwhile, or why it takes no more */
  call(message: object): Promise<unknown> {
    return this.begin(message).answer
  }

  /** As {@link call}, with the number of the call, from 1. */
  begin(message: object): { id: number; answer: Promise<unknown> } {
    const id = this.#next++
    if (!this.alive) return { id, answer: Promise.reject(this.#dead ?? closed()) }
    const answer = new Promise((resolve, reject) => {
      // throws where the message cannot cross threads
      this.post({ ...message, id })
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(id, { resolve, reject })
    })
    return { id, answer }
  }

  /** Sends what is not answered. */
  post(message: unknown): void {
    this.#worker.postMessage(message)
  }

  /** Takes no more calls, and refuses those that are not answered. Only the first reason counts. */
  refuse(reason: EngineError): void {
    this.#dead ??= reason
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(this.#dead)
  }

  /** Ends it at once. @returns when it has ended */
  async end(reason: EngineError): Promise<void> {
    this.refuse(reason)
    // else a process with nothing else to do would end before the thread has
    this.#worker.ref()
    await this.#worker.terminate()
  }

  /** Takes no more calls, and asks it to end by itself, by {@link CLOSE}. Idempotent. @returns when it has ended */
  async finish(): Promise<void> {
    if (!this.#finishing) {
      this.#finishing = true
      this.#worker.ref()
      this.post(CLOSE)
    }
    await this.gone
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0 && this.alive) this.#worker.unref()
    if ('error' in reply) waiting?.reject(fromPlainError(reply.error))
    else waiting?.resolve(reply.answer)
  }
}

function closed(): EngineError {
  return new EngineError('CLOSED', 'the thread was closed')
}

function ended(what: string, failure: unknown): EngineError {
  const reason = failure instanceof Error ? failure.message : 'no reason given'
  const message = `${what} ended unexpectedly (${reason}); what it was doing is lost, try again`
  return new EngineError('INTERNAL', message, { cause: failure })
}
