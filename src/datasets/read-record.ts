import { EngineError, type ErrorCode } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'

/** What could not be read, and why. */
export interface Skipped {
  /** The path, with `:LINE` where it is a part of a file; `-` is standard input. */
  source: string
  reason: string
  code: ErrorCode
}

/** One outcome of reading. */
export type ReadRecord = { item: ItemInput; source: string } | { skipped: Skipped }

/** As {@link ReadRecord}, while ids are still to be compared. */
export type MadeRecord = { item: ItemInput; source: string; hashed: boolean } | { skipped: Skipped }

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
