import { CallThread } from '../core/call-thread.js'
import { EngineError } from '../core/errors.js'
import type { ImageAnswer, ImageTask, ImageWorkerInput } from './image-messages.js'
import { Turn } from './turn.js'

/** One thread that works on pictures, one after the other. It keeps the process alive only while it has some. */
export class ImageThread {
  readonly #thread: CallThread
  readonly #gone: Promise<void>

  constructor(input: ImageWorkerInput) {
    this.#thread = new CallThread({
      script: new URL('./image-worker.js', import.meta.url),
      workerData: input,
      name: 'kindred images',
      what: 'a thread that renders images',
    })
    this.#gone = this.#thread.gone.then(() => new Turn(input.turn, input.number).giveBack())
  }

  /** Tasks that are not answered yet. */
  get load(): number {
    return this.#thread.load
  }

  get alive(): boolean {
    return this.#thread.alive
  }

  /** @throws EngineError what the thread says, or INTERNAL if it ends meanwhile */
  run(task: ImageTask): Promise<ImageAnswer> {
    return this.#thread.call(task) as Promise<ImageAnswer>
  }

  /** Ends after the task that is being worked on; what is not answered is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#thread.refuse(new EngineError('CLOSED', 'the threads that render images were closed'))
    await this.#thread.finish()
    await this.#gone
  }
}
