import type { Backend, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { TextEncoder } from '../core/text-encoder.js'
import type { Encoders } from '../encoders/registry.js'
import type { ImageWorkers } from '../images/image-workers.js'
import type { CalibrationSource } from './calibration.js'
import type { DetectionService } from './detection-service.js'
import type { FittedEncoders } from './fitted-encoders.js'
import type { Jobs } from './jobs.js'
import type { KeyedQueue } from './keyed-queue.js'
import type { Lifetime } from './lifetime.js'
import type { RecordCache } from './record-cache.js'

/** What the engine's parts share. */
export interface EngineContext {
  readonly backend: Backend
  /** Text encoders, which come with kindred or from the hub. */
  readonly encoders: Encoders
  /** Image encoders, which are fitted to a collection and lie in it. */
  readonly fitted: FittedEncoders
  readonly images: ImageWorkers
  readonly jobs: Jobs
  /** By what similarities of a collection are judged. */
  readonly calibrations: CalibrationSource
  /** What judges how strange items are, and keeps up with writes. */
  readonly detections: DetectionService
  readonly lifetime: Lifetime
  readonly records: RecordCache
  /** Patches of one item wait for each other, as do the making and the deleting of a collection. */
  readonly queues: KeyedQueue
  /** Ids of the jobs of which one runs at a time: those that fit encoders, by collection and space, and others. */
  readonly fits: Map<string, string>
}

/** A space whose vectors a text encoder makes. */
export interface TextSpace extends SpaceRecord {
  encoder: string
  encoderName: string
}

/** Whether a text encoder makes the vectors of `space`. */
export function isTextSpace(space: SpaceRecord): space is TextSpace {
  return space.input === 'text' && space.encoder !== null && space.encoderName !== null
}

/** Whether the vectors of `space` are made from pictures. */
export function isImageSpace(space: SpaceRecord): boolean {
  return space.input === 'image'
}

/**
 * Loads the encoder that made a text space's vectors.
 *
 * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID
 * @throws EngineError ENCODER_MISMATCH if what is found under its name is no longer the same encoder
 */
export async function loadSpaceEncoder(
  context: Pick<EngineContext, 'encoders'>,
  space: TextSpace,
): Promise<TextEncoder> {
  const encoder = await context.encoders.load(space.encoderName)
  if (encoder.id !== space.encoder) {
    throw new EngineError(
      'ENCODER_MISMATCH',
      `space "${space.name}" holds vectors of encoder "${space.encoderName}" with id ${space.encoder}, but the model found under that name has id ${encoder.id}; put the former model back, or make a new collection with the present one and add the items again`,
      { details: { space: space.name, expected: space.encoder, received: encoder.id } },
    )
  }
  return encoder
}
