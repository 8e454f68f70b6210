import type { z } from '@hono/zod-openapi'
import { EngineError, toPlainError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { ItemInput, Metadata, RenderedImageInput } from '../core/types.js'
import { ItemBody, type PatchBody } from './schemas.js'
import { check, show } from './validation.js'

/** What a patch changes: see `Collection.patch`. */
export interface ItemChanges {
  text?: string | null
  image?: Uint8Array | RenderedImageInput | null
  metadata?: Metadata
  vectors?: Record<string, Float32Array | null>
}

/** An item as JSON brought it. @throws EngineError INVALID_REQUEST, INVALID_IMAGE, INVALID_METADATA, INVALID_VECTOR */
export function itemInput(value: unknown): ItemInput {
  const { id, ...fields } = check(ItemBody, value, 'the item')
  return { id, ...fieldsOf(fields) }
}

/** The changes of a patch, checked like an item's fields. */
export function itemChanges(body: z.output<typeof PatchBody>): ItemChanges {
  const { text, image, vectors, ...fields } = body
  const changes: ItemChanges = fieldsOf({ ...fields, ...(image === null ? {} : { image }) })
  if (image === null) changes.image = null
  if (text !== undefined) changes.text = text
  if (vectors !== undefined) {
    changes.vectors = bySpace(vectors, (values, field) =>
      values === null ? null : wireVector(values, field),
    )
  }
  return changes
}

interface WireFields {
  text?: string
  image?: string | WireImage
  metadata?: Record<string, unknown>
  vectors?: Record<string, unknown>
}

type WireImage = Omit<RenderedImageInput, 'rendition'> & { rendition: string }

interface Fields {
  text?: string
  image?: Uint8Array | RenderedImageInput
  metadata?: Metadata
  vectors?: Record<string, Float32Array>
}

function fieldsOf({ text, image, metadata, vectors }: WireFields): Fields {
  const fields: Fields = {}
  if (text !== undefined) fields.text = text
  if (image !== undefined) fields.image = imageOf(image)
  if (metadata !== undefined) fields.metadata = metadataOf(metadata)
  if (vectors !== undefined) fields.vectors = bySpace(vectors, wireVector)
  return fields
}

/**
 * Runs it; an error then tells of which item it is.
 *
 * @param details `index` for an item of a list, `line` for one of NDJSON
 */
export function namingItem<T>(
  value: unknown,
  details: { index: number } | { line: number },
  run: () => T,
): T {
  try {
    return run()
  } catch (cause) {
    const error = toPlainError(cause)
    const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined
    const named = typeof id === 'string' ? ` (${show(id)})` : ''
    const place = 'line' in details ? `line ${details.line}` : `item ${details.index}${named}`
    throw new EngineError(error.code, `${place}: ${error.message}`, {
      cause,
      details: { ...error.details, ...details, ...(typeof id === 'string' ? { id } : {}) },
    })
  }
}

/**
 * Numbers of JSON as float32.
 *
 * @param field how the message calls it
 * @throws EngineError INVALID_VECTOR on anything that is not a finite float32
 */
export function vectorOf(values: readonly unknown[], field: string): Float32Array {
  const vector = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const rounded = typeof value === 'number' ? Math.fround(value) : Number.NaN
    if (!Number.isFinite(rounded)) {
      throw new EngineError(
        'INVALID_VECTOR',
        `${field} holds ${show(value)} at position ${i}; every value must be a finite float32 number`,
        { details: { field, position: i } },
      )
    }
    vector[i] = rounded
  }
  return vector
}

function bySpace<T>(
  vectors: Record<string, unknown>,
  read: (values: unknown, field: string) => T,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(vectors).map(([space, values]) => [space, read(values, `vectors.${space}`)]),
  )
}

function wireVector(values: unknown, field: string): Float32Array {
  if (Array.isArray(values)) return vectorOf(values, field)
  throw new EngineError('INVALID_VECTOR', `${field} must be an array of numbers, got ${show(values)}`, {
    details: { field },
  })
}

function imageOf(image: string | WireImage): Uint8Array | RenderedImageInput {
  if (typeof image === 'string') return imageBytes(image, 'image')
  return { ...image, rendition: imageBytes(image.rendition, 'image.rendition') }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Bytes of base64 or of a data URL. @throws EngineError INVALID_IMAGE */
export function imageBytes(text: string, field: string): Uint8Array {
  const dataUrl = text.startsWith('data:')
  const comma = dataUrl ? text.indexOf(',') : -1
  const base64 = text.slice(comma + 1)
  const declared = !dataUrl || text.slice(0, comma).endsWith(';base64')
  if (!declared || base64 === '' || base64.length % 4 === 1 || !BASE64.test(base64)) {
    throw new EngineError(
      'INVALID_IMAGE',
      `${field} must be a picture in base64, or a data URL in base64, got ${show(text)}`,
      { details: { field } },
    )
  }
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

/** Metadata is taken as it is, unless it is nested so deep that copying it would overflow the stack. */
function metadataOf(metadata: Record<string, unknown>): Metadata {
  if (shallower(metadata, LIMITS.metadataDepth + 1)) return metadata as Metadata // it came out of JSON.parse
  throw new EngineError('INVALID_METADATA', `metadata lies deeper than ${LIMITS.metadataDepth} levels`, {
    details: { field: 'metadata' },
  })
}

function shallower(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    if (!shallower(inner, levels - 1)) return false
  }
  return true
}
