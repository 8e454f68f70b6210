import type { CollectionRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { checkId, utf8Length } from '../core/names.js'
import type { Metadata } from '../core/types.js'
import { toVector } from '../core/vectors.js'
import { contentHash, fingerprint } from './fingerprint.js'
import { type PreparedImage, prepareImage } from './item-image.js'
import { checkMetadata } from './metadata.js'
import { checkFields, invalid, isPlainObject, show } from './requests.js'
import { VectorRoom } from './vector-room.js'

/** An item that was checked; it shares no memory with what the caller gave. */
export interface PreparedItem {
  id: string
  text: string | null
  textHash: string | null
  metadata: Metadata
  image: PreparedImage | null
  /** The user's own vectors by space, in the order of the spaces' names. */
  vectors: [space: string, vector: Float32Array][]
  fingerprint: string
}

const ITEM_FIELDS: ReadonlySet<string> = new Set(['id', 'text', 'image', 'metadata', 'vectors'])

/**
 * Checks and copies one item.
 *
 * @throws EngineError INVALID_REQUEST, INVALID_ID, INVALID_TEXT, TEXT_TOO_LARGE, INVALID_METADATA, INVALID_IMAGE, IMAGE_TOO_LARGE,
 * SPACE_NOT_FOUND, ENCODER_MISMATCH, INVALID_VECTOR, DIMENSION_MISMATCH, ZERO_VECTOR; `details.field` names the field
 */
export async function prepareItem(
  input: unknown,
  record: CollectionRecord,
  room: VectorRoom,
): Promise<PreparedItem> {
  const item = checkFields(input, ITEM_FIELDS, 'item')
  const id = checkId(item.id)
  const text = item.text === undefined ? null : checkText(item.text, 'text')
  const { metadata, canonical } = checkMetadata(item.metadata ?? (item.metadata === null ? null : {}))
  const image = item.image === undefined ? null : await prepareImage(item.image)
  const vectors = item.vectors === undefined ? [] : checkVectors(item.vectors, record, room)
  if (text === null && image === null && vectors.length === 0) throw emptyItem()
  const textHash = text === null ? null : await contentHash(text)
  const imageHash = image?.hash ?? null
  const print = fingerprint({ textHash, metadata: canonical, imageHash, vectors })
  return { id, text, textHash, metadata, image, vectors, fingerprint: print }
}

/** The refusal of an item that holds nothing. */
export function emptyItem(): EngineError {
  return invalid('text', 'an item needs at least one of text, image and vectors')
}

/**
 * @param field how the message calls it
 * @throws EngineError INVALID_TEXT, TEXT_TOO_LARGE
 */
export function checkText(value: unknown, field: string): string {
  const details = { field }
  if (typeof value !== 'string') {
    throw new EngineError('INVALID_TEXT', `${field} must be a string, got ${show(value)}`, { details })
  }
  const bytes = value.length * 3 > LIMITS.textBytes ? utf8Length(value) : 0
  if (bytes > LIMITS.textBytes) {
    const message = `${field} has ${bytes} UTF-8 bytes, at most ${LIMITS.textBytes} are taken; split it into several items`
    throw new EngineError('TEXT_TOO_LARGE', message, { details })
  }
  if (!/\S/u.test(value)) {
    throw new EngineError('INVALID_TEXT', `${field} is empty; leave it out or give it words`, { details })
  }
  if (!value.isWellFormed()) {
    const message = `${field} is not well-formed Unicode: it holds half of a surrogate pair`
    throw new EngineError('INVALID_TEXT', message, { details })
  }
  return value
}

/** Copies the user's own vectors, sorted by space. */
export function checkVectors(
  value: unknown,
  record: CollectionRecord,
  room = new VectorRoom(),
): [string, Float32Array][] {
  if (!isPlainObject(value)) {
    const message = `vectors must be an object of vectors by space, got ${show(value)}`
    throw new EngineError('INVALID_VECTOR', message, { details: { field: 'vectors' } })
  }
  return Object.keys(value)
    .sort()
    .map((name) => [name, checkVector(value[name], name, record, room)])
}

function checkVector(value: unknown, name: string, record: CollectionRecord, room: VectorRoom): Float32Array {
  const field = `vectors.${name}`
  const space = record.spaces.find((known) => known.name === name)
  if (space === undefined) throw unknownSpace(name, record, field)
  if (space.encoder !== null) {
    const message = `vectors of space "${name}" are made by its encoder "${space.encoderName}"; give ${space.input === 'image' ? 'an image' : 'a text'} instead, or make a space without an encoder`
    throw new EngineError('ENCODER_MISMATCH', message, { details: { field } })
  }
  const into = room.take(space.dim)
  return readVector(value, space.dim, { field, allowZero: !space.metrics.includes('cosine'), into })
}

/** The refusal of a space's name. */
export function unknownSpace(name: string, record: CollectionRecord, field: string): EngineError {
  const known = record.spaces.map((space) => space.name).join(', ')
  const message = `collection "${record.name}" has no space ${show(name)}; it has ${known}`
  return new EngineError('SPACE_NOT_FOUND', message, { details: { field } })
}

/** Copies a vector of the user's. @throws EngineError INVALID_VECTOR, DIMENSION_MISMATCH, ZERO_VECTOR */
export function readVector(
  value: unknown,
  dim: number,
  { field, ...options }: { field: string; allowZero: boolean; into?: Float32Array },
): Float32Array {
  if (!Array.isArray(value) && (!ArrayBuffer.isView(value) || value instanceof DataView)) {
    const message = `${field} must be an array of ${dim} numbers, got ${show(value)}`
    throw new EngineError('INVALID_VECTOR', message, { details: { field } })
  }
  try {
    return toVector(value as ArrayLike<number>, dim, { name: field, ...options })
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError(error.code, error.message, { details: { ...error.details, field } })
  }
}
