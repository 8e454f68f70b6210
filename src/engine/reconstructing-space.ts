import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import { heldOutOf } from './fitted-settings.js'
import { unknownSpace } from './prepare-item.js'
import { invalid, show } from './requests.js'

const PREFERRED = ['autoencoder', 'vae', 'pca']
/** Spaces whose verdicts are meant first where no space is named. */
export const JUDGING = ['outliers', 'text']

/**
 * The space whose encoder reconstructs pictures: the one that is named, or the first by preference.
 *
 * @throws EngineError SPACE_NOT_FOUND, INVALID_REQUEST
 */
export function reconstructingSpace(record: CollectionRecord, name: unknown): SpaceRecord {
  const known = reconstructing(record)
  const names = known.map((space) => space.name).join(', ') || 'none'
  if (name === undefined) {
    const first = firstReconstructing(record)
    if (first) return first
    throw invalid(
      'space',
      `collection "${record.name}" has no encoder that reconstructs pictures; train one first: kindred train ${record.name} --encoder autoencoder`,
    )
  }
  if (typeof name !== 'string') throw invalid('space', `space must be a string, got ${show(name)}`)
  const space = record.spaces.find((found) => found.name === name.normalize('NFC'))
  if (!space) throw unknownSpace(name, record, 'space')
  if (known.includes(space)) return space
  throw invalid(
    'space',
    `the encoder of space "${name}" does not reconstruct pictures; those that do: ${names}`,
  )
}

/** The first by preference of the spaces whose encoders reconstruct, if there is one. */
export function firstReconstructing(record: CollectionRecord): SpaceRecord | undefined {
  const known = reconstructing(record)
  return PREFERRED.flatMap((encoder) => known.filter((space) => space.encoderName === encoder))[0]
}

/** The space whose verdicts are meant where none is named: the first of `outliers`, `text`, then any that has a detection. */
export function firstJudging({ spaces }: CollectionRecord): SpaceRecord | undefined {
  const judging = spaces.filter(({ detection }) => detection !== undefined)
  return JUDGING.flatMap((name) => judging.filter((space) => space.name === name))[0] ?? judging[0]
}

/** Whether the space's encoder can make a picture of a vector. */
export function reconstructs({ settings }: SpaceRecord): boolean {
  return heldOutOf(settings) !== undefined
}

function reconstructing(record: CollectionRecord): SpaceRecord[] {
  return record.spaces.filter(reconstructs)
}
