import type {
  Correction,
  CorrectionChange,
  DetectionRecord,
  DetectionVersion,
  JudgedItem,
  NewDetection,
  UnjudgedItem,
} from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import {
  type CollectionKeys,
  currentDetection,
  type EncoderKeys,
  findCurrent,
  findDetection,
} from './collection-keys.js'
import type { Collections } from './collections.js'
import type { DetectionReader } from './detection-reader.js'
import type { Writer } from './writer.js'

/** Items judged in one transaction. */
const SLICE = 500

/** What happens to the detections of spaces; each step takes its turn among the writes. */
export class DetectionVersions {
  readonly #writer: Writer
  readonly #collections: Collections
  readonly #reader: DetectionReader

  constructor(parts: { writer: Writer; collections: Collections; reader: DetectionReader }) {
    this.#writer = parts.writer
    this.#collections = parts.collections
    this.#reader = parts.reader
  }

  /** Newest first. */
  list(keys: CollectionKeys, space: string): DetectionVersion[] {
    return this.#reader.versions(findCurrent(keys, space).encoderKey)
  }

  /** The one that counts, as it is told with its space. */
  record(encoder: EncoderKeys): DetectionRecord | undefined {
    const current = currentDetection(encoder)
    if (!current) return undefined
    const known = this.#reader.versions(encoder.encoderKey)
    const found = known.find(({ version }) => version === current.version)
    if (!found) return undefined
    const { version, settings, report, createdAt } = found
    return { version, settings, report, createdAt }
  }

  files(keys: CollectionKeys, space: string, version: number): Record<string, Uint8Array> {
    return this.#reader.files(findDetection(keys, space, version).detection.detectionKey)
  }

  stage(found: CollectionKeys, space: string, encoder: number, detection: NewDetection): Promise<number> {
    return this.#writer.exclusively(async () => {
      const current = findCurrent(this.#collections.now(found), space)
      if (current.version !== encoder) {
        const message = `space "${space}" has encoder version ${current.version} by now, not ${encoder}; fit the detectors again`
        throw new EngineError('ENCODER_MISMATCH', message)
      }
      const version = await this.#writer.stageDetection(current.encoderKey, detection)
      this.#collections.refresh()
      return version
    })
  }

  unjudged(keys: CollectionKeys, space: string, version: number, limit: number): UnjudgedItem[] {
    const { encoder, detection } = findDetection(keys, space, version)
    return this.#reader.unjudged(encoder.encoderKey, detection.detectionKey, limit)
  }

  async judge(
    found: CollectionKeys,
    space: string,
    version: number,
    rows: readonly JudgedItem[],
  ): Promise<void> {
    for (let from = 0; from < rows.length; from += SLICE) {
      await this.#writer.exclusively(async () => {
        const keys = this.#collections.now(found)
        const { detection } = findDetection(keys, space, version)
        const items = await this.#writer.judge(detection.detectionKey, rows.slice(from, from + SLICE))
        if (detection.state === 'current') this.#touch(keys, items)
      })
    }
  }

  async promote(found: CollectionKeys, space: string, version: number): Promise<boolean> {
    return this.#writer.exclusively(async () => {
      const keys = this.#collections.now(found)
      const { detection } = findDetection(keys, space, version)
      if (detection.state === 'current') return true
      const promoted = await this.#writer.promoteDetection(detection.detectionKey)
      if (promoted) this.#collections.refresh()
      return promoted
    })
  }

  drop(found: CollectionKeys, space: string, version: number): Promise<void> {
    return this.#writer.exclusively(async () => {
      const keys = this.#collections.now(found)
      const current = keys.spaces.find(({ name }) => name === space)?.current
      const target = current?.detections.find((known) => known.version === version)
      if (target?.state !== 'staged') return
      await this.#writer.dropDetection(target.detectionKey)
      this.#collections.refresh()
    })
  }

  pValues(keys: CollectionKeys, space: string): Float64Array {
    const detection = currentDetection(findCurrent(keys, space))
    return detection ? this.#reader.pValues(detection.detectionKey) : new Float64Array()
  }

  correct(found: CollectionKeys, rows: readonly CorrectionChange[]): Promise<string[]> {
    return this.#writer.exclusively(async () => {
      const keys = this.#collections.now(found)
      const { ids, items } = await this.#writer.correct(keys.key, rows)
      this.#touch(keys, items)
      return ids
    })
  }

  corrections(keys: CollectionKeys): Correction[] {
    return this.#reader.corrections(keys.key)
  }

  /** What filters found by judgements must be looked at again for these items. */
  #touch(keys: CollectionKeys, items: readonly number[]): void {
    const open = this.#collections.opened(keys)
    if (!open || items.length === 0) return
    open.vectors.slots.touch(new Set(items))
  }
}
