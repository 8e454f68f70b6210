import { extname } from 'node:path'
import { EngineError } from '../core/errors.js'
import { isIdxImages } from './idx-names.js'

/**
 * How a file's bytes become items: `text` and `image` are one item a file, `lines` one a line, `idx` (of MNIST and its
 * like) one a picture.
 */
export type Format = 'text' | 'lines' | 'jsonl' | 'csv' | 'tsv' | 'image' | 'idx'

export const FORMATS: readonly Format[] = ['text', 'lines', 'jsonl', 'csv', 'tsv', 'image', 'idx']

/** What is known of a kind of file. */
export interface FileType {
  format: Format
  /** Whether folders are searched for it; lines and tables, which may be anything, are read only where they are named. */
  inFolders: boolean
}

/** Kinds of files by extension. */
export const FILE_TYPES: ReadonlyMap<string, FileType> = new Map([
  ['.txt', { format: 'text', inFolders: true }],
  ['.md', { format: 'text', inFolders: true }],
  ['.markdown', { format: 'text', inFolders: true }],
  ['.jsonl', { format: 'jsonl', inFolders: false }],
  ['.ndjson', { format: 'jsonl', inFolders: false }],
  ['.csv', { format: 'csv', inFolders: false }],
  ['.tsv', { format: 'tsv', inFolders: false }],
  ['.png', { format: 'image', inFolders: true }],
  ['.jpg', { format: 'image', inFolders: true }],
  ['.jpeg', { format: 'image', inFolders: true }],
  ['.webp', { format: 'image', inFolders: true }],
  ['.gif', { format: 'image', inFolders: true }],
  ['.avif', { format: 'image', inFolders: true }],
])

const IDX: FileType = { format: 'idx', inFolders: true }

/** @returns undefined for a kind that is not known; upper and lower case are the same */
export function fileType(path: string): FileType | undefined {
  return isIdxImages(path) ? IDX : FILE_TYPES.get(extname(path).toLowerCase())
}

/** The refusal of a file that was named, but is of no known kind. */
export function unsupportedFile(path: string): EngineError {
  const found = extname(path) === '' ? 'has no extension' : `is of the type "${extname(path)}"`
  return new EngineError(
    'UNSUPPORTED',
    `it ${found}, expected ${[...FILE_TYPES.keys()].join(', ')}, …-idx3-ubyte, or a format that says how to read it (--format ${FORMATS.join('|')})`,
  )
}

/** @throws EngineError INVALID_REQUEST on a format that is not known */
export function checkFormat(format: string): Format {
  const known = FORMATS.find((name) => name === format)
  if (known === undefined) {
    throw new EngineError('INVALID_REQUEST', `format is "${format}", expected one of ${FORMATS.join(', ')}`)
  }
  return known
}
