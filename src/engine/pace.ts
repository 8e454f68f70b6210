import { setImmediate } from 'node:timers/promises'
import { EngineError } from '../core/errors.js'

/** How long a slice of synchronous work may hold the thread, in milliseconds. */
const SLICE_MS = 4

/**
 * Cuts long synchronous work into slices, so that requests are answered meanwhile.
 *
 *     for (const item of items) { if (pace.due) await pace.rest(); … }
 */
export class Pace {
  readonly #signal: AbortSignal | undefined
  #began = performance.now()

  /** @param signal when it is aborted, `rest` throws CANCELLED */
  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** Whether the slice is used up. */
  get due(): boolean {
    return performance.now() - this.#began > SLICE_MS
  }

  /** Lets everything else run, then begins the next slice. @throws EngineError CANCELLED */
  async rest(): Promise<void> {
    await setImmediate()
    throwIfAborted(this.#signal)
    this.#began = performance.now()
  }
}

/** @throws EngineError CANCELLED if the signal is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new EngineError('CANCELLED', 'cancelled by the caller', { cause: signal.reason })
}
