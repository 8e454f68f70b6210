import type { Backend, SpaceRecord, VectorBatch } from '../core/backend.js'
import type { Metric } from '../core/metrics.js'
import type { Lifetime } from './lifetime.js'

/** A named latent space of a collection: one encoder, one dimension, its vectors. */
export class Space {
  readonly name: string
  /** The encoder's id, or null where the user brings the vectors. */
  readonly encoder: string | null
  /** By what name the encoder is loaded, or null. */
  readonly encoderName: string | null
  readonly dim: number
  readonly metrics: readonly Metric[]
  readonly #collection: string
  readonly #backend: Backend
  readonly #lifetime: Lifetime

  constructor(context: { backend: Backend; lifetime: Lifetime }, collection: string, record: SpaceRecord) {
    this.name = record.name
    this.encoder = record.encoder
    this.encoderName = record.encoderName
    this.dim = record.dim
    this.metrics = [...record.metrics]
    this.#collection = collection
    this.#backend = context.backend
    this.#lifetime = context.lifetime
  }

  /**
   * All live vectors as they were when it began, in batches; an id comes once for each of its passages.
   *
   * @param options.batch vectors of one batch, at least 1, default 1,000; larger is faster and holds more memory
   */
  async *scan(options: { batch?: number } = {}): AsyncGenerator<VectorBatch> {
    this.#lifetime.check()
    yield* this.#backend.scan(this.#collection, this.name, options)
  }
}
