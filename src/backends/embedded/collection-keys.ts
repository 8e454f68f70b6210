import type { SpaceInput } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import type { Metric } from '../../core/metrics.js'

/** A version of a space's encoder, with the key that SQLite knows it by. */
export interface EncoderKeys {
  /** Row of `encoders`. */
  encoderKey: number
  /** The space's name. */
  space: string
  version: number
  state: 'staged' | 'current' | 'retired'
  /** The encoder's id; null where the user brings the vectors. */
  encoder: string | null
  encoderName: string | null
  dim: number
  metrics: Metric[]
  unit: boolean
  /** Null where the encoder was not fitted to the collection. */
  settings: Record<string, unknown> | null
  /** What judges its vectors: those that are kept, newest first. */
  detections: DetectionKeys[]
}

/** A version of a detection, with the key that SQLite knows it by. */
export interface DetectionKeys {
  detectionKey: number
  version: number
  state: 'staged' | 'current' | 'retired'
}

/** A space with its key and all its encoder versions. */
export interface SpaceKeys {
  key: number
  name: string
  input: SpaceInput
  /** Oldest first. */
  versions: EncoderKeys[]
  /** That of the versions which is searched; undefined while the first is being filled. */
  current: EncoderKeys | undefined
}

/** A collection with its keys. */
export interface CollectionKeys {
  key: number
  name: string
  /** Those without a current version included. */
  spaces: SpaceKeys[]
  /** Metadata fields that are kept in memory for filters. */
  indexed: string[]
  /** Paths of the metadata that the keyword index holds. */
  keywords: string[]
}

/** The versions that are searched, whose vectors are in memory. */
export function currentVersions(keys: CollectionKeys): EncoderKeys[] {
  return keys.spaces.flatMap(({ current }) => current ?? [])
}

/** A space, one without a current version too. @throws EngineError SPACE_NOT_FOUND */
export function findSpace(keys: CollectionKeys, name: string): SpaceKeys {
  return keys.spaces.find((space) => space.name === name) ?? noSpace(keys, name)
}

/** A space's current version. @throws EngineError SPACE_NOT_FOUND */
export function findCurrent(keys: CollectionKeys, space: string): EncoderKeys {
  return keys.spaces.find(({ name }) => name === space)?.current ?? noSpace(keys, space)
}

/** @throws EngineError SPACE_NOT_FOUND, ENCODER_NOT_FOUND */
export function findVersion(keys: CollectionKeys, space: string, version: number): EncoderKeys {
  const { versions } = findSpace(keys, space)
  const found = versions.find((known) => known.version === version)
  if (found) return found
  const numbers = versions.map((known) => known.version).join(', ')
  throw new EngineError(
    'ENCODER_NOT_FOUND',
    `space "${space}" has no encoder version ${version}; it has ${numbers}`,
  )
}

/** The detection whose verdict counts for a space, if there is one. */
export function currentDetection(version: EncoderKeys | undefined): DetectionKeys | undefined {
  return version?.detections.find(({ state }) => state === 'current')
}

/** Of the space's current encoder version. @throws EngineError SPACE_NOT_FOUND, DETECTION_NOT_FOUND */
export function findDetection(
  keys: CollectionKeys,
  space: string,
  version: number,
): { encoder: EncoderKeys; detection: DetectionKeys } {
  const encoder = findCurrent(keys, space)
  const detection = encoder.detections.find((known) => known.version === version)
  if (detection) return { encoder, detection }
  const numbers = encoder.detections.map((known) => known.version).join(', ') || 'none'
  throw new EngineError(
    'DETECTION_NOT_FOUND',
    `space "${space}" has no detection of version ${version} for its current encoder; it has ${numbers}`,
  )
}

export function noCollection(name: string): never {
  throw new EngineError('COLLECTION_NOT_FOUND', `there is no collection "${name}"`)
}

export function noSpace(keys: CollectionKeys, name: string): never {
  const names = currentVersions(keys).map(({ space }) => `"${space}"`)
  throw new EngineError(
    'SPACE_NOT_FOUND',
    `collection "${keys.name}" has no space "${name}"; it has ${names.join(', ') || 'none'}`,
  )
}
