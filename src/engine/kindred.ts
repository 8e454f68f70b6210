import { resolve } from 'node:path'
import type { Backend } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { checkName } from '../core/names.js'
import type { TextRole } from '../core/text-encoder.js'
import type { CollectionOptions, CollectionSummary } from '../core/types.js'
import type { Encoders } from '../encoders/registry.js'
import { ImageWorkers } from '../images/image-workers.js'
import { Calibrations } from './calibrations.js'
import { Collection } from './collection.js'
import { checkAgreement, planSpaces, resolveSpaces } from './collection-options.js'
import { summarize } from './collection-summary.js'
import { Detections } from './detections.js'
import { type Embedded, embedTexts } from './embed.js'
import type { EngineContext } from './engine-context.js'
import { checkIndexed } from './filters.js'
import { FittedEncoders } from './fitted-encoders.js'
import { Jobs } from './jobs.js'
import { KeyedQueue } from './keyed-queue.js'
import { checkKeywordAgreement, planKeywords } from './keyword-options.js'
import { Lifetime } from './lifetime.js'
import { RecordCache } from './record-cache.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

/** How an engine is opened. */
export interface KindredOptions {
  /** The folder of the database, the indexes and pulled encoders. Default: KINDRED_HOME, else `indexes`. */
  home?: string
  /** Where collections live. Default: embedded in the home. The engine closes it. */
  backend?: Backend
  /** Worker threads of an encoder, and those that read pictures. 1 to 1,024; more is faster up to the number of cores. Default: chosen from the cores. */
  encoderThreads?: number
}

const OPEN_FIELDS: ReadonlySet<string> = new Set(['home', 'backend', 'encoderThreads'])

/** The engine: collections in one home. */
export class Kindred {
  /** An absolute path. */
  readonly home: string
  readonly jobs: Jobs
  readonly encoders: Encoders
  readonly #context: EngineContext
  #closing: Promise<void> | undefined

  private constructor(home: string, jobs: Jobs, context: EngineContext) {
    this.home = home
    this.jobs = jobs
    this.encoders = context.encoders
    this.#context = context
  }

  /**
   * Opens a home and makes it if it is not there. Encoders load when they are first needed.
   *
   * @throws EngineError HOME_LOCKED, HOME_NOT_WRITABLE, DATABASE_TOO_NEW, DATABASE_CORRUPT, NATIVE_ADDON_MISSING
   */
  static async open(options: KindredOptions = {}): Promise<Kindred> {
    checkFields(options, OPEN_FIELDS, 'options')
    const home = resolveHome(options.home)
    const threads = options.encoderThreads
    if (threads !== undefined) checkInteger(threads, 'encoderThreads', 1, 1024)
    const jobs = new Jobs()
    const { Encoders } = await import('../encoders/registry.js')
    const encoders = Encoders.create({ home, threads })
    const backend = options.backend ?? (await openEmbedded(home, jobs))
    const records = new RecordCache(backend)
    const lifetime = new Lifetime()
    await jobs.useLog(backend)
    const context: EngineContext = {
      backend,
      encoders,
      fitted: new FittedEncoders(backend, threads),
      images: ImageWorkers.create({ threads }),
      jobs,
      calibrations: new Calibrations({ backend, encoders }),
      detections: new Detections(() => context),
      lifetime,
      records,
      queues: new KeyedQueue(),
      fits: new Map(),
    }
    return new Kindred(home, jobs, context)
  }

  /** Of what kind the backend is: `embedded`. */
  get backendKind(): string {
    return this.#context.backend.kind
  }

  /**
   * Opens a collection, and makes it if it is missing.
   *
   * @param options of a new one; an existing one must agree with what is named
   * @throws EngineError INVALID_NAME, INVALID_REQUEST, ENCODER_NOT_FOUND, ENCODER_MISMATCH, COLLECTION_EXISTS
   */
  async collection(name: string, options?: CollectionOptions): Promise<Collection> {
    this.#context.lifetime.check()
    const checked = checkName(name, 'collection')
    const plans = planSpaces(options, this.encoders.defaultName())
    const keywords = planKeywords(options)
    let existing = await this.#context.records.find(checked)
    if (!existing) {
      try {
        return await this.createCollection(checked, options)
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'COLLECTION_EXISTS') throw error
        existing = await this.#context.records.find(checked)
        if (!existing) throw error
      }
    }
    if (options?.encoder !== undefined || options?.spaces !== undefined) checkAgreement(existing, plans)
    if (keywords) checkKeywordAgreement(existing, keywords)
    const collection = new Collection(this.#context, checked)
    if (
      options?.indexed !== undefined &&
      String(checkIndexed(options.indexed)) !== String(existing.indexed ?? [])
    ) {
      await collection.setIndexed(options.indexed)
    }
    return collection
  }

