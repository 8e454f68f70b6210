import type { Backend, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { TextEncoder } from '../core/text-encoder.js'
import type { Encoders } from '../encoders/registry.js'
import type { KeyedQueue } from './keyed-queue.js'
import type { Lifetime } from './lifetime.js'
import type { RecordCache } from './record-cache.js'

/** What the engine's parts share. */
export interface EngineContext {
  readonly backend: Backend
  readonly encoders: Encoders
  readonly lifetime: Lifetime
  readonly records: RecordCache
  /** Patches of one item wait for each other. */
  readonly patches: KeyedQueue
}

/** A space whose vectors a text encoder makes. */
export interface EncodedSpace extends SpaceRecord {
  encoder: string
  encoderName: string
}

/** Whether a text encoder makes the vectors of `space`. */
export function isEncoded(space: SpaceRecord): space is EncodedSpace {
  return space.encoder !== null && space.encoderName !== null
}

/**
 * Loads the encoder that made a space's vectors.
 *
 * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID
 * @throws EngineError ENCODER_MISMATCH if what is found under its name is no longer the same encoder
 */
export async function loadSpaceEncoder(context: EngineContext, space: EncodedSpace): Promise<TextEncoder> {
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
