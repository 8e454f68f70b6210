import { Worker } from 'node:worker_threads'
import type {
  CollectionRecord,
  CorrectionChange,
  Fingerprint,
  ItemWrite,
  JudgedItem,
  NewDetection,
  NewEncoderVersion,
} from '../../core/backend.js'
import { EngineError, fromPlainError } from '../../core/errors.js'
import type { Job } from '../../core/jobs.js'
import type { CollectionKeys } from './collection-keys.js'
import type { FilterQuestion, MatchingKeys } from './filter-messages.js'
import { sliceUpsert } from './slice-writes.js'
import type { FillSlice, RemoveAnswer, UpsertAnswer, WriterReply, WriterRequest } from './write-messages.js'

/** Slices on their way at once; bounds what an upsert copies. */
const SLICES_IN_FLIGHT = 3
/** Rows of a report that are written at once. */
const REPORT_ROWS = 1_000
/** Writes that may wait; beyond that the caller is told to come back. */
const QUEUE_LIMIT = 1_024

interface Waiting {
  resolve: (result: unknown) => void
  reject: (error: EngineError) => void
}

/** The writer thread as seen from the thread that answers: one write at a time, in the order they came. */
export class Writer {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #queue: Promise<unknown> = Promise.resolve()
  #queued = 0
  #failure: EngineError | undefined
  #closed = false
  #checkpointDue = false

