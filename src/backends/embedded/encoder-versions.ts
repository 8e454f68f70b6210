import type { EncoderVersion, NewEncoderVersion } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import { checkEncoded } from './check-vectors.js'
import { type CollectionKeys, findSpace, findVersion } from './collection-keys.js'
import type { Collections } from './collections.js'
import type { EncoderReader } from './encoder-reader.js'
import { type FillRows, sliceFill } from './slice-writes.js'
import type { Writer } from './writer.js'

/** What happens to the encoder versions of spaces; each step takes its turn among the writes. */
export class EncoderVersions {
  readonly #writer: Writer
  readonly #collections: Collections
  readonly #reader: EncoderReader
  #purging: Promise<void> | undefined
  #closed = false

  constructor(parts: { writer: Writer; collections: Collections; reader: EncoderReader }) {
    this.#writer = parts.writer
    this.#collections = parts.collections
    this.#reader = parts.reader
  }

  /** Newest first. */
  list(keys: CollectionKeys, space: string): EncoderVersion[] {
    return findSpace(keys, space)
      .versions.map((version) => this.#reader.version(version))
      .reverse()
  }

  files(keys: CollectionKeys, space: string, version: number): Record<string, Uint8Array> {
    return this.#reader.files(findVersion(keys, space, version).encoderKey)
  }

  stage(keys: CollectionKeys, space: string, version: NewEncoderVersion): Promise<number> {
    return this.#writer.exclusively(async () => {
      const number = await this.#writer.stageEncoder(this.#collections.now(keys).key, space, version)
      this.#collections.refresh()
      return number
    })
  }

  /** @returns how many rows were written */
  async fill(keys: CollectionKeys, space: string, version: number, rows: FillRows): Promise<number> {
    let filled = 0
    let next = 0
    do {
      // a turn for each slice, so that other writes go on in between
      await this.#writer.exclusively(async () => {
        const target = findVersion(this.#collections.now(keys), space, version)
        if (target.state === 'current') {
          const message = `version ${version} of space "${space}" is current; write the items instead`
          throw new EngineError('CONFLICT', message)
        }
        if (next === 0) for (const row of rows) checkEncoded(target, row.encoded, `item "${row.id}"`)
        const slice = sliceFill(keys.key, target, rows, next)
        if (slice.message.rows.length > 0) filled += await this.#writer.fill(slice.message)
        next = slice.next
      })
    } while (next < rows.length)
    return filled
  }

  /**
   * Makes a version current, if it is whole: reads its vectors, commits, and swaps them in at one moment.
   *
   * @returns whether it was whole
   */
  async promote(found: CollectionKeys, space: string, version: number): Promise<boolean> {
    let stopFormer: (() => Promise<void>) | undefined
    const whole = await this.#writer.exclusively(async () => {
      const keys = this.#collections.now(found)
      const target = findVersion(keys, space, version)
      if (target.state === 'current') return true
      if (!(await this.#writer.isWhole(keys.key, target.encoderKey))) return false
      const open = this.#collections.opened(keys)
      const prepared = await open?.prepare(target)
      await this.#writer.promoteEncoder(target.encoderKey)
      this.#collections.refresh()
      if (open && prepared) stopFormer = open.swap(prepared)
      return true
    })
    // it may wait for a turn of the writer itself
    await stopFormer?.()
    await this.#collections.removeFiles()
    this.purge()
    return whole
  }

  drop(found: CollectionKeys, space: string, version: number): Promise<void> {
    return this.#writer.exclusively(async () => {
      const { spaces } = this.#collections.now(found)
      const { versions } = spaces.find(({ name }) => name === space) ?? { versions: [] }
      const target = versions.find((known) => known.version === version)
      if (!target) return
      if (target.state === 'current') {
        const message = `version ${version} of space "${space}" is current; make another one current first`
        throw new EngineError('CONFLICT', message)
      }
      await this.#writer.dropEncoder(target.encoderKey)
      this.#collections.refresh()
      this.purge()
    })
  }

  /** Removes what dropped versions left, and makes worn keyword indexes anew, little by little; what it does not come to waits for the next opening. */
  purge(): void {
    this.#purging ??= this.#purgeAll()
      .catch(() => undefined)
      .finally(() => {
        this.#purging = undefined
      })
  }

  /** Stops the purge. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#purging
  }

  async #purgeAll(): Promise<void> {
    let more = true
    while (more && !this.#closed) more = await this.#writer.exclusively(() => this.#writer.purge())
  }
}
