import { CallThread } from '../core/call-thread.js'
import type { DetectionOptions, DetectionRows, DetectionScores } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import type { Reason } from '../core/reasons.js'
import type { DetectionCallName, DetectionCalls, FittedRows } from './detection-messages.js'
import type { ItemEvidence } from './usual-items.js'

/** A detection as it is stored; `key` names it and never another. */
export interface StoredDetection {
  key: string
  /** Reads it; called where the thread does not have it. */
  read(): Promise<{ settings: Record<string, unknown>; files: Record<string, Uint8Array> }>
}

/** The thread in which detectors are fitted and items judged. It starts when it is first needed, and keeps no process alive. */
export class DetectionThread {
  #thread: CallThread | undefined
  #closed = false

  /**
   * Fits all detectors; what was asked before comes first.
   *
   * @param options.signal ends the thread, and with it all that it was asked, since a fit cannot be stopped within: a fit
   * that may be cancelled wants a thread of its own
   * @throws EngineError CANCELLED, INTERNAL, CLOSED
   */
  async fit(
    rows: DetectionRows,
    { signal, ...options }: DetectionOptions & { signal?: AbortSignal },
  ): Promise<FittedRows> {
    const cancelled = new EngineError('CANCELLED', 'the fitting of detectors was cancelled')
    const stop = (): void => void this.#thread?.end(cancelled)
    if (signal?.aborted) throw cancelled
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await this.#ask('fit', { rows, options })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** @throws EngineError INTERNAL, CLOSED */
  score(detection: StoredDetection, rows: DetectionRows): Promise<DetectionScores> {
    return this.#askLoaded(detection, (key) => this.#ask('score', { key, rows }))
  }

  /** Why an item seems strange beside those that the detection was fitted to. @throws EngineError INTERNAL, CLOSED */
  explain(detection: StoredDetection, evidence: ItemEvidence): Promise<Reason[]> {
    return this.#askLoaded(detection, (key) => this.#ask('explain', { key, evidence }))
  }

  async #askLoaded<T>(
    { key, read }: StoredDetection,
    ask: (key: string) => Promise<T | undefined>,
  ): Promise<T> {
    const known = await ask(key)
    if (known) return known
    // sent together, so that no other load comes in between and has it forgotten
    const stored = await read()
    const [, answer] = await Promise.all([this.#ask('load', { key, ...stored }), ask(key)])
    if (answer) return answer
    throw new EngineError('INTERNAL', 'the thread that judges items forgot its detectors; try again')
  }

  /** Ends it; what it was asked is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#thread?.end(new EngineError('CLOSED', 'the engine was closed'))
  }

  async #ask<N extends DetectionCallName>(
    call: N,
    asked: DetectionCalls[N]['asked'],
  ): Promise<DetectionCalls[N]['answer']> {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine was closed')
    if (!this.#thread?.alive) this.#thread = start()
    return (await this.#thread.call({ call, asked })) as DetectionCalls[N]['answer']
  }
}

function start(): CallThread {
  return new CallThread({
    script: new URL('./detection-worker.js', import.meta.url),
    name: 'kindred detectors',
    what: 'the thread that fits detectors',
  })
}
