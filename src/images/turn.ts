/** Free; else the number of the thread that has its turn. */
const FREE = 0

/** Lets one thread at a time do something: a lock in memory that the threads share. */
export class Turn {
  readonly #state: Int32Array<SharedArrayBuffer>
  readonly #thread: number

  /**
   * @param memory what all of them were given; see {@link Turn.memory}
   * @param thread this thread's number, from 1
   */
  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#state = new Int32Array(memory)
    this.#thread = thread
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(4)
  }

  /** Waits, blocking its thread. */
  take(): void {
    for (;;) {
      const other = Atomics.compareExchange(this.#state, 0, FREE, this.#thread)
      if (other === FREE) return
      Atomics.wait(this.#state, 0, other)
    }
  }

  /** Does nothing where it is another's turn; so it may also be called for a thread that died. */
  giveBack(): void {
    Atomics.compareExchange(this.#state, 0, this.#thread, FREE)
    Atomics.notify(this.#state, 0)
  }
}
