import { EngineError } from '../core/errors.js'

/** Knows whether the engine is open, and which writes are under way. */
export class Lifetime {
  #closed = false
  #writes = 0
  #waiting: (() => void)[] = []

  /** @throws EngineError CLOSED once the engine was told to close */
  check(): void {
    if (this.#closed) {
      throw new EngineError('CLOSED', 'the engine was closed; open it again with Kindred.open()')
    }
  }

  /** Runs work that `drained` waits for. @throws EngineError CLOSED */
  async write<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    this.#writes++
    try {
      return await work()
    } finally {
      this.#writes--
      if (this.#writes === 0) for (const resume of this.#waiting.splice(0)) resume()
    }
  }

  /** From now on nothing new begins. */
  end(): void {
    this.#closed = true
  }

  /** Resolves when no write is under way. */
  async drained(): Promise<void> {
    if (this.#writes > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
