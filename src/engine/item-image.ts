import { createHash, webcrypto } from 'node:crypto'
import type { ImageWrite } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { imageType } from '../images/image-type.js'
import type { ImageWorkers } from '../images/image-workers.js'
import { checkFields, isPlainObject, show } from './requests.js'

/** Above this many bytes hashing goes to the thread pool. */
const OFF_THREAD_BYTES = 1 << 18
/** A rendition has at most 256 x 256 pixels: even stored without compression it is smaller. */
const RENDITION_BYTES = 1 << 19
const RENDERED_FIELDS: ReadonlySet<string> = new Set(['rendition', 'width', 'height', 'hash', 'path'])

/** A picture that was checked as far as its first bytes; it shares no memory with what the caller gave. */
export interface PreparedImage {
  /** SHA-256 of the file, in hexadecimal. */
  hash: string
  /** Rendered already, or the file as given. */
  given: ImageWrite | { bytes: Uint8Array; type: string }
}

/**
 * Checks and copies the picture of an item: a file's bytes, or what was rendered from a file elsewhere.
 *
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE, INVALID_REQUEST
 */
export async function prepareImage(value: unknown): Promise<PreparedImage> {
  if (isPlainObject(value)) return renderedImage(value)
  const given = checkImage(value, 'image')
  return { hash: await hashOf(given.bytes), given }
}

/** Copies the bytes of a picture. @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE */
export function checkImage(value: unknown, field: string): { bytes: Uint8Array; type: string } {
  const details = { field }
  if (!(value instanceof Uint8Array)) {
    throw new EngineError('INVALID_IMAGE', `${field} must be a Uint8Array, got ${show(value)}`, { details })
  }
  if (value.length > LIMITS.imageBytes) {
    const message = `${field} has ${value.length} bytes, at most ${LIMITS.imageBytes} are taken; make it smaller first`
    throw new EngineError('IMAGE_TOO_LARGE', message, { details })
  }
  const type = imageType(value)
  if (type === undefined) {
    const message = `${field} (${value.length} bytes) is none of PNG, JPEG, WebP, GIF, AVIF`
    throw new EngineError('INVALID_IMAGE', message, { details })
  }
  return { bytes: new Uint8Array(value), type }
}

/**
 * The picture as it is stored, rendered in a worker where it was not rendered before.
 *
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE, CANCELLED
 */
export async function renderImage(
  images: ImageWorkers,
  { hash, given }: PreparedImage,
  signal?: AbortSignal,
): Promise<ImageWrite> {
  if ('rendition' in given) return given
  const { width, height, rendition } = await images.render(given.bytes, { signal })
  return { width, height, hash, rendition, original: given, path: null }
}

function renderedImage(value: Record<string, unknown>): PreparedImage {
  const { rendition, width, height, hash, path } = checkFields(value, RENDERED_FIELDS, 'image')
  const { bytes, type } = checkImage(rendition, 'image.rendition')
  if (bytes.length > RENDITION_BYTES || (type !== 'image/png' && type !== 'image/webp')) {
    const message = `image.rendition must be a PNG or WebP of at most ${LIMITS.renditionSide} pixels a side, got ${bytes.length} bytes of ${type}`
    throw new EngineError('INVALID_IMAGE', message, { details: { field: 'image.rendition' } })
  }
  if (!isSide(width) || !isSide(height)) {
    throw wrong(
      'width',
      `image.width and image.height must be pixels, got ${show(width)} and ${show(height)}`,
    )
  }
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) {
    throw wrong('hash', `image.hash must be a SHA-256 in hexadecimal, got ${show(hash)}`)
  }
  if (typeof path !== 'string' || path === '' || path.length > 4096) {
    throw wrong('path', `image.path must be the path of the file, got ${show(path)}`)
  }
  return { hash, given: { width, height, hash, rendition: { bytes, type }, original: null, path } }
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0
}

function wrong(field: string, message: string): EngineError {
  return new EngineError('INVALID_REQUEST', message, { details: { field: `image.${field}` } })
}

async function hashOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= OFF_THREAD_BYTES) return createHash('sha256').update(bytes).digest('hex')
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('hex')
}
