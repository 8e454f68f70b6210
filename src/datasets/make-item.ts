import { createHash } from 'node:crypto'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { checkId, utf8Length } from '../core/names.js'
import type { ItemInput } from '../core/types.js'
import type { VectorColumns } from './vector-columns.js'

/** Fields that are taken for the text where none is named `text` and none was chosen, in this order. */
export const TEXT_COLUMNS: readonly string[] = ['text', 'content', 'body', 'document', 'sentence']

/** Which fields of a record mean what. */
export interface ColumnOptions {
  /** The field that holds the text. Default: the first of {@link TEXT_COLUMNS} that is there. */
  textColumn?: string
  /** The field that holds the id. Default: `id` if it is there, else the id is a hash of the content. */
  idColumn?: string
  /** The fields that make the item's vector in the space `columns`. Default: none. */
  columns?: VectorColumns
}

export interface Made {
  item: ItemInput
  /** Whether the id is the content's hash: then the same id means the same content. */
  hashed: boolean
}

/**
 * Checks what every reader must and gives the item an id if it has none: 32 hex digits of the SHA-256 of its text
 * or, where there is more than a text, of all its content. Metadata, vectors and pictures are left to the engine.
 *
 * @throws EngineError INVALID_ID, INVALID_TEXT, TEXT_TOO_LARGE
 */
export function makeItem(parts: Omit<ItemInput, 'id'> & { id?: string }): Made {
  if (parts.text !== undefined) checkText(parts.text)
  if (parts.text === undefined && parts.image === undefined && parts.vectors === undefined) {
    throw new EngineError('INVALID_TEXT', 'it has no text, expected a text, an image or vectors')
  }
  const { id, ...content } = parts
  if (id !== undefined) return { item: { id: checkId(id), ...content }, hashed: false }
  return { item: { id: hashOf(content), ...content }, hashed: true }
}

/** @throws EngineError INVALID_TEXT, TEXT_TOO_LARGE */
function checkText(text: string): void {
  const bytes = text.length * 3 > LIMITS.textBytes ? utf8Length(text) : 0
  if (bytes > LIMITS.textBytes) throw textTooLarge(bytes)
  if (!/\S/u.test(text)) throw new EngineError('INVALID_TEXT', 'its text is empty')
  if (!text.isWellFormed()) {
    throw new EngineError(
      'INVALID_TEXT',
      'its text is not well-formed Unicode: it holds half of a surrogate pair',
    )
  }
}

/** @param bytes what it has, or at least has */
export function textTooLarge(bytes: number): EngineError {
  return new EngineError(
    'TEXT_TOO_LARGE',
    `its text has ${bytes} bytes, at most ${LIMITS.textBytes} are taken; split it into several`,
  )
}

function hashOf(content: Omit<ItemInput, 'id'>): string {
  const names = Object.keys(content).filter((key) => content[key as keyof typeof content] !== undefined)
  const onlyText = names.length === 1 && content.text !== undefined
  const hash = createHash('sha256')
  if (onlyText) hash.update(content.text ?? '')
  else {
    const { image, ...rest } = content
    hash.update(JSON.stringify({ ...rest, image: image && imageHash(image) }, sorted))
  }
  return hash.digest('hex').slice(0, 32)
}

function imageHash(image: NonNullable<ItemInput['image']>): string {
  return image instanceof Uint8Array ? createHash('sha256').update(image).digest('hex') : image.hash
}

/** A replacer for `JSON.stringify` that sorts keys, so that equal content gives an equal hash. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

/**
 * The name under which a column's values are kept as metadata: `.` and a leading `$` mean something in filters, so
 * that `Sepal.Length` becomes `Sepal_Length` and `$price` becomes `_price`.
 */
export function metadataKey(column: string): string {
  return column.replaceAll('.', '_').replace(/^\$/, '_')
}

/** Renames columns for metadata. @throws EngineError INVALID_METADATA where two would get one name */
export function metadataKeys(columns: readonly string[]): Map<string, string> {
  const keys = new Map<string, string>()
  const taken = new Map<string, string>()
  for (const column of columns) {
    const key = metadataKey(column)
    const other = taken.get(key)
    if (other !== undefined) {
      throw new EngineError(
        'INVALID_METADATA',
        `the columns "${other}" and "${column}" would both be kept as "${key}"; rename one`,
      )
    }
    taken.set(key, column)
    keys.set(column, key)
  }
  return keys
}