  private constructor() {
    this.#worker = new Worker(new URL('./writer-worker.js', import.meta.url), {
      execArgv: [],
      name: 'kindred writer',
    })
    this.#worker.on('message', (reply: WriterReply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#fail(`the writer thread failed: ${error.message}`))
    this.#worker.on('exit', () => this.#fail('the writer thread has ended'))
  }

  /** @throws EngineError DATABASE_TOO_NEW, DATABASE_CORRUPT, HOME_NOT_WRITABLE, NATIVE_ADDON_MISSING */
  static async open(path: string): Promise<{ writer: Writer; epoch: string }> {
    const writer = new Writer()
    try {
      return { writer, epoch: (await writer.#ask({ op: 'open', path })) as string }
    } catch (error) {
      await writer.#worker.terminate()
      throw error
    }
  }

  /**
   * Runs `work` when all writes before it are done, and no other meanwhile.
   *
   * @throws EngineError CLOSED, BUSY
   */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineError('CLOSED', 'the engine is closed'))
    if (this.#queued >= QUEUE_LIMIT) {
      return Promise.reject(
        new EngineError('BUSY', `${QUEUE_LIMIT} writes are waiting; send this one again later`),
      )
    }
    this.#queued++
    const turn = this.#queue.then(work).finally(() => {
      this.#queued--
      this.#scheduleCheckpoint()
    })
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  createCollection(record: CollectionRecord): Promise<void> {
    return this.#ask({ op: 'createCollection', record }) as Promise<void>
  }

  deleteCollection(name: string): Promise<boolean> {
    return this.#ask({ op: 'deleteCollection', name }) as Promise<boolean>
  }

  remove(collection: number, ids: readonly string[]): Promise<RemoveAnswer> {
    return this.#ask({ op: 'remove', collection, ids: [...ids] }) as Promise<RemoveAnswer>
  }

  removeWhere(
    collection: number,
    matching: { question: FilterQuestion } & MatchingKeys,
  ): Promise<RemoveAnswer> {
    return this.#ask({ op: 'removeWhere', collection, ...matching }) as Promise<RemoveAnswer>
  }

  setIndexed(collection: number, fields: readonly string[]): Promise<void> {
    return this.#ask({ op: 'setIndexed', collection, fields }) as Promise<void>
  }

  trimLog(encoderKey: number, seq: number): Promise<void> {
    return this.#ask({ op: 'trimLog', encoderKey, seq }) as Promise<void>
  }

  stageEncoder(collection: number, space: string, version: NewEncoderVersion): Promise<number> {
    return this.#ask({ op: 'stageEncoder', collection, space, version }) as Promise<number>
  }

  fill(slice: FillSlice): Promise<number> {
    return this.#ask(slice, [slice.vectors.buffer as ArrayBuffer]) as Promise<number>
  }

  isWhole(collection: number, encoderKey: number): Promise<boolean> {
    return this.#ask({ op: 'isWhole', collection, encoderKey }) as Promise<boolean>
  }

  promoteEncoder(encoderKey: number): Promise<void> {
    return this.#ask({ op: 'promoteEncoder', encoderKey }) as Promise<void>
  }

  dropEncoder(encoderKey: number): Promise<void> {
    return this.#ask({ op: 'dropEncoder', encoderKey }) as Promise<void>
  }

  stageDetection(encoderKey: number, detection: NewDetection): Promise<number> {
    return this.#ask({ op: 'stageDetection', encoderKey, detection }) as Promise<number>
  }

  /** @returns the keys of the items whose judgements were kept */
  judge(detection: number, rows: readonly JudgedItem[]): Promise<number[]> {
    return this.#ask({ op: 'judge', detection, rows }) as Promise<number[]>
  }

  /** @returns whether it had judged all, and so is current now */
  promoteDetection(detection: number): Promise<boolean> {
    return this.#ask({ op: 'promoteDetection', detection }) as Promise<boolean>
  }

  dropDetection(detection: number): Promise<void> {
    return this.#ask({ op: 'dropDetection', detection }) as Promise<void>
  }

  correct(
    collection: number,
    rows: readonly CorrectionChange[],
  ): Promise<{ ids: string[]; items: number[] }> {
    return this.#ask({ op: 'correct', collection, rows }) as Promise<{ ids: string[]; items: number[] }>
  }

  purge(): Promise<boolean> {
    return this.#ask({ op: 'purge' }) as Promise<boolean>
  }

  recordJob(job: Job): Promise<void> {
    return this.#ask({ op: 'recordJob', job }) as Promise<void>
  }

  keepFingerprints(
    collection: number,
    kind: string,
    rows: readonly ({ id: string } & Fingerprint)[],
  ): Promise<void> {
    return this.#ask({ op: 'keepFingerprints', collection, kind, rows }) as Promise<void>
  }

  /** Other writes may come between its slices: until it is whole nobody reads it. */
  async keepReport(
    collection: number,
    name: string,
    { head, rows }: { head: Record<string, unknown>; rows: readonly string[] },
  ): Promise<void> {
    const turn = <T>(request: WriterRequest): Promise<T> =>
      this.exclusively(() => this.#ask(request)) as Promise<T>
    const report = await turn<number>({ op: 'beginReport', collection, name })
    for (let from = 0; from < rows.length; from += REPORT_ROWS) {
      await turn({ op: 'addReportRows', report, from, rows: rows.slice(from, from + REPORT_ROWS) })
    }
    await turn({ op: 'finishReport', report, head: JSON.stringify(head) })
  }

  /** One transaction, sent in slices so that neither thread holds its breath. To be called within {@link exclusively}. */
  async upsert(keys: CollectionKeys, writes: readonly ItemWrite[]): Promise<UpsertAnswer> {
    let flight: Promise<unknown>[] = []
    let answer: unknown
    for (let from = 0; ; ) {
      const { message, next } = sliceUpsert(keys, writes, from)
      const reply = this.#ask(message, [message.vectors.buffer as ArrayBuffer])
      reply.catch(() => undefined)
      flight.push(reply)
      if (message.last || flight.length >= SLICES_IN_FLIGHT) {
        for (const sent of flight) answer = await sent
        flight = []
      }
      if (message.last) return answer as UpsertAnswer
      from = next
      await new Promise(setImmediate)
    }
  }

  /** Ends the thread after the writes that began. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#queue
    if (!this.#failure) {
      const ended = new Promise((resolve) => this.#worker.once('exit', resolve))
      await this.#ask({ op: 'close' }).catch(() => this.#worker.terminate())
      await ended
    }
  }

  /** A while after the last commit, so that no write's answer waits for the copying. */
  #scheduleCheckpoint(): void {
    if (this.#checkpointDue || this.#closed || this.#failure) return
    this.#checkpointDue = true
    setTimeout(() => {
      this.#checkpointDue = false
      if (this.#closed || this.#failure) return
      this.#queue = this.#queue.then(() => this.#ask({ op: 'checkpoint' })).catch(() => undefined)
    }, 200).unref()
  }

  #ask(request: WriterRequest, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, request }, transfer)
    })
  }

  #settle(reply: WriterReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('error' in reply) waiting?.reject(fromPlainError(reply.error))
    else waiting?.resolve(reply.result)
  }

  #fail(reason: string): void {
    this.#failure ??= new EngineError('CLOSED', `${reason}; open the engine again`)
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}
