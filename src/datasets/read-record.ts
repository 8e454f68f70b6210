import { EngineError, type ErrorCode } from '../core/errors.js'
import type { Pixels } from '../core/image-encoder.js'
import type { ItemInput } from '../core/types.js'

/** What could not be read, and why. */
export interface Skipped {
  /** The path, with `:LINE` (of an IDX file `:NUMBER`, from 0) where it is a part of a file; `-` is standard input. */
  source: string
  reason: string
  code: ErrorCode
}

/** A picture that was found, and is read when it is asked for. */
export interface FoundImage {
  /** The absolute path of the file that it lies in; `-` is standard input. */
  path: string
  /** What it takes there. */
  bytes: number
  /**
   * The file's bytes, which nobody has looked at yet, or pixels where the file does not hold it as a picture.
   *
   * @throws EngineError FILE_UNREADABLE, INVALID_IMAGE, IMAGE_TOO_LARGE, or what the operating system says
   */
  read(): Promise<Uint8Array | Pixels>
}

/** An item that was read. */
export interface ItemRecord {
  /** Without its picture, if that is {@link image} and was not rendered yet. */
  item: ItemInput
  /** Where it comes from, as in {@link Skipped}. */
  source: string
  image?: FoundImage
}

/** One outcome of reading. */
export type ReadRecord = ItemRecord | { skipped: Skipped }

/** As {@link ReadRecord}, while ids are still to be compared. */
export type MadeRecord = (ItemRecord & { hashed: boolean }) | { skipped: Skipped }

/**
 * The record of a failure that stops one item or one file, not the rest.
 *
 * @param error an EngineError or a failed call to the operating system; anything else is thrown again
 */
export function skippedBy(error: unknown, source: string): { skipped: Skipped } {
  if (error instanceof EngineError) return { skipped: { source, code: error.code, reason: error.message } }
  if (isSystemError(error)) {
    const reason = SYSTEM_REASONS[error.code] ?? `it cannot be read (${error.code}: ${error.message})`
    return { skipped: { source, code: 'FILE_UNREADABLE', reason } }
  }
  throw error
}

const SYSTEM_REASONS: Record<string, string> = {
  ENOENT: 'it does not exist (or is a link to what does not)',
  ENOTDIR: 'it does not exist (a file lies where its path needs a folder)',
  EACCES: 'there is no permission to read it',
  EPERM: 'there is no permission to read it',
  ELOOP: 'its links lead round in a circle',
  EISDIR: 'it is a folder, expected a file',
  ENAMETOOLONG: 'its path is too long for the file system',
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
}