  /** @throws EngineError COLLECTION_EXISTS, INVALID_NAME, INVALID_REQUEST, ENCODER_NOT_FOUND, DIMENSION_MISMATCH */
  async createCollection(name: string, options?: CollectionOptions): Promise<Collection> {
    return this.#context.lifetime.write(async () => {
      const checked = checkName(name, 'collection')
      const plans = planSpaces(options, this.encoders.defaultName())
      const keywords = planKeywords(options)
      if (await this.#context.records.find(checked)) {
        throw new EngineError('COLLECTION_EXISTS', `there is a collection "${checked}" already`)
      }
      const indexed = options?.indexed === undefined ? [] : checkIndexed(options.indexed)
      const spaces = await resolveSpaces(plans, this.encoders)
      const record = { name: checked, spaces, keywords, ...(indexed.length > 0 ? { indexed } : {}) }
      await this.#changing(checked, () => this.#context.backend.createCollection(record))
      this.#context.records.forget(checked)
      return new Collection(this.#context, checked)
    })
  }

  /** @throws EngineError COLLECTION_NOT_FOUND */
  async getCollection(name: string): Promise<Collection> {
    this.#context.lifetime.check()
    const checked = checkName(name, 'collection')
    await this.#context.records.read(checked)
    return new Collection(this.#context, checked)
  }

  /** What there is, in the backend's order. */
  async collections(): Promise<CollectionSummary[]> {
    this.#context.lifetime.check()
    const { backend } = this.#context
    const summaries = (await backend.listCollections()).map(async ({ name }) => {
      try {
        return [summarize(await backend.stats(name))]
      } catch (error) {
        if (error instanceof EngineError && error.code === 'COLLECTION_NOT_FOUND') return []
        throw error
      }
    })
    return (await Promise.all(summaries)).flat()
  }

  /** Everything of it; its jobs are cancelled. @returns whether it was there */
  async deleteCollection(name: string): Promise<boolean> {
    return this.#context.lifetime.write(async () => {
      const checked = checkName(name, 'collection')
      return this.#changing(checked, async () => {
        try {
          await this.#endWork(checked)
          return await this.#context.backend.deleteCollection(checked)
        } finally {
          this.#context.records.forget(checked)
          // what began meanwhile
          await this.#endWork(checked)
        }
      })
    })
  }

  /** Ends what would write its result into a collection of that name. */
  async #endWork(collection: string): Promise<void> {
    const { calibrations, detections } = this.#context
    await Promise.all([
      this.jobs.cancelOf(collection),
      calibrations.forget(collection),
      detections.forget(collection),
    ])
  }

  /** A collection is made and deleted in turn: one that is made finds no work of one that is being deleted. */
  #changing<T>(collection: string, work: () => Promise<T>): Promise<T> {
    return this.#context.queues.run(`collection ${collection}`, work)
  }

  /**
   * Turns texts into vectors without storing them.
   *
   * @param options.encoder default: the default text encoder
   * @param options.as how encoders with prompts shall treat them; default: passage
   * @throws EngineError INVALID_TEXT, TEXT_TOO_LARGE (`details.index` tells which), ENCODER_NOT_FOUND, CANCELLED
   */
  async embed(
    texts: readonly string[],
    options: { encoder?: string; as?: TextRole; signal?: AbortSignal } = {},
  ): Promise<Embedded> {
    this.#context.lifetime.check()
    return embedTexts(this.encoders, texts, options)
  }

  /** Loads an encoder, so that the first query does not wait. */
  async warm(encoder: string = this.encoders.defaultName()): Promise<void> {
    this.#context.lifetime.check()
    const loaded = await this.encoders.load(encoder)
    await loaded.encode(['warm'], { as: 'query' })
  }

  /** Waits for writes that began, cancels jobs, releases everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { lifetime, encoders, fitted, images, backend, calibrations, detections } = this.#context
    lifetime.end()
    await Promise.all([this.jobs.close(), calibrations.close(), detections.close(), lifetime.drained()])
    try {
      await Promise.all([encoders.dispose(), fitted.close(), images.close()])
    } finally {
      await backend.close()
    }
  }
}

function resolveHome(home: unknown): string {
  if (home !== undefined && (typeof home !== 'string' || home === '')) {
    throw invalid('home', `home must be the path of a folder, got ${show(home)}`)
  }
  return resolve(home || process.env.KINDRED_HOME || 'indexes')
}

async function openEmbedded(home: string, jobs: Jobs): Promise<Backend> {
  const { EmbeddedBackend } = await import('../backends/embedded/embedded-backend.js')
  return EmbeddedBackend.open({ home, jobs })
}
