import { EngineError } from '../core/errors.js'
import type { EncodedText } from '../core/text-encoder.js'
import type { WorkerThread } from './worker-thread.js'

interface Query {
  texts: readonly string[]
  resolve: (texts: EncodedText[]) => void
  reject: (error: unknown) => void
}

/** Query texts that wait for a worker; calls that wait together are encoded together. */
export class QueryQueue {
  #waiting: Query[] = []
  #texts = 0
  readonly #served = new Set<Query>()

  /** Texts that wait. */
  get waiting(): number {
    return this.#texts
  }

  /** @returns the texts' vectors, in order; rejects with CANCELLED when the signal says so */
  add(texts: readonly string[], signal: AbortSignal | undefined): Promise<EncodedText[]> {
    let cancel = (): void => {}
    const answer = new Promise<EncodedText[]>((resolve, reject) => {
      const query: Query = { texts, resolve, reject }
      this.#waiting.push(query)
      this.#texts += texts.length
      cancel = () => {
        this.#drop(query)
        reject(new EngineError('CANCELLED', 'encoding was cancelled'))
      }
    })
    if (signal === undefined) return answer
    signal.addEventListener('abort', cancel, { once: true })
    return answer.finally(() => signal.removeEventListener('abort', cancel))
  }

  /**
   * Gives a worker the calls that wait longest, as one batch. Settles when they are answered; never rejects.
   *
   * @param limit texts of the batch; a call that has more goes alone
   */
  async serve(worker: WorkerThread, limit: number): Promise<void> {
    const batch: Query[] = []
    const texts: string[] = []
    for (const query of this.#waiting) {
      if (batch.length > 0 && texts.length + query.texts.length > limit) break
      batch.push(query)
      texts.push(...query.texts)
    }
    if (batch.length === 0) return
    this.#waiting.splice(0, batch.length)
    this.#texts -= texts.length
    for (const query of batch) this.#served.add(query)
    try {
      const { vectors, tokens } = await worker.encode({ texts, role: 'query', urgent: true, split: false })
      const dim = vectors.length / texts.length
      let row = 0
      for (const query of batch) {
        const answer = query.texts.map((): EncodedText => {
          const vector = vectors.slice(row * dim, (row + 1) * dim)
          return { vector, tokens: tokens[row++] ?? 0 }
        })
        query.resolve(answer)
      }
    } catch (error) {
      for (const query of batch) query.reject(error)
    } finally {
      for (const query of batch) this.#served.delete(query)
    }
  }

  /** Rejects all calls, waiting and served. */
  refuse(error: EngineError): void {
    const all = [...this.#waiting, ...this.#served]
    this.#waiting = []
    this.#texts = 0
    for (const query of all) query.reject(error)
  }

  #drop(query: Query): void {
    const at = this.#waiting.indexOf(query)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#texts -= query.texts.length
  }
}
