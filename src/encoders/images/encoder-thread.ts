import { CallThread } from '../../core/call-thread.js'
import { EngineError } from '../../core/errors.js'
import type { EncodedImage } from '../../core/image-encoder.js'
import type { EncoderInput, EncoderTask } from './encoder-tasks.js'

/** One thread that encodes images. It keeps the process alive only while it has something to do. */
export class EncoderThread {
  /** Whether whoever holds it has given it something. */
  busy = false
  readonly #thread: CallThread

  constructor(input: EncoderInput) {
    this.#thread = new CallThread({
      script: new URL('./image-encoder-worker.js', import.meta.url),
      workerData: input,
      name: 'kindred image encoder',
      what: 'a thread that encodes images',
    })
  }

  get alive(): boolean {
    return this.#thread.alive
  }

  /** @throws EngineError INVALID_IMAGE (`details.index`), ENCODER_INVALID, CLOSED, INTERNAL */
  async encode(images: readonly Uint8Array[]): Promise<EncodedImage[]> {
    return (await this.#thread.call({ kind: 'encode', images } satisfies EncoderTask)) as EncodedImage[]
  }

  /** @returns a PNG @throws EngineError as {@link encode}, UNSUPPORTED */
  async reconstruct(image: Uint8Array): Promise<Uint8Array> {
    return (await this.#thread.call({ kind: 'reconstruct', image } satisfies EncoderTask)) as Uint8Array
  }

  /** Ends after what it is doing; what it has not answered is refused with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#thread.refuse(new EngineError('CLOSED', 'the image encoder was closed'))
    await this.#thread.finish()
  }
}
